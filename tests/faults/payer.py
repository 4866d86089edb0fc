"""`python -m tests.faults.payer ORGANIZATION KEY`: take one payment, as a process that may be killed while it does."""

from __future__ import annotations

import sys

import django


def main(organization_id: str, idempotency_key: str) -> None:
    from integrations.models import Organization
    from integrations.operations.payments import PaymentOrder, create_payment

    organization = Organization.objects.get(pk=organization_id)
    order = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    create_payment(organization, order, idempotency_key=idempotency_key)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], sys.argv[2])
