"""What providers without a far end have in common: people do what a gateway does elsewhere.

Nothing is ever called, so there is no address, no credential and no webhook. How a payment stands is in our own books
and nowhere else; `operations.offline_receipts` writes there what people say has arrived, and makes the events that tell
of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from . import offline_events
from .auth import Unauthenticated
from .base import Answer, Client, Field, PaymentProvider
from .events import EventIdentity, NormalizedEvent
from .probes import Probe
from .results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult, RefundStatus

CURRENCIES = ("AED", "BHD", "EGP", "EUR", "GBP", "JOD", "KWD", "OMR", "QAR", "SAR", "USD")
MAX_DAYS = 365
# Of the configuration: what the merchant has to say, beside the instructions that are ours.
WORDS_TO_THE_PAYER = (
    Field(
        "instructions", "A word to the payer (English)", "كلمة إلى الدافع (بالإنجليزية)", required=False, is_prose=True
    ),
    Field(
        "instructions_ar", "A word to the payer (Arabic)", "كلمة إلى الدافع (بالعربية)", required=False, is_prose=True
    ),
)


def is_count_of_days(value: Any) -> bool:
    return isinstance(value, int) and 1 <= value <= MAX_DAYS


class OfflinePaymentProvider(PaymentProvider):
    """It opens a payment and records what is asked of it; all answers follow from the arguments and our books.

    A refund stays pending until somebody has written down how it was made.
    """

    is_offline = True
    base_urls: ClassVar[Mapping[str, str]] = {}
    auth = Unauthenticated()
    credentials = ()
    probe = Probe("")
    operations = frozenset({"create", "void", "refund"})
    repeatable = operations
    idempotency_lifetime = timedelta(days=3650)
    pricing_model = "free"
    is_mena = True
    regions = ("mena",)
    names_its_events = False
    event_types: ClassVar[Mapping[str, str]] = {kind.value: kind for kind in offline_events.TOLD}
    window_field: ClassVar[str]  # of the configuration: in how many days the money must have arrived
    takes_proofs: ClassVar[bool] = False  # payers show that they have paid
    # One bringing of money is one payment's, and all that there will be; else several may add up.
    is_handed_over_once: ClassVar[bool] = False

    def payment_window(self, configuration: Mapping[str, Any]) -> timedelta:
        days = configuration.get(self.window_field)
        return timedelta(days=days) if isinstance(days, int) and is_count_of_days(days) else self.page_lifetime

    def check(self, client: Client) -> Answer:
        return Answer(200, {}, b"")

    def charges_at_once(self, request: PaymentRequest) -> bool:
        return False

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        return replace(client.books(provider_reference), status=PaymentStatus.CANCELLED)

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        standing = client.books(provider_reference)
        left = (standing.amount_captured or Decimal(0)) - (standing.amount_refunded or Decimal(0))
        return RefundResult(idempotency_key, RefundStatus.PENDING, left if amount is None else amount, currency)

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        return offline_events.identify(payload)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        return [offline_events.read(payload)]
