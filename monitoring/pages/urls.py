"""The pages of this floor, under /integrations/."""

from __future__ import annotations

from django.urls import path

from . import analytics, dashboard, log_detail, log_exports, log_statistics, logs, payment_trail, saved_searches

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("payments/trails/<uuid:payment_id>/", payment_trail.payment_trail, name="payment-trail"),
    path("logs/", logs.logs, name="logs"),
    path("logs/statistics/", log_statistics.statistics, name="log-statistics"),
    path("logs/searches/", saved_searches.saved_searches, name="log-searches"),
    path("logs/searches/save/", saved_searches.save, name="log-search-save"),
    path("logs/searches/<uuid:pk>/change/", saved_searches.change, name="log-search-change"),
    path("logs/searches/<uuid:pk>/delete/", saved_searches.delete, name="log-search-delete"),
    path("logs/exports/", log_exports.exports, name="log-exports"),
    path("logs/exports/start/", log_exports.start, name="log-export-start"),
    path("logs/exports/<uuid:pk>/", log_exports.export, name="log-export"),
    path("logs/exports/<uuid:pk>/cancel/", log_exports.cancel, name="log-export-cancel"),
    path("logs/exports/<uuid:pk>/file/", log_exports.file, name="log-export-file"),
    path("logs/<uuid:pk>/", log_detail.log, name="log"),
    path("analytics/", analytics.analytics, name="analytics"),
    path("analytics/daily.csv", analytics.daily_csv, name="analytics-csv"),
]
