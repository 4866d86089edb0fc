"""Where alerts are told, and what became of each telling."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from integrations.fields import EncryptedTextField
from integrations.models.base import IdentifiedModel, TenantModel, TimestampedModel, organization_key

from .alerts import Alert


class AlertChannel(TenantModel, TimestampedModel):
    """An Apprise address. It may hold tokens and passwords: it is sealed, and only `shown` is ever told of it."""

    name = models.CharField(_("name"), max_length=100)
    url = EncryptedTextField(_("address"))
    service = models.CharField(_("service"), max_length=40, editable=False)
    shown = models.CharField(_("address"), max_length=300, editable=False)  # with everything secret left out
    is_active = models.BooleanField(_("active"), default=True)
    delivered_at = models.DateTimeField(_("last delivery"), null=True, editable=False)
    failed_at = models.DateTimeField(_("last failure"), null=True, editable=False)
    error = models.TextField(_("error"), blank=True, editable=False)  # of the last delivery, empty when it succeeded
    # One message at a time goes to a channel, and after one that gathered many the next waits.
    next_send_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "alert_channels"
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class AlertNotification(TenantModel, IdentifiedModel):
    """One thing to tell one channel. Those that went out in one message have its `batch` in common."""

    class Kind(models.TextChoices):
        OPENED = "opened", pgettext_lazy("notification", "Opened")
        REPEATED = "repeated", pgettext_lazy("notification", "Repeated")
        ESCALATED = "escalated", pgettext_lazy("notification", "Escalated")
        RESOLVED = "resolved", pgettext_lazy("notification", "Resolved")
        TEST = "test", pgettext_lazy("notification", "Test")

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        SENDING = "sending", _("Being sent")
        RETRYING = "retrying", _("Retrying")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Not needed any more")

    WAITING: ClassVar = (Status.PENDING, Status.RETRYING)
    OPEN: ClassVar = (Status.PENDING, Status.SENDING, Status.RETRYING)

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, null=True, related_name="notifications", verbose_name=_("alert")
    )
    channel = models.ForeignKey(
        AlertChannel, on_delete=models.SET_NULL, null=True, db_index=False, related_name="notifications",
        verbose_name=_("channel"),
    )  # fmt: skip
    channel_name = models.CharField(_("channel"), max_length=100)  # as it was called then
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    interruptions = models.PositiveSmallIntegerField(default=0)  # attempts of which nobody knows what became
    error = models.TextField(_("error"), blank=True)
    batch = models.UUIDField(null=True, editable=False)
    # While it is being sent this is the lease's end.
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        db_table = "alert_notifications"
        verbose_name = _("alert notification")
        verbose_name_plural = _("alert notifications")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="alert_notifications_org"),
            models.Index(fields=["channel", "-id"], name="alert_notifications_channel"),
            models.Index(
                fields=["channel", "next_attempt_at"],
                condition=models.Q(status__in=["pending", "sending", "retrying"]),
                name="alert_notifications_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.channel_name}"

    @property
    def is_due(self) -> bool:
        return self.next_attempt_at is not None and self.next_attempt_at <= timezone.now()
