"""Every check of a connection, by which rule it is judged, and for how long it was up."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel, TimestampedModel, organization_key

from .base import LoggedConnection


class HealthCheck(TenantModel, LoggedConnection, IdentifiedModel):
    class Status(models.TextChoices):
        HEALTHY = "healthy", _("Healthy")
        DEGRADED = "degraded", _("Degraded")
        DOWN = "down", _("Down")

    class Type(models.TextChoices):
        PING = "ping", _("Ping")
        AUTHENTICATION = "authentication", _("Authentication")
        API_CALL = "api_call", _("Call")
        WEBHOOK = "webhook", _("Webhook")

    class Outcome(models.TextChoices):
        """What the check met; `status` is what was concluded from it and those before it."""

        ANSWERED = "answered", _("Answered")
        FAILED = "failed", _("No answer")
        REFUSED = "refused", _("Credentials refused")
        SILENT = "silent", _("No webhooks")
        SKIPPED = "skipped", _("Skipped")

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    check_timestamp = models.DateTimeField(_("checked"))
    status = models.CharField(_("status"), max_length=8, choices=Status)
    response_time_ms = models.PositiveIntegerField(_("time (ms)"), null=True)
    error_message = models.TextField(_("error"), blank=True)
    http_status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    endpoint_tested = models.CharField(_("endpoint"), max_length=2048, blank=True)
    check_type = models.CharField(_("type"), max_length=16, choices=Type, default=Type.AUTHENTICATION)
    outcome = models.CharField(
        _("outcome"), max_length=8, choices=Outcome, default=Outcome.ANSWERED, db_default=Outcome.ANSWERED.value
    )
    in_maintenance = models.BooleanField(_("in maintenance"), default=False, db_default=False)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)

    class Meta:
        db_table = "integration_health"
        verbose_name = _("health check")
        verbose_name_plural = _("health checks")
        ordering = ("-check_timestamp", "-id")
        indexes: ClassVar = [
            models.Index(fields=["connection", "-check_timestamp"], name="health_connection"),
            models.Index(fields=["connection", "check_type", "-check_timestamp"], name="health_connection_type"),
            models.Index(fields=["organization", "-id"], name="health_org_newest"),
            models.Index(fields=["-check_timestamp"], name="health_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} · {self.check_timestamp:%d/%m/%Y %H:%M}"


class HealthRule(TenantModel, TimestampedModel):
    """How a connection's health is judged. A connection without one is judged by the defaults."""

    connection = models.OneToOneField(
        "integrations.Connection", on_delete=models.CASCADE, related_name="health_rule", verbose_name=_("connection")
    )
    interval_seconds = models.PositiveIntegerField(
        _("interval (s)"), default=300, validators=[MinValueValidator(30), MaxValueValidator(86_400)],
        help_text=_("Seconds between two checks, 30 to 86400. While it is not well, a minute at most."),
    )  # fmt: skip
    failures_until_down = models.PositiveSmallIntegerField(
        _("failures until down"), default=2, validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text=_("So many in a row, 1 to 20."),
    )  # fmt: skip
    successes_until_recovery = models.PositiveSmallIntegerField(
        _("successes until recovery"), default=2, validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text=_("So many in a row, 1 to 20."),
    )  # fmt: skip
    slow_ms = models.PositiveIntegerField(
        _("slow from (ms)"), default=2000, validators=[MinValueValidator(50), MaxValueValidator(10_000)],
        help_text=_("An answer that takes longer is slow, whatever is usual. 50 to 10000."),
    )  # fmt: skip
    slow_times = models.DecimalField(
        _("slow from (times the usual)"), max_digits=4, decimal_places=1, default=Decimal(3),
        validators=[MinValueValidator(Decimal("1.1")), MaxValueValidator(Decimal(100))],
        help_text=_("An answer that takes so many times the usual is slow, 1.1 to 100."),
    )  # fmt: skip
    baseline_ms = models.PositiveIntegerField(
        _("usual answer (ms)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text=_("Empty: the median of its recent good checks."),
    )  # fmt: skip

    class Meta:
        db_table = "health_rules"
        verbose_name = _("health rule")
        verbose_name_plural = _("health rules")

    def __str__(self) -> str:
        return str(self.connection)


class UptimeDay(TenantModel, LoggedConnection, IdentifiedModel):
    """For how long a connection was up and down on a day of its organization's calendar. What is in neither is not
    known, or lies in a maintenance window."""

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    date = models.DateField(_("date"))
    up_seconds = models.PositiveIntegerField(_("up (s)"), default=0)
    down_seconds = models.PositiveIntegerField(_("down (s)"), default=0)

    class Meta:
        db_table = "integration_uptime"
        verbose_name = _("uptime of a day")
        verbose_name_plural = _("uptime by day")
        ordering = ("-date",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "date"], name="uptime_connection_date"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "-date"], name="uptime_org_date")]

    def __str__(self) -> str:
        return f"{self.date:%d/%m/%Y}"
