"""The addresses that providers call."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.fields import EncryptedTextField
from integrations.models.base import TenantModel, TimestampedModel


def default_retry_policy() -> dict[str, Any]:
    """Eight attempts over a day: pauses of 30 s, 2 min, 8 min, … each four times the one before, the last 12.5 h."""
    return {
        "max_retries": 7,
        "backoff_strategy": "exponential",
        "initial_seconds": 30,
        "factor": 4,
        "max_seconds": 45_000,
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
    is_paused = models.BooleanField(
        _("paused"), default=False, help_text=_("Events are verified and stored, and held until the pause ends.")
    )
    allowed_networks = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        verbose_name=_("allowed networks"),
        help_text=_("Addresses or CIDR ranges that may call. Empty: those that the provider documents, else any."),
    )
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
        return self.webhook_url or str(self.connection)

    @property
    def has_address(self) -> bool:
        """One without has the events that we tell ourselves (`webhooks.own_events`)."""
        return bool(self.webhook_url)
