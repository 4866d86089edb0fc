"""What the watch writes down: every call, every check, what they add up to, and who did what."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel, organization_key, uuid7


class LoggedConnection(models.Model):
    """A row about a connection that outlives it: logs are kept five years, so nothing cascades to them."""

    connection = models.ForeignKey(
        "integrations.Connection",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("connection"),
    )

    class Meta:
        abstract = True


class CallLog(TenantModel):
    """One attempt of one call to a provider. The table is partitioned by month on `created_at` (see `partitions`).

    In the database the primary key is `(id, created_at)`, as partitioning wants it.
    """

    class Type(models.TextChoices):
        API_REQUEST = "api_request", _("Request")
        API_RESPONSE = "api_response", _("Response")
        ERROR = "error", _("Error")
        WEBHOOK = "webhook", _("Webhook")
        SYSTEM = "system", _("System")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = organization_key(on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    connection = models.ForeignKey(
        "integrations.Connection",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("connection"),
    )
    log_type = models.CharField(_("type"), max_length=12, choices=Type)
    method = models.CharField(_("method"), max_length=8, blank=True)
    endpoint = models.CharField(_("endpoint"), max_length=2048, blank=True)
    request_headers = models.JSONField(_("request headers"), default=dict)
    request_body = models.TextField(_("request body"), blank=True)
    response_status = models.PositiveSmallIntegerField(_("status"), null=True)
    response_headers = models.JSONField(_("response headers"), default=dict)
    response_body = models.TextField(_("response body"), blank=True)
    response_time_ms = models.PositiveIntegerField(_("time (ms)"), null=True)
    error_message = models.TextField(_("error"), blank=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    user = models.ForeignKey(
        "integrations.User",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("user"),
    )
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    operation = models.CharField(_("operation"), max_length=64, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    bytes_sent = models.PositiveBigIntegerField(_("bytes sent"), default=0)
    bytes_received = models.PositiveBigIntegerField(_("bytes received"), default=0)
    cost_aed = models.DecimalField(_("cost (AED)"), max_digits=12, decimal_places=6, default=0)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        db_table = "integration_logs"
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ("-created_at", "-id")
        indexes: ClassVar = [
            models.Index(fields=["organization", "-created_at", "-id"], name="logs_org_newest"),
            models.Index(fields=["connection", "-created_at"], name="logs_connection"),
            models.Index(fields=["-created_at"], name="logs_created"),
            models.Index(fields=["log_type", "-created_at"], name="logs_type"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


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

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    check_timestamp = models.DateTimeField(_("checked"))
    status = models.CharField(_("status"), max_length=8, choices=Status)
    response_time_ms = models.PositiveIntegerField(_("time (ms)"), null=True)
    error_message = models.TextField(_("error"), blank=True)
    http_status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    endpoint_tested = models.CharField(_("endpoint"), max_length=2048, blank=True)
    check_type = models.CharField(_("type"), max_length=16, choices=Type, default=Type.AUTHENTICATION)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)

    class Meta:
        db_table = "integration_health"
        verbose_name = _("health check")
        verbose_name_plural = _("health checks")
        ordering = ("-check_timestamp", "-id")
        indexes: ClassVar = [
            models.Index(fields=["connection", "-check_timestamp"], name="health_connection"),
            models.Index(fields=["organization", "-id"], name="health_org_newest"),
            models.Index(fields=["-check_timestamp"], name="health_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} · {self.check_timestamp:%d/%m/%Y %H:%M}"


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


class AlertQuerySet(models.QuerySet["Alert"]):
    def unresolved(self) -> AlertQuerySet:
        return self.filter(resolved_at=None)


class Alert(TenantModel, IdentifiedModel):
    """Something that somebody has to do. One at a time is open about a subject: a credential, say. `connection` is
    empty where it concerns none, or all of them."""

    class Kind(models.TextChoices):
        CREDENTIAL_EXPIRING = "credential_expiring", _("Credential due")
        WEBHOOK_FAILING = "webhook_failing", _("Webhook destination failing")
        PAYMENT_DIFFERENCE = "payment_difference", _("Payments differ")
        DISPUTE_DUE = "dispute_due", _("Dispute to answer")

    connection = models.ForeignKey(
        "integrations.Connection",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("connection"),
    )
    kind = models.CharField(_("kind"), max_length=24, choices=Kind)
    subject_id = models.UUIDField(editable=False)
    message = models.TextField(_("message"))  # a sentence in English, with places for `message_values`
    message_values = models.JSONField(default=dict, editable=False)
    opened_at = models.DateTimeField(_("opened"), default=timezone.now)
    resolved_at = models.DateTimeField(_("resolved"), null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        db_table = "alerts"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "subject_id"], condition=models.Q(resolved_at=None), name="alerts_one_open"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="alerts_org_newest"),
            models.Index(fields=["organization"], condition=models.Q(resolved_at=None), name="alerts_org_unresolved"),
        ]

    def __str__(self) -> str:
        return self.told

    @property
    def told(self) -> str:
        """The message in the language of the current request."""
        return gettext(self.message).format(**self.message_values)


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


class AuditLog(IdentifiedModel):
    """Who did what. Append only, tamper-evident by its hash chain, kept five years (see `monitoring.audit`)."""

    organization = models.ForeignKey(
        "integrations.Organization",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=_("organization"),
    )
    # Not auto_now_add, which would set it once more after the hash was made over it.
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    actor = models.CharField(_("who"), max_length=255)
    action = models.CharField(_("action"), max_length=64)
    object = models.CharField(_("object"), max_length=255)
    changes = models.JSONField(_("changes"), default=dict, encoder=DjangoJSONEncoder)
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("browser"), max_length=512, blank=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_logs"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="audit_org_newest"),
            models.Index(fields=["object", "-id"], name="audit_object"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} · {self.action} · {self.object}"
