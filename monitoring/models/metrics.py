"""What calls and checks add up to."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel, organization_key

from .base import LoggedConnection


class HourlyMetrics(TenantModel, LoggedConnection, IdentifiedModel):
    """A connection's hour. `response_time_histogram` counts calls by `monitoring.rollup`'s buckets, so hours add up."""

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    hour = models.DateTimeField(_("hour"))
    requests = models.PositiveBigIntegerField(_("requests"), default=0)
    successes = models.PositiveBigIntegerField(_("successes"), default=0)
    failures = models.PositiveBigIntegerField(_("failures"), default=0)
    response_time_sum_ms = models.PositiveBigIntegerField(_("time in all (ms)"), default=0)
    response_time_count = models.PositiveBigIntegerField(_("timed calls"), default=0)
    response_time_histogram = ArrayField(models.BigIntegerField(), default=list)
    p50_ms = models.PositiveIntegerField(null=True)
    p95_ms = models.PositiveIntegerField(null=True)
    p99_ms = models.PositiveIntegerField(null=True)
    bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    cost_aed = models.DecimalField(_("cost (AED)"), max_digits=14, decimal_places=6, default=0)
    rate_limited = models.PositiveBigIntegerField(_("rate-limited calls"), default=0)
    webhooks_received = models.PositiveBigIntegerField(_("webhooks received"), default=0)
    webhooks_verified = models.PositiveBigIntegerField(_("webhooks verified"), default=0)
    webhooks_failed = models.PositiveBigIntegerField(_("webhooks failed"), default=0)

    class Meta:
        db_table = "integration_metrics_hourly"
        verbose_name = _("hourly metrics")
        verbose_name_plural = _("hourly metrics")
        ordering = ("-hour",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "hour"], name="metrics_hourly_connection_hour"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "-hour"], name="metrics_hourly_org_hour")]

    def __str__(self) -> str:
        return f"{self.hour:%d/%m/%Y %H:00}"


class DailyAnalytics(TenantModel, LoggedConnection, IdentifiedModel):
    """A connection's day, by the calendar of its organization."""

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    date = models.DateField(_("date"))
    total_requests = models.PositiveBigIntegerField(_("requests"), default=0)
    successful_requests = models.PositiveBigIntegerField(_("successful"), default=0)
    failed_requests = models.PositiveBigIntegerField(_("failed"), default=0)
    avg_response_time_ms = models.DecimalField(_("average time (ms)"), max_digits=12, decimal_places=2, null=True)
    p95_response_time_ms = models.PositiveIntegerField(_("95th percentile (ms)"), null=True)
    total_data_transferred_mb = models.DecimalField(_("data (MB)"), max_digits=16, decimal_places=6, default=0)
    total_cost_aed = models.DecimalField(_("cost (AED)"), max_digits=14, decimal_places=6, default=0)
    error_rate_percent = models.DecimalField(_("error rate (%)"), max_digits=6, decimal_places=3, default=0)
    uptime_percent = models.DecimalField(_("uptime (%)"), max_digits=6, decimal_places=3, null=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "integration_analytics"
        verbose_name = _("daily analytics")
        verbose_name_plural = _("daily analytics")
        ordering = ("-date",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "date"], name="analytics_connection_date"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "-date"], name="analytics_org_date")]

    def __str__(self) -> str:
        return f"{self.date:%d/%m/%Y}"


class RollupWatermark(models.Model):
    """Up to where a level of the rollup has read."""

    level = models.CharField(primary_key=True, max_length=16)
    read_until = models.DateTimeField()

    class Meta:
        db_table = "rollup_watermarks"
        verbose_name = _("rollup watermark")
        verbose_name_plural = _("rollup watermarks")

    def __str__(self) -> str:
        return f"{self.level}: {self.read_until:%d/%m/%Y %H:%M}"
