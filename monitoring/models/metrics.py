"""What calls and checks add up to."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel, organization_key

from ..histograms import PRECISION
from .base import LoggedConnection


class HourlyMetrics(TenantModel, LoggedConnection, IdentifiedModel):
    """A connection's hour, as the clocks of its organization show it: where they differ from UTC by half an hour, so
    does the hour's beginning. `response_time_histogram` counts by the buckets of `monitoring.histograms`; `errors` are
    calls by error code, or by class of status ("5xx") where the error has none.
    """

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    hour = models.DateTimeField(_("hour"))
    requests = models.PositiveBigIntegerField(_("requests"), default=0)
    successes = models.PositiveBigIntegerField(_("successes"), default=0)
    failures = models.PositiveBigIntegerField(_("failures"), default=0)
    response_time_sum_ms = models.PositiveBigIntegerField(_("time in all (ms)"), default=0)
    response_time_count = models.PositiveBigIntegerField(_("timed calls"), default=0)
    response_time_histogram = ArrayField(models.BigIntegerField(), default=list)
    p50_ms = models.PositiveIntegerField(null=True, help_text=PRECISION)
    p95_ms = models.PositiveIntegerField(null=True, help_text=PRECISION)
    p99_ms = models.PositiveIntegerField(null=True, help_text=PRECISION)
    bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    cost_aed = models.DecimalField(_("cost (AED)"), max_digits=14, decimal_places=6, default=0)
    rate_limited = models.PositiveBigIntegerField(_("rate-limited calls"), default=0)
    webhooks_received = models.PositiveBigIntegerField(_("webhooks received"), default=0)
    webhooks_verified = models.PositiveBigIntegerField(_("webhooks verified"), default=0)
    webhooks_failed = models.PositiveBigIntegerField(_("webhooks failed"), default=0)
    errors = models.JSONField(_("errors"), default=dict, db_default=models.Value({}, models.JSONField()), blank=True)

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
    """A connection's day, by the calendar of its organization: its hours added up, and its uptime by the checks.

    `metadata` has `webhooks_received`, `webhooks_verified`, `webhooks_failed`, `rate_limited` and `errors` (calls by
    error code or class of status). `response_time_histogram` adds up to weeks, months and quarters.
    """

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    date = models.DateField(_("date"))
    total_requests = models.PositiveBigIntegerField(_("requests"), default=0)
    successful_requests = models.PositiveBigIntegerField(_("successful"), default=0)
    failed_requests = models.PositiveBigIntegerField(_("failed"), default=0)
    avg_response_time_ms = models.DecimalField(_("average time (ms)"), max_digits=12, decimal_places=2, null=True)
    p50_response_time_ms = models.PositiveIntegerField(_("median (ms)"), null=True, help_text=PRECISION)
    p95_response_time_ms = models.PositiveIntegerField(_("95th percentile (ms)"), null=True, help_text=PRECISION)
    p99_response_time_ms = models.PositiveIntegerField(_("99th percentile (ms)"), null=True, help_text=PRECISION)
    response_time_sum_ms = models.PositiveBigIntegerField(_("time in all (ms)"), default=0, db_default=0)
    response_time_count = models.PositiveBigIntegerField(_("timed calls"), default=0, db_default=0)
    response_time_histogram = ArrayField(
        models.BigIntegerField(), default=list, db_default=models.Value([], ArrayField(models.BigIntegerField()))
    )
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
        indexes: ClassVar = [
            # With what is added up by connection: hundreds of them over a year are read from the index alone.
            models.Index(
                fields=["organization", "-date"],
                include=[
                    "connection", "total_requests", "successful_requests", "failed_requests", "response_time_sum_ms",
                    "response_time_count", "total_cost_aed", "uptime_percent",
                ],
                name="analytics_org_date",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.date:%d/%m/%Y}"


class RollupWatermark(models.Model):
    """How far a level of the rollup has read.

    For people up to the moment `read_until`. For itself by transactions (see `monitoring.transactions`): those of
    `server` below `upcoming_transaction`, less `open_transactions`. While `recount_since` is set, the calls from then
    to `recount_until` are still to be counted anew.
    """

    level = models.CharField(primary_key=True, max_length=16)
    read_until = models.DateTimeField()
    server = models.CharField(max_length=20, default="", db_default="")
    upcoming_transaction = models.PositiveBigIntegerField(default=0, db_default=0)
    open_transactions = ArrayField(
        models.BigIntegerField(), default=list, db_default=models.Value([], ArrayField(models.BigIntegerField()))
    )
    recount_since = models.DateTimeField(null=True)
    recount_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "rollup_watermarks"
        verbose_name = _("rollup watermark")
        verbose_name_plural = _("rollup watermarks")

    def __str__(self) -> str:
        return f"{self.level}: {self.read_until:%d/%m/%Y %H:%M}"


class RestlessEvent(models.Model):
    """A webhook event that became failed, or is so no longer: the rollup counts its hour anew. A trigger writes it."""

    id = models.BigAutoField(primary_key=True)
    webhook_endpoint = models.ForeignKey(
        "webhooks.WebhookEndpoint", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    received_at = models.DateTimeField()

    class Meta:
        db_table = "rollup_restless_events"

    def __str__(self) -> str:
        return f"{self.webhook_endpoint_id} · {self.received_at:%d/%m/%Y %H:%M}"
