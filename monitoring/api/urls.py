"""The REST resources of this floor, under /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from .alert_channels import ChannelViewSet
from .alert_rules import RuleViewSet, SilenceViewSet
from .alerts import AlertViewSet
from .audit_logs import AuditViewSet
from .health_checks import HealthCheckViewSet
from .logs import LogViewSet
from .metrics import AnalyticsViewSet, MetricsViewSet

router = SimpleRouter(use_regex_path=False)
router.register("logs", LogViewSet, basename="api-log")
router.register("health-checks", HealthCheckViewSet, basename="api-health-check")
router.register("analytics", AnalyticsViewSet, basename="api-analytics")
router.register("metrics-hourly", MetricsViewSet, basename="api-metrics-hourly")
router.register("alerts", AlertViewSet, basename="api-alert")
router.register("alert-rules", RuleViewSet, basename="api-alert-rule")
router.register("alert-channels", ChannelViewSet, basename="api-alert-channel")
router.register("alert-silences", SilenceViewSet, basename="api-alert-silence")
router.register("audit-logs", AuditViewSet, basename="api-audit-log")

urlpatterns = router.urls
