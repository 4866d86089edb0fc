"""Where events are forwarded to, what is to be sent there, and what became of each attempt."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from integrations.fields import EncryptedTextField
from integrations.models.base import IdentifiedModel, TenantModel, TimestampedModel, organization_key
from integrations.models.catalogue import IntegrationProvider

from .events import WebhookEvent


def _names(longest: int, **options: Any) -> ArrayField[Any, Any]:
    return ArrayField(models.CharField(max_length=longest), default=list, blank=True, **options)


class WebhookDestination(TenantModel, TimestampedModel):
    """An address of the organization's own programs. An event goes there when it fits every filter that is set."""

    class Form(models.TextChoices):
        NORMALIZED = "normalized", _("Normalized")
        RAW = "raw", _("As the provider sent it")

    class DisabledReason(models.TextChoices):
        BY_HAND = "by_hand", _("Switched off by hand")
        GONE = "gone", _("The receiver answered 410 Gone")
        FAILING = "failing", _("Nothing but failure for days")

    url = models.CharField(_("address"), max_length=2000)
    description = models.CharField(_("description"), max_length=200, blank=True)
    form = models.CharField(_("form"), max_length=10, choices=Form, default=Form.NORMALIZED)
    event_types = _names(
        100, verbose_name=_("event types"), help_text=_("Our names: payment.succeeded, payment.*. Empty: all.")
    )
    provider_event_types = _names(
        100, verbose_name=_("provider's event types"), help_text=_("The provider's own names. Empty: all.")
    )
    provider_types = ArrayField(
        models.CharField(max_length=16, choices=IntegrationProvider.Type),
        default=list, blank=True, verbose_name=_("kinds of provider"), help_text=_("Empty: all."),
    )  # fmt: skip
    connection = models.ForeignKey(
        "integrations.Connection", on_delete=models.CASCADE, null=True, blank=True, related_name="webhook_destinations",
        verbose_name=_("connection"), help_text=_("Empty: the events of all connections."),
    )  # fmt: skip
    signing_secret = EncryptedTextField(_("signing secret"))
    previous_signing_secret = EncryptedTextField(_("previous signing secret"), null=True, editable=False)
    previous_secret_expires_at = models.DateTimeField(_("previous secret used until"), null=True, editable=False)
    # A JSON object of names and values, which may be credentials; the names stand beside it, to be shown.
    headers = EncryptedTextField(_("headers"), null=True, editable=False)
    header_names = _names(100, verbose_name=_("headers"), editable=False)
    retry_policy = models.JSONField(
        _("retries"), default=dict, blank=True, help_text=_('{"schedule": [5, 300, …]} in seconds. Empty: the usual.')
    )
    max_concurrency = models.PositiveSmallIntegerField(_("messages at once"), default=8)
    max_per_second = models.PositiveIntegerField(
        _("messages a second"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    is_ordered = models.BooleanField(
        _("in order"), default=False, help_text=_("One after the other; one that fails holds up those after it.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    disabled_at = models.DateTimeField(_("switched off"), null=True, editable=False)
    disabled_reason = models.CharField(
        _("why it is off"), max_length=8, choices=DisabledReason, blank=True, editable=False
    )
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    warned_at = models.DateTimeField(_("warned"), null=True, editable=False)
    last_delivered_at = models.DateTimeField(_("last delivery"), null=True, editable=False)
    delivered_count = models.PositiveBigIntegerField(pgettext_lazy("count", "delivered"), default=0, editable=False)
    failed_count = models.PositiveBigIntegerField(_("failed"), default=0, editable=False)
    # What the queue keeps: when the next may be sent (rate, Retry-After), and which worker serves it until when.
    next_send_at = models.DateTimeField(null=True, editable=False)
    sender = models.UUIDField(null=True, editable=False)
    sender_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "webhook_destinations"
        verbose_name = _("webhook destination")
        verbose_name_plural = _("webhook destinations")
        ordering = ("-id",)
        indexes: ClassVar = [models.Index(fields=["organization", "-id"], name="webhook_destinations_org")]

    def __str__(self) -> str:
        return self.description or self.url


class WebhookDelivery(TenantModel, IdentifiedModel):
    """One thing to tell one destination, once. It holds no body: that is made of the event when it is sent."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        SENDING = "sending", _("Being sent")
        RETRYING = "retrying", _("Retrying")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")
        HELD = "held", _("Held")

    OPEN: ClassVar = (Status.PENDING, Status.SENDING, Status.RETRYING)

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    event = models.ForeignKey(
        WebhookEvent, on_delete=models.CASCADE, null=True, db_index=False, related_name="deliveries",
        verbose_name=_("event"), help_text=_("None: a test."),
    )  # fmt: skip
    event_index = models.PositiveSmallIntegerField(default=0)  # which of the things that a batch of a provider's tells
    event_type = models.CharField(_("event type"), max_length=100)
    destination = models.ForeignKey(
        WebhookDestination, on_delete=models.CASCADE, db_index=False, related_name="deliveries",
        verbose_name=_("destination"),
    )  # fmt: skip
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.PENDING)
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    tries = models.PositiveSmallIntegerField(default=0)  # attempts since it was last made due by hand
    next_attempt_at = models.DateTimeField(
        _("next attempt"), null=True, db_default=Now(),
        help_text=_("When it is due; while it is being sent, when the worker's lease on it ends."),
    )  # fmt: skip
    response_status = models.PositiveSmallIntegerField(_("answer"), null=True)
    response_body = models.TextField(_("answer's body"), blank=True)
    error = models.TextField(_("error"), blank=True)
    duration_ms = models.PositiveIntegerField(_("took (ms)"), null=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)

    class Meta:
        db_table = "webhook_deliveries"
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "destination", "event_index"], name="webhook_deliveries_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["destination", "next_attempt_at"],
                condition=models.Q(status__in=["pending", "sending", "retrying"]),
                name="webhook_deliveries_due",
            ),
            models.Index(
                fields=["destination", "id"],
                condition=models.Q(status__in=["pending", "sending", "retrying"]),
                name="webhook_deliveries_oldest_open",
            ),
            models.Index(
                fields=["destination", "-id"],
                condition=models.Q(status__in=["failed", "held"]),
                name="webhook_deliveries_undelivered",
            ),
            models.Index(fields=["destination", "-id"], name="webhook_deliveries_newest"),
            models.Index(fields=["organization", "-id"], name="webhook_deliveries_org_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} · {self.pk}"


class WebhookDeliveryAttempt(TenantModel, IdentifiedModel):
    """What one attempt met: the answer, cut at a bound and without secrets, or why there was none."""

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    delivery = models.ForeignKey(
        WebhookDelivery, on_delete=models.CASCADE, db_index=False, related_name="attempts", verbose_name=_("delivery")
    )
    number = models.PositiveIntegerField(_("attempt"))
    at = models.DateTimeField(_("time"))
    response_status = models.PositiveSmallIntegerField(_("answer"), null=True)
    response_headers = models.JSONField(_("answer's headers"), default=dict)
    response_body = models.TextField(_("answer's body"), blank=True)
    error = models.TextField(_("error"), blank=True)
    duration_ms = models.PositiveIntegerField(_("took (ms)"))

    class Meta:
        db_table = "webhook_delivery_attempts"
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        ordering = ("delivery", "number")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["delivery", "number"], name="webhook_delivery_attempts_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.response_status or self.error}"
