"""The REST resources of this floor, under /api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from .alert_channels import ChannelViewSet
from .alert_rules import RuleViewSet, SilenceViewSet
from .alerts import AlertViewSet
from .audit_logs import AuditViewSet
from .connection_health import ConnectionHealthViewSet
from .health_checks import HealthCheckViewSet
from .logs import LogViewSet
from .maintenance_windows import MaintenanceWindowViewSet
from .metrics import AnalyticsViewSet, MetricsViewSet
from .provider_incidents import ProviderIncidentViewSet

router = SimpleRouter(use_regex_path=False)
router.register("logs", LogViewSet, basename="api-log")
router.register("health-checks", HealthCheckViewSet, basename="api-health-check")
router.register("maintenance-windows", MaintenanceWindowViewSet, basename="api-maintenance-window")
router.register("provider-incidents", ProviderIncidentViewSet, basename="api-provider-incident")
router.register("analytics", AnalyticsViewSet, basename="api-analytics")
router.register("metrics-hourly", MetricsViewSet, basename="api-metrics-hourly")
router.register("alerts", AlertViewSet, basename="api-alert")
router.register("alert-rules", RuleViewSet, basename="api-alert-rule")
router.register("alert-channels", ChannelViewSet, basename="api-alert-channel")
router.register("alert-silences", SilenceViewSet, basename="api-alert-silence")
router.register("audit-logs", AuditViewSet, basename="api-audit-log")

_HEALTH = "connections/<uuid:connection_pk>"
urlpatterns = [
    path(f"{_HEALTH}/health/", ConnectionHealthViewSet.as_view({"get": "state"}), name="api-connection-health"),
    path(f"{_HEALTH}/health/check/", ConnectionHealthViewSet.as_view({"post": "check"}), name="api-check-health"),
    path(
        f"{_HEALTH}/health-rule/",
        ConnectionHealthViewSet.as_view({"get": "rule", "patch": "partial_update", "delete": "destroy"}),
        name="api-health-rule",
    ),
    *router.urls,
]
