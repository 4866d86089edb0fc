"""What the connections of an organization add up to by day, so that a page need not add them up itself."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models import Connection
from integrations.models.base import IdentifiedModel, TenantModel, organization_key


class DailyTotals(TenantModel, IdentifiedModel):
    """An organization's day: of all connections, of those in an environment, and of those to a provider in it.

    All are made from the same `DailyAnalytics` (see `monitoring.daily_totals`). What ran through a connection that is
    deleted by then stands under no provider and no environment.
    """

    class Level(models.TextChoices):
        ALL = "all", _("All connections")
        ENVIRONMENT = "environment", _("An environment")
        PROVIDER = "provider", _("A provider in an environment")

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    date = models.DateField(_("date"))
    level = models.CharField(_("level"), max_length=12, choices=Level)
    provider = models.ForeignKey(
        "integrations.IntegrationProvider",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("provider"),
    )
    environment = models.CharField(
        _("environment"), max_length=12, choices=Connection.Environment, blank=True, default=""
    )
    requests = models.PositiveBigIntegerField(_("requests"), default=0)
    successes = models.PositiveBigIntegerField(_("successes"), default=0)
    failures = models.PositiveBigIntegerField(_("failures"), default=0)
    response_time_sum_ms = models.PositiveBigIntegerField(_("time in all (ms)"), default=0)
    response_time_count = models.PositiveBigIntegerField(_("timed calls"), default=0)
    response_time_histogram = ArrayField(models.BigIntegerField(), default=list)
    error_classes = models.JSONField(_("errors by class"), default=dict)
    cost_aed = models.DecimalField(_("cost (AED)"), max_digits=18, decimal_places=6, default=0)
    webhooks_received = models.PositiveBigIntegerField(_("webhooks received"), default=0)
    webhooks_failed = models.PositiveBigIntegerField(_("webhooks failed"), default=0)
    uptime_sum = models.DecimalField(_("uptime of all in per cent, summed"), max_digits=16, decimal_places=3, default=0)
    uptime_count = models.PositiveIntegerField(_("connections with uptime"), default=0)

    class Meta:
        db_table = "integration_analytics_totals"
        verbose_name = _("daily totals")
        verbose_name_plural = _("daily totals")
        ordering = ("-date",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "level", "date", "provider", "environment"],
                nulls_distinct=False,
                name="analytics_totals_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date:%d/%m/%Y}"
