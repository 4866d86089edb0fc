"""The pages of this floor, under /integrations/."""

from __future__ import annotations

from django.urls import path

from . import analytics, analytics_csv, costs, dashboard, logs, payment_trail

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("payments/trails/<uuid:payment_id>/", payment_trail.payment_trail, name="payment-trail"),
    path("logs/", logs.logs, name="logs"),
    path("logs/<uuid:pk>/", logs.log, name="log"),
    path("analytics/", analytics.analytics, name="analytics"),
    path("analytics/<slug:what>.csv", analytics_csv.analytics_csv, name="analytics-csv"),
    path("costs/", costs.costs, name="costs"),
    path("costs/<slug:what>.csv", costs.costs_csv, name="costs-csv"),
]
