"""The pages of this floor, under /integrations/."""

from __future__ import annotations

from django.urls import path

from . import analytics, connection_health, dashboard, health, health_windows, logs, payment_trail

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("payments/trails/<uuid:payment_id>/", payment_trail.payment_trail, name="payment-trail"),
    path("health/", health.health, name="health"),
    path("health/maintenance/new/", health_windows.new, name="maintenance-window-new"),
    path("health/maintenance/<uuid:window_id>/end/", health_windows.end, name="maintenance-window-end"),
    path("health/<uuid:connection_id>/check/", health.check_now, name="health-check"),
    path("connections/<uuid:connection_id>/health/", connection_health.section, name="connection-health"),
    path("connections/<uuid:connection_id>/health/check/", connection_health.check, name="connection-health-check"),
    path("connections/<uuid:connection_id>/health/rule/", connection_health.rule, name="connection-health-rule"),
    path("connections/<uuid:connection_id>/health/rule/reset/", connection_health.reset, name="connection-rule-reset"),
    path("logs/", logs.logs, name="logs"),
    path("logs/<uuid:pk>/", logs.log, name="log"),
    path("analytics/", analytics.analytics, name="analytics"),
    path("analytics/daily.csv", analytics.daily_csv, name="analytics-csv"),
]
