"""Cash that couriers collect: settled by what the shipment's delivery says, whoever tells it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils import timezone

from ..errors import Conflict, InvalidRequest
from ..models import Connection, Organization, Payment, PaymentOperation
from ..providers.events import EventType, NormalizedEvent, Trust
from ..providers.offline import OfflinePaymentProvider
from ..providers.payment.cash_on_delivery import collection_fee
from ..providers.registry import providers
from .announce import record_action
from .looks import Look
from .offline_receipts import OPEN, Receipt, book_receipt, book_refusal, offline_provider
from .payment_differences import mark

logger = logging.getLogger(__name__)
_TELLING = frozenset({EventType.SHIPPING_DELIVERED, EventType.SHIPPING_RETURNED})


@dataclass(frozen=True)
class Collection:
    """What a courier says to have collected (plain decimal, major units): nothing, where the parcel was refused.

    `courier_reference` is the shipment's: told again under it, it is the same money. `fee` is what the courier keeps,
    where it is another than the connection's.
    """

    collected: str
    currency: str
    courier_reference: str
    collected_on: date
    fee: Decimal | None = None

    @property
    def is_refusal(self) -> bool:
        try:
            return Decimal(self.collected) == 0
        except InvalidOperation:
            return False


def settle_cash_on_delivery(
    organization: Organization, collection: Collection, *, payment: Payment | None = None, reference: str = ""
) -> Payment | None:
    """Settle the cash payment of an order, named by itself or by the order's reference; None where there is none.

    A part that was collected settles it too, and marks the difference; nothing cancels it. Told again, it changes
    nothing. Raises Conflict where several open payments have the reference, and what confirming raises.
    """
    with transaction.atomic():
        ours = Payment.objects.filter(organization=organization)
        found = ours.filter(pk=payment.pk) if payment else _paid_in_cash(ours.filter(reference=reference))
        locked = list(found.select_for_update(of=("self",)).order_by("pk"))
        chosen = _one_of(locked)
        return _settle(chosen, collection) if chosen else None


class CashLedger:
    """The cash payments of the orders that a batch of shipments' events names. Each is written as it is settled."""

    def __init__(self, told: Sequence[tuple[Connection, NormalizedEvent]]) -> None:
        orders = {
            (connection.organization_id, str(event.attributes.get("reference") or ""))
            for connection, event in told
            if event.type in _TELLING
        }
        self._payments: list[Payment] = []
        references = {reference for _, reference in orders if reference}
        if references:
            ours = Payment.objects.filter(organization__in={key for key, _ in orders}, reference__in=references)
            self._payments = list(_paid_in_cash(ours).select_for_update(of=("self",)).order_by("pk"))

    def find(self, connection: Connection, event: NormalizedEvent) -> Payment | None:
        """Raises Conflict where several open payments have the order's reference."""
        reference = str(event.attributes.get("reference") or "")
        if event.type not in _TELLING or not reference:
            return None
        key = connection.organization_id, reference
        return _one_of([one for one in self._payments if (one.organization_id, one.reference) == key])

    def save(self) -> None:
        """Nothing is left to write."""


def write_delivery(
    ledger: CashLedger, connection: Connection, event: NormalizedEvent, *, trust: Trust, look: Look | None = None
) -> Payment | None:
    """What a shipment's event says of the cash that was due for it; None where it says nothing of ours.

    Only signed events are believed: of the others' shipments staff confirm what came.
    """
    chosen, collection = ledger.find(connection, event), _collection_of(event)
    if chosen is None or collection is None:
        return None
    if trust is not Trust.SIGNED:
        logger.info("What a shipment's unsigned event says of payment %s is left to people.", chosen.pk)
        return None
    if collection.is_refusal and (chosen.amount_captured or chosen.status == Payment.Status.CANCELLED):
        return chosen  # sent back after it was paid for: to be refunded by whoever decides that
    if collection.currency != chosen.currency and not collection.is_refusal:
        return _mark_currency(chosen, collection)
    return _settle(chosen, collection)


def names_of_deliveries(told: Any) -> Mapping[Any, Mapping[str, str]]:
    """Shipments are named by their carriers."""
    return {}


def cannot_look(connection: Connection, must: Any) -> Look:
    raise Conflict("Couriers are not asked about cash.")


def _paid_in_cash(payments: Any) -> Any:
    slugs = [slug for slug, provider in providers().items() if _takes_cash(provider)]
    return payments.filter(connection__provider__slug__in=slugs).select_related("connection__provider")


def _takes_cash(provider: object) -> bool:
    return isinstance(provider, OfflinePaymentProvider) and "cod" in provider.payment_capabilities


def _one_of(payments: Sequence[Payment]) -> Payment | None:
    """The open one, where an order was paid for more than once; else the newest. Raises Conflict for several."""
    still_open = [payment for payment in payments if payment.status in OPEN]
    if len(still_open) > 1:
        raise Conflict("Several open payments have this reference: confirm the right one by hand.")
    return still_open[0] if still_open else payments[-1] if payments else None


def _settle(locked: Payment, collection: Collection) -> Payment:
    provider = offline_provider(locked)
    if not _takes_cash(provider):
        raise InvalidRequest("This payment is not one in cash.", field="payment")
    if collection.is_refusal:
        return book_refusal(locked, "Refused at the door.", collection.courier_reference)
    configuration = locked.connection.configuration if locked.connection else {}
    fee = collection.fee if collection.fee is not None else collection_fee(configuration, locked.currency)
    receipt = Receipt(
        amount=collection.collected,
        currency=collection.currency,
        reference=collection.courier_reference,
        received_on=collection.collected_on,
        settles=True,
        fee=fee,
    )
    return book_receipt(locked, receipt.checked(), provider)


def _collection_of(event: NormalizedEvent) -> Collection | None:
    """None for a delivery that was to be paid for otherwise."""
    told = event.attributes
    is_returned = event.type is EventType.SHIPPING_RETURNED
    amount = "0" if is_returned else str(told.get("cod_amount") or "")
    reference = event.subject or str(told.get("tracking_number") or "")
    day = min(timezone.localdate(event.occurred_at), timezone.localdate())  # clocks of couriers run ahead
    collection = Collection(amount, str(told.get("cod_currency") or ""), reference, day)
    is_prepaid = not amount or (collection.is_refusal and not is_returned)
    return None if is_prepaid else collection


def _mark_currency(locked: Payment, collection: Collection) -> Payment:
    """It is no sum of this payment's, but a person has to look."""
    kind = PaymentOperation.Kind.EVENT
    _, is_new = locked.operations.get_or_create(
        kind=kind,
        idempotency_key=collection.courier_reference,
        defaults={
            "organization_id": locked.organization_id,
            "status": PaymentOperation.Status.FAILED,
            "error_code": "currency",
            "error_message": f"{collection.collected} {collection.currency}",
        },
    )
    if is_new:
        mark(locked, Payment.Difference.AMOUNT)
        locked.save()
        record_action("payment.other_currency", locked, {"collected": collection.collected, "in": collection.currency})
    return locked
