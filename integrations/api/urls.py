"""The REST resources of this floor, under /api/v1/."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from .connections import ConnectionViewSet
from .credentials import CredentialViewSet
from .offline_payments import OfflinePaymentViewSet, ProofViewSet
from .payment_books import PaymentDisputeViewSet, PaymentSettlementViewSet
from .payment_providers import PaymentProviderViewSet
from .payment_routes import PaymentRouteViewSet
from .payments import PaymentViewSet
from .providers import ProviderViewSet
from .proxy import ProxyView
from .rate_limits import RateLimitViewSet

router = SimpleRouter(use_regex_path=False)
router.register("providers", ProviderViewSet, basename="provider")
router.register("connections", ConnectionViewSet, basename="api-connection")
router.register("connections/<uuid:connection_pk>/credentials", CredentialViewSet, basename="api-credential")
router.register("connections/<uuid:connection_pk>/rate-limits", RateLimitViewSet, basename="api-rate-limit")
router.register("payments/providers", PaymentProviderViewSet, basename="api-payment-provider")
router.register("payment-routes", PaymentRouteViewSet, basename="api-payment-route")
router.register("payment-disputes", PaymentDisputeViewSet, basename="api-payment-dispute")
router.register("payment-settlements", PaymentSettlementViewSet, basename="api-payment-settlement")
router.register("payments", PaymentViewSet, basename="api-payment")
router.register("payments", OfflinePaymentViewSet, basename="api-offline-payment")
router.register("payments/<uuid:payment_pk>/proofs", ProofViewSet, basename="api-payment-proof")

_OPEN: dict[str, Any] = {"permission_classes": [], "authentication_classes": []}

urlpatterns = [
    path("connections/<uuid:connection_pk>/proxy/", ProxyView.as_view(schema=None), name="proxy-root"),
    path("connections/<uuid:connection_pk>/proxy/<path:path>", ProxyView.as_view(), name="proxy"),
    *router.urls,
    path("schema/", SpectacularAPIView.as_view(throttle_classes=[], **_OPEN), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema", throttle_classes=[], **_OPEN), name="api-docs"),
]
