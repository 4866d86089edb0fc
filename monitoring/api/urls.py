"""The REST resources of this floor, under /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from .views import AlertViewSet, AnalyticsViewSet, AuditViewSet, HealthCheckViewSet, LogViewSet, MetricsViewSet

router = SimpleRouter(use_regex_path=False)
router.register("logs", LogViewSet, basename="api-log")
router.register("health-checks", HealthCheckViewSet, basename="api-health-check")
router.register("analytics", AnalyticsViewSet, basename="api-analytics")
router.register("metrics-hourly", MetricsViewSet, basename="api-metrics-hourly")
router.register("alerts", AlertViewSet, basename="api-alert")
router.register("audit-logs", AuditViewSet, basename="api-audit-log")

urlpatterns = router.urls
