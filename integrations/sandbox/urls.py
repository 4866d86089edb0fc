"""Mounted at `/sandbox/` where `settings.SANDBOX` is on, which production refuses."""

from __future__ import annotations

from django.urls import path, re_path

from . import pages, views

app_name = "sandbox"
urlpatterns = [
    path("v1/account", views.show_account),
    path("v1/keys", views.issue_key),
    path("v1/keys/current", views.revoke_key),
    path("v1/payments", views.create_payment),
    path("v1/payments/<str:payment_id>", views.get_payment),
    path("v1/payments/<str:payment_id>/capture", views.capture_payment),
    path("v1/payments/<str:payment_id>/void", views.void_payment),
    path("v1/payments/<str:payment_id>/refunds", views.refund_payment),
    path("v1/webhook-endpoints", views.register_webhook),
    re_path(r"^v1/(?P<path>.*)$", views.not_found),
    path("pay/<uuid:payment_id>/", pages.pay, name="pay"),
]
