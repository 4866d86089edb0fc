"""The pages of this floor, under /integrations/."""

from __future__ import annotations

from django.urls import path

from . import (
    alert_channels,
    alert_rules,
    alert_silences,
    alerts,
    analytics,
    analytics_csv,
    connection_health,
    costs,
    dashboard,
    health,
    health_windows,
    logs,
    payment_trail,
)

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
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/acknowledge/", alerts.acknowledge_chosen, name="alerts-acknowledge"),
    path("alerts/rules/", alert_rules.rules, name="alert-rules"),
    path("alerts/rules/new/", alert_rules.new_rule, name="alert-rule-new"),
    path("alerts/rules/<uuid:pk>/", alert_rules.change_rule, name="alert-rule"),
    path("alerts/rules/<uuid:pk>/delete/", alert_rules.remove_rule, name="alert-rule-delete"),
    path("alerts/channels/", alert_channels.channels, name="alert-channels"),
    path("alerts/channels/new/", alert_channels.new_channel, name="alert-channel-new"),
    path("alerts/channels/<uuid:pk>/", alert_channels.channel, name="alert-channel"),
    path("alerts/channels/<uuid:pk>/change/", alert_channels.change_channel, name="alert-channel-change"),
    path("alerts/channels/<uuid:pk>/test/", alert_channels.test_channel, name="alert-channel-test"),
    path("alerts/channels/<uuid:pk>/toggle/", alert_channels.toggle_channel, name="alert-channel-toggle"),
    path("alerts/channels/<uuid:pk>/delete/", alert_channels.remove_channel, name="alert-channel-delete"),
    path("alerts/silences/", alert_silences.silences, name="alert-silences"),
    path("alerts/silences/new/", alert_silences.new_silence, name="alert-silence-new"),
    path("alerts/silences/<uuid:pk>/", alert_silences.change_silence, name="alert-silence"),
    path("alerts/silences/<uuid:pk>/delete/", alert_silences.remove_silence, name="alert-silence-delete"),
    path("alerts/<uuid:pk>/", alerts.alert, name="alert"),
    path("alerts/<uuid:pk>/acknowledge/", alerts.acknowledge, name="alert-acknowledge"),
    path("analytics/", analytics.analytics, name="analytics"),
    path("analytics/<slug:what>.csv", analytics_csv.analytics_csv, name="analytics-csv"),
    path("costs/", costs.costs, name="costs"),
    path("costs/<slug:what>.csv", costs.costs_csv, name="costs-csv"),
]
