"""The pages of this floor, under /integrations/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from .pages import (
    connections,
    gateways,
    offline_payments,
    organizations,
    payment_changes,
    payment_exports,
    payment_page,
    payment_routes,
    payments,
    setup,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("switch-organization/", organizations.switch_organization, name="switch-organization"),
    path("setup/", setup.setup, name="setup"),
    path("setup/<slug:step>/", setup.setup, name="setup-step"),
    path("connections/", connections.connection_list, name="connections"),
    path("connections/<uuid:connection_id>/", connections.connection_detail, name="connection"),
    path("connections/<uuid:connection_id>/test/", connections.test, name="connection-test"),
    path("connections/<uuid:connection_id>/activate/", connections.activate, name="connection-activate"),
    path("connections/<uuid:connection_id>/deactivate/", connections.deactivate, name="connection-deactivate"),
    path("connections/<uuid:connection_id>/reset-circuit/", connections.close_circuit, name="connection-reset-circuit"),
    path("connections/<uuid:connection_id>/delete/", connections.delete, name="connection-delete"),
    path("payments/", payments.payment_list, name="payments"),
    path("payments/export.<slug:file_format>", payment_exports.export, name="payments-export"),
    path("payments/gateways/", gateways.gateways, name="payment-gateways"),
    path("payments/gateways/<uuid:connection_id>/", gateways.gateway_settings, name="payment-gateway-settings"),
    path("payments/routes/", payment_routes.route_list, name="payment-routes"),
    path("payments/routes/new/", payment_routes.new_route, name="payment-route-new"),
    path("payments/routes/<uuid:route_id>/", payment_routes.change_route, name="payment-route"),
    path("payments/routes/<uuid:route_id>/move/<slug:direction>/", payment_routes.move, name="payment-route-move"),
    path("payments/routes/<uuid:route_id>/toggle/", payment_routes.toggle, name="payment-route-toggle"),
    path("payments/routes/<uuid:route_id>/delete/", payment_routes.remove, name="payment-route-delete"),
    path("payments/<uuid:payment_id>/", payment_page.payment_detail, name="payment"),
    path("payments/<uuid:payment_id>/confirm/<slug:kind>/", payment_changes.confirm, name="payment-confirm-change"),
    path("payments/<uuid:payment_id>/offline/confirm/", offline_payments.confirm, name="payment-confirm"),
    path("payments/<uuid:payment_id>/offline/refuse/", offline_payments.refuse, name="payment-refuse"),
    path(
        "payments/<uuid:payment_id>/offline/refunds/<uuid:refund_id>/",
        offline_payments.refund,
        name="payment-record-refund",
    ),
    path("payments/<uuid:payment_id>/proofs/<uuid:proof_id>/", offline_payments.proof, name="payment-proof"),
    path("payments/<uuid:payment_id>/<slug:kind>/", payment_changes.change, name="payment-change"),
]
