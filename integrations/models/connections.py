"""An organization's use of a provider, and how much it may call it."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import PriceField, TenantModel, TimestampedModel
from .catalogue import IntegrationProvider


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def usable(self) -> ConnectionQuerySet:
        """Those that live traffic may go through."""
        return self.filter(status=Connection.Status.ACTIVE)

    def watched(self) -> ConnectionQuerySet:
        """Those whose health is looked after: usable, or stopped by what was found."""
        stopped = models.Q(status=Connection.Status.ERROR, is_stopped_by_health=True)
        found = self.filter(models.Q(status=Connection.Status.ACTIVE) | stopped)
        return found.filter(provider__is_active=True, organization__is_active=True)


class Connection(TenantModel, TimestampedModel):
    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        TESTING = "testing", _("Testing")
        ACTIVE = "active", _("Active")
        INACTIVE = "inactive", _("Inactive")
        ERROR = "error", _("Error")

    class Environment(models.TextChoices):
        PRODUCTION = "production", _("Production")
        STAGING = "staging", _("Staging")
        DEVELOPMENT = "development", _("Development")

    class Health(models.TextChoices):
        HEALTHY = "healthy", _("Healthy")
        DEGRADED = "degraded", _("Degraded")
        DOWN = "down", _("Down")
        UNKNOWN = "unknown", _("Unknown")

    provider = models.ForeignKey(
        IntegrationProvider, on_delete=models.PROTECT, related_name="connections", verbose_name=_("provider")
    )
    provider_type = models.CharField(
        _("provider type"), max_length=16, choices=IntegrationProvider.Type, editable=False,
        help_text=_("The provider's, repeated here so that one primary per type can be a constraint."),
    )  # fmt: skip
    connection_name = models.CharField(_("name"), max_length=100)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.PENDING)
    environment = models.CharField(_("environment"), max_length=12, choices=Environment, default=Environment.PRODUCTION)
    configuration = models.JSONField(_("configuration"), default=dict, blank=True)
    is_primary = models.BooleanField(_("primary"), default=False)
    region = models.CharField(_("region"), max_length=32, blank=True)
    price_per_call_aed = PriceField(
        _("price per call (AED)"), help_text=_("Empty: the provider's. Zero: calls cost nothing.")
    )
    last_health_check = models.DateTimeField(_("last health check"), null=True, blank=True)
    next_health_check = models.DateTimeField(null=True, blank=True, editable=False)
    health_status = models.CharField(_("health"), max_length=8, choices=Health, default=Health.UNKNOWN)
    health_changed_at = models.DateTimeField(_("in this health since"), null=True, editable=False)
    # The status is `error` since its health was bad, not since a person's test has failed: it ends by itself.
    is_stopped_by_health = models.BooleanField(default=False, db_default=False, editable=False)
    error_message = models.TextField(_("error"), blank=True)
    connected_at = models.DateTimeField(_("connected"), null=True, blank=True)
    disconnected_at = models.DateTimeField(_("disconnected"), null=True, blank=True)
    created_by = models.ForeignKey(
        "integrations.User",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_column="created_by",
        related_name="+",
        verbose_name=_("created by"),
    )

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        db_table = "integration_connections"
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ("-created_at",)
        indexes: ClassVar = [
            models.Index(fields=["organization", "status"], name="connections_org_status"),
            models.Index(fields=["provider"], name="connections_provider"),
            models.Index(fields=["status", "next_health_check"], name="connections_health_due"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "provider_type", "environment"],
                condition=models.Q(is_primary=True),
                name="connections_one_primary",
                violation_error_message=_("This organization already has a primary connection of this type here."),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "testing", "active", "inactive", "error"]),
                name="connections_status_known",
            ),
        ]

    def __str__(self) -> str:
        return self.connection_name

    @property
    def is_live(self) -> bool:
        return self.environment == self.Environment.PRODUCTION

    @property
    def cost_of_call_aed(self) -> Decimal:
        """What each call that the provider answers costs: the connection's price, else the provider's."""
        own, general = self.price_per_call_aed, self.provider.price_per_call_aed
        return own if own is not None else general or Decimal(0)


class RateLimit(TenantModel, TimestampedModel):
    class Window(models.TextChoices):
        PER_MINUTE = "per_minute", _("Per minute")
        PER_HOUR = "per_hour", _("Per hour")
        PER_DAY = "per_day", _("Per day")
        PER_MONTH = "per_month", _("Per month")

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="rate_limits", verbose_name=_("connection")
    )
    limit_type = models.CharField(_("window"), max_length=10, choices=Window)
    max_requests = models.PositiveIntegerField(_("calls allowed"))
    is_documented = models.BooleanField(
        _("as the provider documents"), default=False, db_default=False, editable=False,
        help_text=_("Follows the provider's documentation, until somebody sets another limit."),
    )  # fmt: skip
    current_usage = models.PositiveIntegerField(_("calls made"), default=0, editable=False)
    # Calls given out of the window, to Redis in lots: `limit_counters`. Those made are among them.
    reserved = models.PositiveIntegerField(_("calls given out"), default=0, editable=False)
    window_start = models.DateTimeField(_("window started"), null=True, editable=False)
    window_end = models.DateTimeField(_("window ends"), null=True, editable=False)
    is_exceeded = models.BooleanField(_("exceeded"), default=False, editable=False)
    exceeded_at = models.DateTimeField(_("exceeded at"), null=True, editable=False)
    reset_at = models.DateTimeField(_("resets at"), null=True, editable=False)

    class Meta:
        db_table = "rate_limits"
        verbose_name = _("rate limit")
        verbose_name_plural = _("rate limits")
        indexes: ClassVar = [models.Index(fields=["is_exceeded"], name="rate_limits_exceeded")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "limit_type"], name="rate_limits_connection_type"),
            models.CheckConstraint(condition=models.Q(max_requests__gt=0), name="rate_limits_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.max_requests} {self.get_limit_type_display()}"
