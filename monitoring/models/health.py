"""Every check of a connection."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel, organization_key

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
