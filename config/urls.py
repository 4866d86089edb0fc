"""The street: which floor answers which address."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import JavaScriptCatalog

from monitoring.metrics.page import metrics

from . import errors, probes

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="dashboard"), name="home"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    path("pay/", include("integrations.payer_urls")),
    path("integrations/", include("integrations.urls")),
    path("integrations/", include("webhooks.pages.urls")),
    path("integrations/", include("monitoring.pages.urls")),
    path("api/v1/", include("integrations.api.urls")),
    path("api/v1/", include("webhooks.api.urls")),
    path("api/v1/", include("monitoring.api.urls")),
]
if settings.SANDBOX:
    urlpatterns.append(path("sandbox/", include("integrations.sandbox.urls")))

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.page_not_found
handler500 = errors.server_error
