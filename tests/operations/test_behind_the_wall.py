from __future__ import annotations

from integrations.models import Connection, Organization, Payment
from integrations.operations.catalogue import sync_catalogue
from integrations.operations.connections import create_and_activate, update_connection
from integrations.operations.credentials import rotate_credential
from integrations.operations.payments import PaymentOrder, create_payment, refund_payment
from integrations.tenancy import acting_for
from tests.factories import OrganizationFactory

from .stripe_wire import StripeWire


def test_a_tenant_does_all_of_its_own_work(organization: Organization, wire: StripeWire) -> None:
    sync_catalogue()
    with acting_for(organization.pk):
        connection = create_and_activate(
            organization,
            provider_slug="stripe",
            connection_name="Stripe",
            environment="development",
            configuration={"base_url": wire.url},
            credentials={"api_key": "sk_test_sample_not_a_key"},
        )
        update_connection(connection, is_primary=True)
        rotate_credential(connection.credentials.get(), value="sk_test_sample_new_key")
        order = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa")
        payment = refund_payment(create_payment(organization, order, idempotency_key="key-1"))
    assert payment.status == Payment.Status.REFUNDED
    with acting_for(OrganizationFactory().pk):
        assert not Payment.objects.exists()
        assert not Connection.objects.exists()
