"""Paymob, by its Intention API. https://developers.paymob.com/paymob-docs/developers/intention-apis/create-intention

An intention opens a page; whoever pays on it makes a transaction under an order, and captures, refunds and voids are
transactions that name it as their parent. A payment's reference is the order's `merchant_order_id`, which is our own
payment's id (`special_reference` of the intention): it is known before Paymob answers, every callback has it, and the
inquiry takes it. The intention's id (`pi_…`) is in no callback and cannot be asked for without the payer's secret;
Paymob's number of the order is another for each page; that of a transaction is another for each try.

Confirmed in the official WooCommerce plugin (hosts, keys, both ways to authenticate, the intention, 1000 units for
Oman, refunds, the signature), on developers.paymob.com (totals in the parent, callbacks, the signature) and
docs.paymob.com (inquiry, captures of less than is held, void within the day).
Unconfirmed: whether the inquiry answers with one transaction or with all (both are read; of a child the parent is
fetched); that it answers 404 for an unknown reference; that a second intention under the same reference is refused;
that voids and captures take the secret key in the UAE; whether refunds of an authorisation name it or its capture (it,
here); the unit of `captured_amount` (that of `amount_cents`, here); whether a callback that got no answer is sent again
(what was missed is found by asking). `created_at` has no time zone and orders nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlencode

from ...errors import Conflict, InvalidResponse, NotSupported, UnreadablePayload
from ...money import to_minor_units
from ..auth import HeaderKey
from ..base import Answer, Client, Field, PaymentProvider, codes
from ..events import EventIdentity, EventType, NormalizedEvent
from ..probes import Probe
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult, RefundStatus
from ..signatures import AnyOf, QueryParameter, SignedFields
from .paymob_calls import (
    HOSTS,
    METHODS,
    PAGE_SECONDS,
    READING,
    accepted,
    ask,
    check_keys,
    creation,
    exponent,
    follow_up,
    host,
    known_order,
    order_before_change,
    public_key,
)
from .paymob_reading import Transaction, read_transaction
from .paymob_samples import sample

_COUNTRIES = "|".join(HOSTS)
_TRANSACTION = codes(
    "amount_cents created_at currency error_occured has_parent_transaction id integration_id is_3d_secure is_auth"
    " is_capture is_refunded is_standalone_payment is_voided order.id owner pending source_data.pan"
    " source_data.sub_type source_data.type success"
)
_CARD_TOKEN = codes("card_subtype created_at email id masked_pan merchant_id order_id token")


class Paymob(PaymentProvider):
    slug = "paymob"
    name = "Paymob"
    name_ar = "باي موب"
    description = "Cards, Apple Pay, wallets and instalments in the UAE, Egypt, Saudi Arabia, Oman and Pakistan."
    description_ar = "بطاقات وApple Pay ومحافظ وتقسيط في الإمارات ومصر والسعودية وعُمان وباكستان."
    documentation_url = "https://developers.paymob.com/paymob-docs"
    api_version = "v1"
    # Live and test share a host: the keys and the integrations say which it is.
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), HOSTS["are"])
    auth = HeaderKey("Authorization", "secret_key", prefix="Token ")
    probe = Probe("/api/ecommerce/integrations", {"page_size": "1"})
    operations = frozenset({"create", "get", "find", "capture", "void", "refund"})
    payment_capabilities = METHODS
    page_lifetime = timedelta(seconds=PAGE_SECONDS)
    shows_unpaid = False  # an order has no transaction before somebody tries to pay it
    is_mena = True
    regions = ("mena",)
    countries = codes("AE EG SA OM PK")
    currencies = codes("AED EGP SAR OMR PKR USD")
    # National schemes, in their countries' own money.
    method_currencies: ClassVar = {
        "mada": ("SAR",),
        "stc_pay": ("SAR",),
        "omannet": ("OMR",),
        "meeza": ("EGP",),
        "fawry": ("EGP",),
        "valu": ("EGP",),
        "wallet": ("EGP", "PKR"),
    }
    credentials = (
        Field(
            "secret_key",
            "Secret key",
            "المفتاح السري",
            secret=True,
            pattern=rf"({_COUNTRIES})_sk_(test|live)_[A-Za-z0-9]+",
            test_pattern=r"[a-z]+_sk_test_.*",
            example="are_sk_test_… / are_sk_live_…",
            help="Settings → API Keys → Secret key, with the switch at Live or Test as you mean it.",
            help_ar="الإعدادات ← API Keys ← Secret key، بعد اختيار الوضع الحي أو التجريبي.",
        ),
        Field(
            "api_key",
            "API key",
            "مفتاح API",
            secret=True,
            pattern=r"[A-Za-z0-9+/=_.-]{20,1024}",
            help="Settings → API Keys → API key. How payments stand is asked with it.",
            help_ar="الإعدادات ← API Keys ← API key. به يُسأل عن حال المدفوعات.",
        ),
        Field(
            "webhook_secret",
            "HMAC secret",
            "سر HMAC",
            required=False,
            secret=True,
            pattern=r"[A-Za-z0-9_-]{16,128}",
            help="Settings → API Keys → HMAC.",
            help_ar="الإعدادات ← API Keys ← HMAC.",
            credential_type="webhook_secret",
        ),
    )
    configuration = (
        Field(
            "public_key",
            "Public key",
            "المفتاح العام",
            pattern=rf"({_COUNTRIES})_pk_(test|live)_[A-Za-z0-9]+",
            test_pattern=r"[a-z]+_pk_test_.*",
            example="are_pk_test_… / are_pk_live_…",
            help="Settings → API Keys → Public key. Its first letters say the country.",
            help_ar="الإعدادات ← API Keys ← Public key. حروفه الأولى تدل على البلد.",
        ),
        Field(
            "integration_ids",
            "Integration IDs",
            "أرقام التكامل",
            pattern=r"\s*[a-z_]+\s*=\s*[0-9]+\s*(,\s*[a-z_]+\s*=\s*[0-9]+\s*)*",
            example="card=1234567, apple_pay=1234568",
            help=(
                "Settings → Payment Integrations. One for each way to pay: card=1234567, apple_pay=1234568."
                " One that only authorises ends in _auth: card_auth=1234569."
            ),
            help_ar=(
                "الإعدادات ← Payment Integrations. رقم لكل طريقة دفع: card=1234567, apple_pay=1234568."
                " وما يحجز المبلغ فقط ينتهي بـ ‎_auth‎: card_auth=1234569."
            ),
        ),
    )
    signature = AnyOf(
        (
            SignedFields(QueryParameter("hmac"), tuple(f"obj.{name}" for name in _TRANSACTION), algorithm="sha512"),
            SignedFields(
                QueryParameter("hmac"),
                tuple(f"obj.{name}" for name in _CARD_TOKEN),
                algorithm="sha512",
                only_where=("type", "TOKEN"),
            ),
        )
    )
    issues_webhook_secret = True
    webhook_secret_help = "Settings → API Keys → HMAC."  # noqa: S105 - no secret
    webhook_secret_help_ar = "الإعدادات ← API Keys ← HMAC."  # noqa: S105 - no secret
    told_address_with_payments = True
    names_its_events = False
    # Paymob has no names for its callbacks: ours say what the flags do.
    event_types: ClassVar = {
        "TRANSACTION.paid": EventType.PAYMENT_SUCCEEDED,
        "TRANSACTION.authorised": EventType.PAYMENT_AUTHORISED,
        "TRANSACTION.pending": EventType.PAYMENT_PENDING,
        "TRANSACTION.failed": EventType.PAYMENT_FAILED,
        "TRANSACTION.captured": EventType.PAYMENT_CAPTURED,
        "TRANSACTION.refunded": EventType.PAYMENT_REFUNDED,
        "TRANSACTION.refund_failed": EventType.PAYMENT_REFUND_FAILED,
        "TRANSACTION.voided": EventType.PAYMENT_CANCELLED,
    }
    recommended_events = tuple(event_types)

    def base_url(self, environment: str, configuration: Mapping[str, Any]) -> str:
        return host(configuration)

    def check(self, client: Client) -> Answer:
        """The API key, and that the other two are of one account. No call that changes nothing takes the secret key."""
        check_keys(client)
        return client.get(self.probe.path, params=self.probe.params, auth=READING)

    def charges_at_once(self, request: PaymentRequest) -> bool:
        return False

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        creation(configuration, request)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        body = creation(client.configuration, request)
        check_keys(client)
        told = client.post("/v1/intention/", json=body).json()
        secret = told.get("client_secret")
        if not isinstance(secret, str) or not secret:
            raise InvalidResponse("Paymob's intention is not as documented.")
        page = urlencode({"publicKey": public_key(client.configuration), "clientSecret": secret})
        return PaymentResult(
            provider_reference=request.payment_id,
            status=PaymentStatus.REQUIRES_ACTION,
            amount=request.amount,
            currency=request.currency,
            redirect_url=f"{host(client.configuration)}/unifiedcheckout/?{page}",
            client_secret=secret,
            raw={key: told[key] for key in ("id", "intention_order_id", "status") if key in told},
        )

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return known_order(client, provider_reference).result()

    def find_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult | None:
        """A page alone takes nothing: one that nobody has tried to pay on is none."""
        order = ask(client, request.payment_id)
        return order.result() if order else None

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        order = order_before_change(client, provider_reference)
        if order.held is None:
            raise Conflict("Paymob holds nothing of this payment that could be captured.")
        units = _units(client, order.held.units, amount, currency)
        child = accepted(follow_up(client, "/api/acceptance/capture", order.held, "capture", units))
        return order.captured(order.held, child.units).result()

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        """Of an authorisation, on the day that it was made. A page that nobody has paid on expires within the hour."""
        order = order_before_change(client, provider_reference)
        if order.held is None:
            raise NotSupported("Paymob voids authorisations alone; a page that nobody paid on expires by itself.")
        accepted(follow_up(client, "/api/acceptance/void_refund/void", order.held, "void", None))
        return order.voided(order.held).result()

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        order = order_before_change(client, provider_reference)
        taken = order.refundable
        if taken is None:
            raise Conflict("Paymob has taken nothing of this payment that could be refunded.")
        units = _units(client, taken.taken - taken.given_back, amount, currency)
        refund = follow_up(client, "/api/acceptance/void_refund/refund", taken, "refund", units)
        is_failed = not refund.is_paid and not refund.pending
        waits = RefundStatus.FAILED if is_failed else RefundStatus.PENDING
        return RefundResult(
            provider_reference=str(refund.id),
            status=RefundStatus.SUCCEEDED if refund.is_paid else waits,
            amount=order.money(refund.units),
            currency=refund.currency,
            failure_message=refund.message if is_failed else "",
            raw=dict(refund.told),
        )

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """`detail` or `message`, or the names of fields with what is wrong with each."""
        told = body.get("detail") or body.get("message")
        if not isinstance(told, str):
            wrong = {name: words[0] for name, words in body.items() if isinstance(words, list) and words}
            told = "; ".join(f"{name}: {words}" for name, words in wrong.items() if isinstance(words, str))
        return str(body.get("code") or ""), told

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        kind, obj = payload.get("type"), payload.get("obj")
        if not isinstance(kind, str) or not kind or not isinstance(obj, Mapping) or not obj.get("id"):
            raise UnreadablePayload("Paymob's callback has a type and an object with an id; this has not.")
        if kind != "TRANSACTION":
            return EventIdentity(f"{kind}:{obj['id']}", kind)
        try:
            told = read_transaction({**obj, "id": 0})  # in a test event it is a text
        except InvalidResponse as error:
            raise UnreadablePayload("Paymob's callback is not as documented.") from error
        event_type = f"{kind}.{_happened(told)}"
        event_id = f"{kind}:{obj['id']}:{event_type}:{told.captured_units}:{told.refunded_units}"
        return EventIdentity(event_id, event_type, told.order, _time(obj.get("created_at")))

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id, now)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        """None carries a payment's state: what is signed are some fields, and the order is not asked for its tries."""
        identity = self.identify_event(payload, headers)
        event_type = EventType(self.event_types.get(identity.event_type, EventType.UNKNOWN))
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(EventType.UNKNOWN, occurred_at=identity.occurred_at)]
        return [NormalizedEvent(event_type, identity.subject, identity.occurred_at, payment_id=identity.subject)]


def _happened(told: Transaction) -> str:
    """What a callback is about: a child's own doing, or how the payment stands."""
    if told.child_of:
        done = {"capture": "captured", "refund": "refunded", "void": "voided"}[told.child_of]
        return done if told.is_paid else f"{told.child_of}_{'pending' if told.pending else 'failed'}"
    if told.is_voided:
        return "voided"
    if told.refunded_units:
        return "refunded"
    if told.is_paid:
        return "paid" if not told.is_auth else "captured" if told.captured_units else "authorised"
    return "pending" if told.pending else "failed"


def _units(client: Client, whole: int, amount: Decimal | None, currency: str) -> int:
    return whole if amount is None else to_minor_units(amount, currency, exponent=exponent(client.configuration))


def _time(text: object) -> datetime | None:
    """Paymob's times have no zone, and then say nothing."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
