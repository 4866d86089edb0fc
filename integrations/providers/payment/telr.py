"""Telr, by hosted payment pages. https://docs.telr.com/reference/introduction

Confirmed by Telr's documentation (the remote API's request, its response codes, the test flag on one host, the
advice service), by ActiveMerchant's Telr gateway and its recorded answers (the remote API's answers, 01 and 04 for
credentials that are none), and by several independent integrations that agree (`order.json` with its fields, the
duplicate cart `E56`, the six statuses of an order, the order of the signed fields).

Unconfirmed: that `order.json` refuses a bad store or key with the same codes; how KWD and its kin are written; the
order's status after a capture, a release or a refund; that a refund after a capture hangs on the authorisation's
reference; `language`; an answer named `invoice`, and `tran_order` among the signed fields (one integration has each);
which ways to pay a store is given; hosts other than secure.telr.com. A store's live calls are taken only from addresses
that it has approved.

Nothing can be asked twice under one key, and an order cannot be looked up by our reference: a cart whose answer got
lost is opened again under a number. Telr tells of no refunds when it is asked. Its Service API lists the transactions
linked to one, under a third key that is bound to approved addresses; but by what its list tells a refund from a
capture, and one that was declined, is documented nowhere that we could read, so no money is counted by it. What is
refunded in Telr's console is therefore seen in the advice alone: it marks the payment as one whose books differ, for a
person to look at. A refund whose answer is lost stays open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from ...errors import InvalidResponse, Rejected
from ...money import check_decimals
from ..auth import Unauthenticated
from ..base import Answer, Client, Field, PaymentProvider, codes
from ..before_changes import changes_nothing
from ..events import EventIdentity, NormalizedEvent
from ..probes import Probe, ProbeKind
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult, RefundStatus
from .telr_advice import EVENTS, SIGNATURE, identify, read, sample
from .telr_errors import DUPLICATE, INVALID_REQUEST, INVALID_STORE, number_of, refusal, split_code
from .telr_orders import creation, read_created, read_order, transaction_reference
from .telr_remote import follow_up, mode

ORDERS = "/gateway/order.json"
KEY = r"[!-~]{8,100}"
NO_ORDER = "0" * 40
MOST_CARTS = 5


class Telr(PaymentProvider):
    slug = "telr"
    name = "Telr"
    name_ar = "تلر"
    description = "Cards, mada and phone wallets on Telr's page, in the UAE, Saudi Arabia, Bahrain and Jordan."
    description_ar = "بطاقات ومدى ومحافظ الهاتف على صفحة تلر، لمتاجر الإمارات والسعودية والبحرين والأردن."
    documentation_url = "https://docs.telr.com/reference/introduction"
    # Live and test share one host: each call says which it is.
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), "https://secure.telr.com")
    auth = Unauthenticated()  # the keys go in the body
    probe = Probe(ORDERS, kind=ProbeKind.API_CALL)
    operations = frozenset({"create", "get", "capture", "void", "refund"})
    payment_capabilities = frozenset({"card", "mada", "apple_pay", "google_pay", "samsung_pay"})
    # Parts are refused at times (23, amount differs from original), and a part that was captured is not told of.
    takes_partial_captures = False
    tells_refunds = False
    is_mena = True
    regions = ("mena",)
    countries = codes("AE SA BH JO")
    currencies = codes("AED AUD BHD CAD CHF CNY EGP EUR GBP HKD INR JOD JPY KWD NZD OMR PKR QAR SAR SGD TRY USD ZAR")
    method_currencies: ClassVar = {"mada": ("SAR",)}
    credentials = (
        Field(
            "store_id",
            "Store ID",
            "رقم المتجر",
            pattern=r"[0-9]{1,10}",
            example="12345",
            help="Merchant console: Integrations → Hosted payment page.",
            help_ar="لوحة التاجر: Integrations ← Hosted payment page.",
        ),
        Field(
            "auth_key",
            "Authentication key",
            "مفتاح المصادقة",
            secret=True,
            pattern=KEY,
            help="Merchant console: Integrations → Hosted payment page. Live calls want our IP address approved there.",
            help_ar="لوحة التاجر: Integrations ← Hosted payment page. تتطلب العمليات الحية اعتماد عنوان IP الخاص بنا.",
        ),
        Field(
            "remote_auth_key",
            "Remote API authentication key",
            "مفتاح مصادقة Remote API",
            required=False,
            secret=True,
            pattern=KEY,
            help="Merchant console: Integrations → Remote API. For captures, voids and refunds.",
            help_ar="لوحة التاجر: Integrations ← Remote API. للتحصيل والإلغاء والاسترداد.",
        ),
        Field(
            "webhook_secret",
            "Transaction advice secret key",
            "المفتاح السري لإشعار العمليات",
            required=False,
            secret=True,
            pattern=r"[!-~]{6,100}",
            help="Merchant console: Payment page → Transaction advice → Secret key.",
            help_ar="لوحة التاجر: Payment page ← Transaction advice ← Secret key.",
            credential_type="webhook_secret",
        ),
    )
    signature = SIGNATURE
    webhook_content_type = "application/x-www-form-urlencoded"
    webhook_secret_help = "Merchant console: Payment page → Transaction advice → Secret key (data integrity)."  # noqa: S105 - no secret
    webhook_secret_help_ar = "لوحة التاجر: Payment page ← Transaction advice ← Secret key (data integrity)."  # noqa: S105 - no secret
    names_its_events = False
    event_types: ClassVar = EVENTS
    recommended_events = tuple(EVENTS)

    def check(self, client: Client) -> Answer:
        """An order that does not exist is asked for: of a store that does, Telr says so."""
        answer = client.post(ORDERS, json=_request(client, "check", {"order": {"ref": NO_ORDER}}))
        error = _error_in(answer.json())
        if error is not None:
            code, words = error
            failure = refusal(str(INVALID_STORE) if number_of(code) == INVALID_REQUEST else code, words)
            if not isinstance(failure, Rejected):
                raise failure
        return answer

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        creation(request, request.payment_id)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        """A cart is taken once. One that is taken already was opened by a call whose answer nobody got, so that nobody
        can pay it: another is opened beside it, under a number."""
        for attempt in range(1, MOST_CARTS + 1):
            cart_id = request.payment_id if attempt == 1 else f"{request.payment_id}-{attempt}"
            wanted = creation(request, cart_id)
            wanted["order"]["test"] = mode(client)
            try:
                return read_created(_ask(client, "create", {"framed": 0, **wanted}), request)
            except Rejected as taken:
                if number_of(taken.provider_code) != DUPLICATE or attempt == MOST_CARTS:
                    raise
        raise AssertionError("The last attempt returns or raises.")

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return read_order(_fetch(client, provider_reference))

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        order = _look_first(client, provider_reference)
        held = _in_status(order, PaymentStatus.AUTHORISED)
        asked = held.amount if amount is None else _exact(amount, currency)
        done = follow_up(client, "capture", transaction_reference(order), asked, currency)
        if not done.is_done:
            raise InvalidResponse("Telr holds a capture for inspection.")
        return _as(held, PaymentStatus.CAPTURED, asked)

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        order = _look_first(client, provider_reference)
        stands = read_order(order)
        if stands.status is PaymentStatus.CANCELLED:
            return stands
        held = _in_status(order, PaymentStatus.AUTHORISED)
        done = follow_up(client, "release", transaction_reference(order), held.amount, held.currency)
        if not done.is_done:
            raise InvalidResponse("Telr holds a release for inspection.")
        return _as(held, PaymentStatus.CANCELLED, held.amount - held.amount)

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        """An authorisation may be told as one after its capture: whether there is money to give back, Telr knows."""
        order = _look_first(client, provider_reference)
        paid = _in_status(order, PaymentStatus.CAPTURED, PaymentStatus.AUTHORISED)
        asked = paid.amount if amount is None else _exact(amount, currency)
        done = follow_up(client, "refund", transaction_reference(order), asked, currency)
        status = RefundStatus.SUCCEEDED if done.is_done else RefundStatus.PENDING
        return RefundResult(done.reference, status, asked, currency, raw={"code": done.code, "message": done.message})

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        return _error_in(body) or ("", "")

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        return identify(payload)

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        return [read(payload)]


def _request(client: Client, method: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    store, key = client.credential("store_id"), client.credential("auth_key")
    return {"method": method, "store": int(store), "authkey": key, **wanted}


def _ask(client: Client, method: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises what Telr refuses, which it does with HTTP 200."""
    answer = client.post(ORDERS, json=_request(client, method, wanted)).json()
    error = _error_in(answer)
    if error is not None:
        raise refusal(*error)
    return answer


