"""PayTabs, by its PT2 API. https://docs.paytabs.com/manuals/PT-API-Endpoints/

All writes go to one address, where `tran_type` tells them apart, and all reads to another. A payment's reference is its
cart's id, which is ours: each try, capture, refund and void is a transaction with a `tran_ref` of its own, and the cart
has them all, so that one question tells the totals, and every notice names the payment that it is about.

Confirmed in the official php-sdk 3.0.0 (regions, fields, transaction types, status letters, error bodies, the array
that answers for a cart, the signature), the official WooCommerce plugin (duplicates, methods by currency) and
support.paytabs.com (a worked signature: 60000718961; callbacks: 60000710069).

Unconfirmed: amounts of three decimals; what answers for an unknown cart (an empty array and `null` are taken for
"none", all else is raised); the codes of errors but 1 and 4; whether a page that nobody has paid on shows in its cart;
how `payment_info` names what is no card; the form of every server key. A refund that somebody enters in the dashboard
under another cart's id is not found. The browser brings back a signed form, by POST, to the page that the payer returns
to: it is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from ...errors import Conflict, InvalidResponse, NotSupported, Rejected, Unavailable, UnreadablePayload
from ..auth import HeaderKey
from ..base import Answer, Client, Field, PaymentProvider, codes
from ..events import EventIdentity, EventType, NormalizedEvent
from ..probes import Probe, ProbeKind
from ..results import PaymentRequest, PaymentResult, RefundResult
from ..signatures import HeaderHMAC
from .paytabs_calls import (
    DUPLICATE,
    METHODS,
    MISCONFIGURED,
    accepted,
    ask,
    cart_before_change,
    cart_of,
    creation,
    follow_up,
    known_cart,
    object_of,
)
from .paytabs_reading import Cart, read_time, read_transaction
from .paytabs_samples import sample

HOSTS = {
    "ARE": "https://secure.paytabs.com",
    "SAU": "https://secure.paytabs.sa",
    "EGY": "https://secure-egypt.paytabs.com",
    "OMN": "https://secure-oman.paytabs.com",
    "JOR": "https://secure-jordan.paytabs.com",
    "KWT": "https://secure-kuwait.paytabs.com",
    "QAT": "https://secure-doha.paytabs.com",
    "IRQ": "https://secure-iraq.paytabs.com",
    "MAR": "https://secure-morocco.paytabs.com",
    "GLOBAL": "https://secure-global.paytabs.com",
}


class PayTabs(PaymentProvider):
    slug = "paytabs"
    name = "PayTabs"
    name_ar = "بيتابس"
    description = "Cards, mada, KNET, OmanNet, Meeza and wallets across the Gulf, Egypt, Jordan, Iraq and Morocco."
    description_ar = "بطاقات ومدى وكي نت وعُمان نت وميزة ومحافظ رقمية في الخليج ومصر والأردن والعراق والمغرب."
    documentation_url = "https://docs.paytabs.com/"
    api_version = "PT2"
    # A test profile is a profile of its own at the same address; the region says which address that is.
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), HOSTS["ARE"])
    auth = HeaderKey("Authorization", "server_key")
    probe = Probe("/payment/query", kind=ProbeKind.API_CALL)
    operations = frozenset({"create", "get", "find", "capture", "void", "refund"})
    shows_unpaid = False  # at least not for certain, as said above
    payment_capabilities = frozenset(METHODS)
    is_mena = True
    regions = ("mena",)
    countries = codes("AE SA EG OM JO KW QA IQ MA")
    currencies = codes("AED SAR EGP OMR JOD KWD QAR IQD MAD BHD USD EUR GBP JPY")
    # As in the official WooCommerce plugin.
    method_currencies: ClassVar = {
        "mada": ("SAR",),
        "stc_pay": ("SAR",),
        "knet": ("KWD", "USD"),
        "omannet": ("OMR",),
        "meeza": ("EGP",),
        "valu": ("EGP",),
        "samsung_pay": ("AED", "SAR"),
        "paypal": ("AED", "EGP", "USD", "EUR", "GBP", "JPY"),
    }
    credentials = (
        Field(
            "server_key",
            "Server key",
            "مفتاح الخادم",
            secret=True,
            pattern=r"[A-Z0-9]{10}-[A-Z0-9]{10}-[A-Z0-9]{10}",
            example="SXXXXXXXXX-XXXXXXXXXX-XXXXXXXXXX",
            help="Developers → Key management → Server key. Of the profile whose ID you gave, and of no other.",
            help_ar="المطورون ← إدارة المفاتيح ← Server key. للملف التعريفي الذي أدخلت رقمه دون غيره.",
        ),
    )
    configuration = (
        Field(
            "region",
            "Region",
            "المنطقة",
            choices=tuple(HOSTS),
            default="ARE",
            help="Where the PayTabs account was opened. The key of one region is refused in another.",
            help_ar="حيث فُتح حساب بيتابس. مفتاح منطقة مرفوض في غيرها.",
        ),
        Field(
            "profile_id",
            "Profile ID",
            "رقم الملف التعريفي",
            pattern=r"[0-9]{1,10}",
            example="123456",
            help="Developers → Key management → Profile ID: a number.",
            help_ar="المطورون ← إدارة المفاتيح ← Profile ID، وهو رقم.",
        ),
    )
    signature = HeaderHMAC("signature")
    webhook_secret_key = "server_key"  # noqa: S105 - the name of a credential
    webhook_secret_help = "PayTabs signs with the server key of the profile."  # noqa: S105 - no secret
    webhook_secret_help_ar = "توقّع بيتابس بمفتاح الخادم للملف التعريفي."  # noqa: S105 - no secret
    told_address_with_payments = True
    names_its_events = False
    # PayTabs has no names for its notices: ours are the transaction's type with the letter of its status.
    event_types: ClassVar = {
        **{
            f"{kind}.{letter}": event_type
            for kind, paid in (("sale", EventType.PAYMENT_SUCCEEDED), ("auth", EventType.PAYMENT_AUTHORISED))
            for letter, event_type in {
                "A": paid,
                "H": EventType.PAYMENT_PENDING,
                "P": EventType.PAYMENT_PENDING,
                "D": EventType.PAYMENT_FAILED,
                "E": EventType.PAYMENT_FAILED,
                "X": EventType.PAYMENT_CANCELLED,
                "C": EventType.PAYMENT_CANCELLED,
                "V": EventType.PAYMENT_CANCELLED,
            }.items()
        },
        "payment_request.P": EventType.PAYMENT_PENDING,
        "payment_request.X": EventType.PAYMENT_CANCELLED,
        "capture.A": EventType.PAYMENT_CAPTURED,
        "void.A": EventType.PAYMENT_CANCELLED,
        "release.A": EventType.PAYMENT_CANCELLED,
        "refund.A": EventType.PAYMENT_REFUNDED,
        "refund.D": EventType.PAYMENT_REFUND_FAILED,
        "refund.E": EventType.PAYMENT_REFUND_FAILED,
    }
    recommended_events = tuple(event_types)

    def base_url(self, environment: str, configuration: Mapping[str, Any]) -> str:
        return HOSTS.get(str(configuration.get("region")), HOSTS["ARE"])

    def check(self, client: Client) -> Answer:
        """Ask for a cart that is nobody's: whatever but the key and the profile is complained of, those are good."""
        try:
            ask(client, "credentials-check")
        except Rejected as refusal:
            if not refusal.provider_code or refusal.provider_code in MISCONFIGURED:
                raise
        return Answer(200, {}, b"[]")

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        creation(configuration, request)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        """A page to pay on; with a token of PayTabs' managed form, the payment itself, unless the bank wants a page."""
        body = creation(client.configuration, request)
        try:
            told = object_of(client.post("/payment/request", json=body))
        except Rejected as refusal:
            if refusal.provider_code != DUPLICATE:
                raise
            raise Unavailable(
                "PayTabs was asked for this payment within the last two minutes already.", may_have_taken_effect=True
            ) from refusal
        redirect_url = told.get("redirect_url") or ""
        if not isinstance(redirect_url, str) or not (redirect_url or told.get("payment_result")):
            raise InvalidResponse("PayTabs answered with neither a page to pay on nor a result.")
        return cart_of([told], request.payment_id).result(redirect_url)

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return known_cart(client, provider_reference).result()

    def find_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult | None:
        transactions = ask(client, request.payment_id)
        return cart_of(transactions, request.payment_id).result() if transactions else None

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        cart = cart_before_change(client, provider_reference)
        if cart.held is None:
            raise Conflict("PayTabs holds nothing of this payment that could be captured.")
        captured = accepted(follow_up(client, "capture", cart.held, amount, currency))
        return Cart([*cart.transactions, captured]).result()

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        """Of an authorisation: a page that nobody has paid on cannot be closed, and expires by itself."""
        cart = cart_before_change(client, provider_reference)
        if cart.held is None:
            raise NotSupported("PayTabs voids authorisations alone; a page that nobody paid on expires by itself.")
        voided = accepted(follow_up(client, "void", cart.held, None, cart.held.currency))
        return Cart([*cart.transactions, voided]).result()

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        taken = cart_before_change(client, provider_reference).refundable()
        if taken is None:
            raise Conflict("PayTabs has taken nothing of this payment that could be refunded.")
        return follow_up(client, "refund", taken, amount, currency).as_refund()

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        result = payload.get("payment_result")
        told = (payload.get("tran_ref"), payload.get("tran_type"), payload.get("cart_id"))
        status = result.get("response_status") if isinstance(result, Mapping) else None
        if not all(isinstance(value, str) and value for value in (*told, status)):
            raise UnreadablePayload("PayTabs' notice names a transaction, its type, cart and status; this does not.")
        event_type = _event_type(str(told[1]), str(status))
        at = read_time(result.get("transaction_time")) if isinstance(result, Mapping) else None
        return EventIdentity(f"{told[0]}:{event_type}", event_type, str(told[2]), at)

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id, now, self.event_types)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        identity = self.identify_event(payload, headers)
        event_type = EventType(self.event_types.get(identity.event_type, EventType.UNKNOWN))
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(EventType.UNKNOWN, occurred_at=identity.occurred_at)]
        payment = _carried(payload, event_type)
        return [
            NormalizedEvent(event_type, identity.subject, identity.occurred_at, payment, payment_id=identity.subject)
        ]


def _event_type(kind: str, status: str) -> str:
    return f"{kind.lower().replace(' ', '_')}.{status.upper()}"


def _carried(payload: Mapping[str, Any], event_type: EventType) -> PaymentResult | None:
    """The payment's state, where one transaction is all of it; None for what follows it up, and for an end that another
    transaction of the cart may belie: then the cart is asked for."""
    try:
        transaction = read_transaction(payload)
        is_whole = transaction.kind in ("sale", "auth") and event_type is not EventType.PAYMENT_CANCELLED
        return replace(Cart([transaction]).result(), amount_refunded=None) if is_whole else None
    except InvalidResponse as error:
        raise UnreadablePayload("PayTabs' notice is not as documented.") from error
