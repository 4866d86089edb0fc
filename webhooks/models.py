"""The addresses that providers call, what they sent, and who has read it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from integrations.fields import EncryptedTextField
from integrations.models.base import IdentifiedModel, TenantModel, TimestampedModel, organization_key


def default_retry_policy() -> dict[str, Any]:
    """Eight retries over about a day: 30 s, 2 min, 8 min, … each four times the one before, at most 12 h."""
    return {
        "max_retries": 8,
        "backoff_strategy": "exponential",
        "initial_seconds": 30,
        "factor": 4,
        "max_seconds": 43_200,
    }


class WebhookEndpoint(TenantModel, TimestampedModel):
    connection = models.ForeignKey(
        "integrations.Connection",
        on_delete=models.CASCADE,
        related_name="webhook_endpoints",
        verbose_name=_("connection"),
    )
    webhook_url = models.URLField(_("address"), max_length=500, editable=False)
    webhook_secret = EncryptedTextField(_("signing secret"))
    previous_webhook_secret = EncryptedTextField(_("previous signing secret"), null=True, editable=False)
    previous_secret_expires_at = models.DateTimeField(_("previous secret valid until"), null=True, editable=False)
    event_types = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        verbose_name=_("event types"),
        help_text=_("The provider's names of the events to act on. Empty: all."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    max_per_minute = models.PositiveIntegerField(_("calls a minute"), default=6000)
    retry_policy = models.JSONField(_("retries"), default=default_retry_policy, blank=True)
    last_triggered = models.DateTimeField(_("last event"), null=True, editable=False)
    total_triggers = models.PositiveBigIntegerField(_("events"), default=0, editable=False)
    success_count = models.PositiveBigIntegerField(_("succeeded"), default=0, editable=False)
    failure_count = models.PositiveBigIntegerField(_("failed"), default=0, editable=False)

    class Meta:
        db_table = "webhook_endpoints"
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.webhook_url


class WebhookEvent(TenantModel, IdentifiedModel):
    """One call of a provider, stored once. PostgreSQL is the queue: see `webhooks.inbox`."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        PROCESSING = "processing", _("Processing")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        RETRYING = "retrying", _("Retrying")

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    webhook_endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="events",
        verbose_name=_("endpoint"),
    )
    event_id = models.CharField(_("event id"), max_length=255)
    event_type = models.CharField(_("event type"), max_length=100)
    normalized_type = models.CharField(_("normalized type"), max_length=64, blank=True)
    payload = models.JSONField(
        _("payload"), null=True, help_text=_("The body as JSON, filled in when the event is processed.")
    )
    raw_body = models.BinaryField(null=True, help_text=_("The very bytes that were verified, until archived."))
    body = models.FileField(_("archived body"), null=True, blank=True, upload_to="webhooks/%Y/%m/", max_length=255)
    headers = models.JSONField(_("headers"), default=dict)
    signature = models.TextField(_("signature"), blank=True)
    signature_verified = models.BooleanField(_("signature verified"), default=False)
    processing_status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PENDING)
    retry_count = models.PositiveSmallIntegerField(_("retries"), default=0)
    next_attempt_at = models.DateTimeField(
        _("next attempt"),
        null=True,
        db_default=Now(),
        help_text=_("When the event is due; while it is processed, when the worker's lease on it ends."),
    )
    error_message = models.TextField(_("error"), blank=True)
    processed_at = models.DateTimeField(_("processed"), null=True)
    received_at = models.DateTimeField(_("received"), db_default=Now())
    replay_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        db_table = "webhook_events"
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook_endpoint", "event_id"], name="webhook_events_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(processing_status__in=["pending", "processing", "retrying"]),
                name="webhook_events_due",
            ),
            models.Index(fields=["organization", "-id"], name="webhook_events_org_newest"),
            models.Index(fields=["webhook_endpoint", "-id"], name="webhook_events_endpoint"),
            models.Index(fields=["processing_status", "-id"], name="webhook_events_status"),
            models.Index(fields=["event_type", "-id"], name="webhook_events_type"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} · {self.event_id}"


class WebhookAccessLog(TenantModel, IdentifiedModel):
    """Who read which event's body. Append only: a trigger refuses change and deletion."""

    webhook_event = models.ForeignKey(
        WebhookEvent, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("event")
    )
    actor = models.CharField(_("who"), max_length=255)
    user = models.ForeignKey(
        "integrations.User", on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    action = models.CharField(_("what"), max_length=16, default="read")
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    reason = models.CharField(_("why"), max_length=255, blank=True)

    class Meta:
        db_table = "webhook_access_logs"
        verbose_name = _("webhook access")
        verbose_name_plural = _("webhook accesses")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.actor} · {self.webhook_event_id}"