def _fetch(client: Client, reference: str) -> Mapping[str, Any]:
    answer = _ask(client, "check", {"order": {"ref": reference}})
    if read_order(answer).provider_reference != reference:
        raise InvalidResponse("Telr answered with another order than the one it was asked for.")
    return answer


def _look_first(client: Client, reference: str) -> Mapping[str, Any]:
    with changes_nothing():
        return _fetch(client, reference)


def _error_in(answer: Mapping[str, Any]) -> tuple[str, str] | None:
    """The code and the words of the error in an answer."""
    error = answer.get("error")
    if not error:
        return None
    told = error if isinstance(error, Mapping) else {"message": str(error)}
    code, words = split_code(str(told.get("message") or ""))
    note = str(told.get("note") or "")
    return code, ": ".join(text for text in (words, note) if text)


def _in_status(order: Mapping[str, Any], *wanted: PaymentStatus) -> PaymentResult:
    stands = read_order(order)
    if stands.status not in wanted:
        raise Rejected("Telr does not allow this for a payment that is {status}.", status=stands.status.value)
    return stands


def _as(order: PaymentResult, status: PaymentStatus, captured: Decimal) -> PaymentResult:
    """The order as it is after a follow-up, whose answer says nothing of it."""
    return PaymentResult(
        order.provider_reference, status, order.amount, order.currency, captured, method=order.method, raw=order.raw
    )


def _exact(amount: Decimal, currency: str) -> Decimal:
    return check_decimals(amount, currency)
