"""What providers sent, and who has read it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from integrations.fields import EncryptedTextField
from integrations.models.base import IdentifiedModel, TenantModel, organization_key

from .endpoints import WebhookEndpoint
from .replays import WebhookReplay


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
    subject = models.CharField(
        _("subject"), max_length=255, blank=True, db_default="",
        help_text=_("The provider's reference of the payment, shipment or message that it concerns."),
    )  # fmt: skip
    occurred_at = models.DateTimeField(
        _("occurred"), null=True, help_text=_("The provider's time, where it tells: the order of a subject's events.")
    )
    is_test = models.BooleanField(_("test event"), default=False, db_default=False)
    payload = models.JSONField(
        _("payload"), null=True, help_text=_("A masked summary of the body, made when the event is processed.")
    )
    raw_body = models.BinaryField(null=True, help_text=_("The very bytes that were verified, until archived."))
    body = models.FileField(_("archived body"), null=True, blank=True, upload_to="webhooks/%Y/%m/", max_length=255)
    body_key = EncryptedTextField(_("body's key"), null=True, editable=False)
    body_bytes = models.PositiveIntegerField(_("body's size"), null=True, editable=False)
    archived_at = models.DateTimeField(_("archived"), null=True, editable=False)
    body_deleted_at = models.DateTimeField(_("body deleted"), null=True, editable=False)
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
    attempts = models.JSONField(
        _("attempts"), default=list, db_default=models.Value([], models.JSONField()), editable=False,
        help_text=_("What became of each: {at, status, error, duration_ms, replay}."),
    )  # fmt: skip
    processed_at = models.DateTimeField(_("processed"), null=True)
    received_at = models.DateTimeField(_("received"), db_default=Now())
    replay = models.ForeignKey(
        WebhookReplay, on_delete=models.SET_NULL, null=True, db_index=False, related_name="events",
        verbose_name=_("replay"), help_text=_("The run that made it due again last; none where a person did."),
    )  # fmt: skip
    replays = models.PositiveSmallIntegerField(_("replays"), default=0, db_default=0)

    class Meta:
        db_table = "webhook_events"
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook_endpoint", "event_id"], name="webhook_events_once"),
            models.CheckConstraint(
                condition=models.Q(signature_verified=True) | models.Q(is_test=True), name="webhook_events_verified"
            ),
        ]
        indexes: ClassVar = [
            # The queue, see `webhooks.claim`: of each organization what is due first, and of each subject what comes
            # first. What is held (by a pause) is in neither.
            models.Index(
                fields=["organization", "next_attempt_at"],
                condition=models.Q(
                    processing_status__in=["pending", "processing", "retrying"], next_attempt_at__isnull=False
                ),
                name="webhook_events_waiting",
            ),
            models.Index(
                "webhook_endpoint",
                "subject",
                Coalesce("occurred_at", "received_at"),
                "id",
                condition=models.Q(processing_status__in=["pending", "processing"], next_attempt_at__isnull=False)
                & ~models.Q(subject=""),
                name="webhook_events_in_order",
            ),
            # What a pause holds, for the moment when it ends.
            models.Index(
                fields=["webhook_endpoint"],
                condition=models.Q(processing_status__in=["pending", "retrying"], next_attempt_at__isnull=True),
                name="webhook_events_held",
            ),
            models.Index(fields=["organization", "-id"], name="webhook_events_org_newest"),
            models.Index(fields=["webhook_endpoint", "-id"], name="webhook_events_endpoint"),
            models.Index(fields=["processing_status", "-id"], name="webhook_events_status"),
            models.Index(fields=["event_type", "-id"], name="webhook_events_type"),
            # Of replayed events alone: what the door stores costs nothing more.
            models.Index(
                fields=["replay", "processing_status"],
                condition=models.Q(replay__isnull=False),
                name="webhook_events_replayed",
            ),
            # Those that wait for the archive, those in it, and those that are a summary: each index holds only these.
            models.Index(
                fields=["id"],
                condition=models.Q(processing_status__in=["completed", "failed"], raw_body__isnull=False),
                name="webhook_events_to_archive",
            ),
            models.Index(
                fields=["organization", "id"],
                condition=models.Q(body__gt=""),
                name="webhook_events_archived",
            ),
            models.Index(
                fields=["organization", "id"],
                condition=models.Q(body_deleted_at__isnull=False, payload__isnull=False),
                name="webhook_events_summaries",
            ),
        ]
        permissions: ClassVar = [("read_webhook_body", "Can read the full body of a webhook event")]

    def __str__(self) -> str:
        return f"{self.event_type} · {self.event_id}"

    @property
    def has_body(self) -> bool:
        """Whether the bytes are to be had, here or in the archive."""
        return self.raw_body is not None or self.body_key is not None


class WebhookAccessLog(TenantModel, IdentifiedModel):
    """Who read which event's body, and why. Append only: a trigger refuses change and deletion."""

    class Action(models.TextChoices):
        READ = "read", _("Read")
        DOWNLOAD = "download", _("Downloaded")

    webhook_event = models.ForeignKey(
        WebhookEvent, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("event")
    )
    actor = models.CharField(_("who"), max_length=255)
    user = models.ForeignKey(
        "integrations.User", on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    action = models.CharField(_("what"), max_length=16, choices=Action, default=Action.READ)
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    reason = models.CharField(_("why"), max_length=255, blank=True)

    class Meta:
        db_table = "webhook_access_logs"
        verbose_name = _("webhook access")
        verbose_name_plural = _("webhook accesses")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.actor} · {self.webhook_event_id}"
