"""Stripe, by Payment Intents. https://docs.stripe.com/api/payment_intents

Confirmed against the official `stripe` package 16.1 (API version, parameters, signature), Stripe's documentation
(currencies, rate limits, changelog) and the package `localstripe` (every operation). From general knowledge, still to
be seen on a live account: the countries that merchants can be in, and the ways to pay that each of them gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from ...errors import InvalidRequest, InvalidResponse, Rejected, UnreadablePayload
from ...money import from_minor_units, to_minor_units
from ..auth import Bearer
from ..base import Client, Field, PaymentProvider, Probe, codes
from ..events import EventIdentity, EventType, NormalizedEvent, flag
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult, RefundStatus
from ..signatures import TimestampedHMAC
from .stripe_samples import sample

# https://docs.stripe.com/currencies#special-cases: these are counted otherwise than ISO 4217 has it.
EXPONENTS = {"MGA": 0, "UGX": 2, "ISK": 2}
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})

STATUSES = {
    "requires_payment_method": PaymentStatus.REQUIRES_ACTION,
    "requires_confirmation": PaymentStatus.REQUIRES_ACTION,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PENDING,
    "requires_capture": PaymentStatus.AUTHORISED,
    "succeeded": PaymentStatus.CAPTURED,
    "canceled": PaymentStatus.CANCELLED,
}
REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELLED,
}
# From this version a charge's amount_refunded no longer counts what a partial capture or a cancellation let go.
# https://docs.stripe.com/changelog/basil/2025-03-31/remove-refund-from-partial-capture-and-payment-cancellation-flow
REFUNDS_ARE_REFUNDS_SINCE = "2025-03-31"
# What reading an answer raises when a field is missing, or is not what it should be.
UNDOCUMENTED = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, InvalidRequest)
# The charge says what was refunded or disputed; the intent by itself doesn't.
WITH_CHARGE = {"expand[]": "latest_charge"}


class Stripe(PaymentProvider):
    slug = "stripe"
    name = "Stripe"
    name_ar = "سترايب"
    description = "Cards, Apple Pay and Google Pay in more than 100 currencies, settled in dirhams for UAE merchants."
    description_ar = "بطاقات وApple Pay وGoogle Pay بأكثر من 100 عملة، مع تسوية بالدرهم للتجار في الإمارات."
    documentation_url = "https://docs.stripe.com/api/payment_intents"
    api_version = "2026-10-28.endive"
    # Live and test share one host: the key says which it is.
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), "https://api.stripe.com")
    auth = Bearer("api_key")
    headers: ClassVar = {"Stripe-Version": api_version}
    idempotency_header = "Idempotency-Key"
    probe = Probe("/v1/balance")
    operations = frozenset({"create", "get", "capture", "void", "refund"})
    payment_capabilities = frozenset({"card", "apple_pay", "google_pay", "link"})
    # https://docs.stripe.com/rate-limits: 100 a second in live mode (25 in test mode, which Stripe itself enforces).
    rate_limits: ClassVar = {"per_minute": 6000}
    regions = ("global",)
    countries = codes(
        "AE AT AU BE BG BR CA CH CY CZ DE DK EE ES FI FR GB GI GR HK HR HU IE IT JP LI LT LU LV MT MX MY NL NO NZ PL PT"
        " RO SE SG SI SK TH US"
    )
    currencies = codes(
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY"
        " COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR"
        " ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK"
        " MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD"
        " SHP SLE SOS SRD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER"
        " ZAR ZMW"
    )
    credentials = (
        Field(
            "api_key",
            "Secret key",
            "المفتاح السري",
            secret=True,
            pattern=r"(sk|rk)_(test|live)_[A-Za-z0-9_]+",
            help="Developers → API keys. A restricted key needs PaymentIntents and Refunds (write) and Balance (read).",
            help_ar="المطورون ← مفاتيح API. يحتاج المفتاح المقيّد إلى كتابة PaymentIntents وRefunds وقراءة Balance.",
        ),
        Field(
            "publishable_key",
            "Publishable key",
            "المفتاح القابل للنشر",
            required=False,
            pattern=r"pk_(test|live)_[A-Za-z0-9_]+",
            help="For the payer's browser only.",
            help_ar="لمتصفح الدافع فقط.",
        ),
        Field(
            "webhook_secret",
            "Webhook signing secret",
            "سر توقيع الويب هوك",
            required=False,
            secret=True,
            pattern=r"whsec_[A-Za-z0-9+/=_-]+",
            help="Developers → Webhooks → your endpoint → Signing secret.",
            help_ar="المطورون ← Webhooks ← نقطة النهاية ← Signing secret.",
            credential_type="webhook_secret",
        ),
    )
    configuration = (
        Field(
            "statement_descriptor_suffix",
            "Statement descriptor suffix",
            "لاحقة كشف الحساب",
            required=False,
            pattern=r"(?=.*[A-Za-z])[^<>\\'\"*]{1,22}",
            help="Put after your own name on the payer's card statement.",
            help_ar="تظهر بعد اسمك في كشف حساب بطاقة الدافع.",
        ),
        Field(
            "send_receipts",
            "Let Stripe e-mail receipts",
            "إرسال الإيصالات عبر سترايب",
            required=False,
            kind="boolean",
            default=False,
            help="In live mode a receipt goes to the customer's address, whatever your account's e-mail settings.",
            help_ar="في الوضع الحي يُرسل الإيصال إلى بريد العميل أيًا كانت إعدادات البريد في حسابك.",
        ),
    )
    signature = TimestampedHMAC()
    webhook_secret_help = "Developers → Webhooks → your endpoint → Signing secret (whsec_…)."  # noqa: S105 - no secret
    webhook_secret_help_ar = "Developers ← Webhooks ← عنوانك ← Signing secret (whsec_…)."  # noqa: S105 - no secret
    # charge.succeeded says the same as payment_intent.succeeded and is left out, as are the others not named here.
    event_types: ClassVar = {
        "payment_intent.succeeded": EventType.PAYMENT_SUCCEEDED,
        "payment_intent.amount_capturable_updated": EventType.PAYMENT_AUTHORISED,
        "payment_intent.processing": EventType.PAYMENT_PENDING,
        "payment_intent.requires_action": EventType.PAYMENT_REQUIRES_ACTION,
        "payment_intent.payment_failed": EventType.PAYMENT_FAILED,
        "payment_intent.canceled": EventType.PAYMENT_CANCELLED,
        "charge.captured": EventType.PAYMENT_CAPTURED,
        "charge.refunded": EventType.PAYMENT_REFUNDED,
        "charge.dispute.created": EventType.PAYMENT_DISPUTED,
        "charge.dispute.closed": EventType.PAYMENT_DISPUTE_LOST,  # or won: the dispute's status says
        "refund.failed": EventType.PAYMENT_REFUND_FAILED,
    }
    recommended_events = tuple(event_types)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        """A declined card is a failed payment, which Stripe keeps, and not an error."""
        form = _creation_form(request, client.configuration)
        try:
            answer = client.post("/v1/payment_intents", form=form, idempotency_key=idempotency_key)
        except Rejected as refusal:
            declined = _declined_intent(refusal.body)
            if declined is None:
                raise
            return _read_payment(declined)
        return _read_payment(answer.json())

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return _read_payment(client.get(_path(provider_reference), params=WITH_CHARGE).json())

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        """Once only: what is not captured is let go. An authorisation lapses by itself after about seven days."""
        form = {**WITH_CHARGE, **_amount("amount_to_capture", amount, currency)}
        answer = client.post(_path(provider_reference, "/capture"), form=form, idempotency_key=idempotency_key)
        return _read_payment(answer.json())

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        path = _path(provider_reference, "/cancel")
        return _read_payment(client.post(path, form=WITH_CHARGE, idempotency_key=idempotency_key).json())

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        form = {"payment_intent": provider_reference, **_amount("amount", amount, currency)}
        return _read_refund(client.post("/v1/refunds", form=form, idempotency_key=idempotency_key).json())

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """The issuer's reason where there is one, as it says more than `card_declined`."""
        error = _mapping(body.get("error"))
        code = error.get("decline_code") or error.get("code") or error.get("type") or ""
        return str(code), str(error.get("message") or "")

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        event_id, event_type = payload.get("id"), payload.get("type")
        if not (isinstance(event_id, str) and event_id and isinstance(event_type, str) and event_type):
            raise UnreadablePayload("A Stripe event has an id and a type; this has not.")
        return EventIdentity(event_id, event_type, _intent_of(_subject(payload)), _created(payload))

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id, int(now.timestamp()), self.api_version)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        event_type = self.event_types.get(str(payload.get("type")), EventType.UNKNOWN)
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(EventType.UNKNOWN, occurred_at=_created(payload))]
        try:
            return [_read_event(EventType(event_type), payload)]
        except InvalidResponse as error:
            raise UnreadablePayload(
                "The Stripe event {type} is not as documented.", type=payload.get("type")
            ) from error


def _creation_form(request: PaymentRequest, configuration: Mapping[str, Any]) -> dict[str, str]:
    form = {
        **WITH_CHARGE,
        **_amount("amount", request.amount, request.currency),
        "currency": request.currency.lower(),
        "capture_method": "automatic" if request.capture else "manual",
        **_metadata(request),
        **_confirmation(request),
    }
    if request.customer.email and configuration.get("send_receipts"):
        form["receipt_email"] = request.customer.email
    if suffix := configuration.get("statement_descriptor_suffix"):
        form["statement_descriptor_suffix"] = str(suffix)
    return form


def _confirmation(request: PaymentRequest) -> dict[str, str]:
    """Pay at once with the token. With no page to return to, only cards can: other methods may redirect the payer.

    With no token the browser pays, by any method that the account has on: the default since API version 2023-08-16.
    """
    if not request.payment_token:
        return {}
    way_back = {"return_url": request.success_url} if request.success_url else {"payment_method_types[0]": "card"}
    return {"payment_method": request.payment_token, "confirm": "true", **way_back}


def _metadata(request: PaymentRequest) -> dict[str, str]:
    if any("[" in key or "]" in key for key in request.metadata):
        raise InvalidRequest("Stripe allows no square brackets in a metadata key.", field="metadata")
    pairs = {**request.metadata, "reference": request.reference}
    return {f"metadata[{key}]": str(value) for key, value in pairs.items()}


def _amount(key: str, amount: Decimal | None, currency: str) -> dict[str, str]:
    """The amount in Stripe's units. Raises InvalidRequest when Stripe cannot charge it exactly."""
    if amount is None:
        return {}
    units = to_minor_units(amount, currency, exponent=EXPONENTS.get(currency))
    if currency in THREE_DECIMALS and units % 10:
        raise InvalidRequest(
            "Stripe wants the third decimal of {currency} to be 0; {amount} has another.",
            currency=currency,
            amount=amount,
            field="amount",
        )
    if EXPONENTS.get(currency) == 2 and units % 100:
        raise InvalidRequest(
            "Stripe charges {currency} in whole units only; {amount} is not.",
            currency=currency,
            amount=amount,
            field="amount",
        )
    return {key: str(units)}


def _path(provider_reference: str, action: str = "") -> str:
    return f"/v1/payment_intents/{quote(provider_reference, safe='')}{action}"


def _declined_intent(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The payment intent that a card error (402) carries."""
    error = _mapping(body.get("error"))
    intent = error.get("payment_intent")
    return intent if error.get("type") == "card_error" and isinstance(intent, Mapping) else None


def _read_payment(intent: Mapping[str, Any]) -> PaymentResult:
    """Raises InvalidResponse when this is not a payment intent as documented."""
    try:
        return _payment(intent)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Stripe's payment intent is not as documented.") from error


def _payment(intent: Mapping[str, Any]) -> PaymentResult:
    currency = intent["currency"].upper()
    amount, captured = _money(intent["amount"], currency), _captured(intent, currency)
    charge = _mapping(intent.get("latest_charge"))  # an id where it was not expanded
    refunded = _money(charge["amount_refunded"], currency) if "amount_refunded" in charge else None
    failure = _mapping(intent.get("last_payment_error"))
    status = _status(intent["status"], captured, refunded, disputed=bool(charge.get("disputed")), failed=bool(failure))
    is_failed = status is PaymentStatus.FAILED
    return PaymentResult(
        provider_reference=intent["id"],
        status=status,
        amount=amount,
        currency=currency,
        amount_captured=captured,
        amount_refunded=None if status is PaymentStatus.CANCELLED else refunded,
        redirect_url=_mapping(_mapping(intent.get("next_action")).get("redirect_to_url")).get("url") or "",
        client_secret=intent.get("client_secret") or "",
        failure_code=str(failure.get("decline_code") or failure.get("code") or "") if is_failed else "",
        failure_message=str(failure.get("message") or "") if is_failed else "",
        raw={key: value for key, value in intent.items() if key != "client_secret"},
    )


def _captured(intent: Mapping[str, Any], currency: str) -> Decimal:
    """localstripe has no `amount_received`; there a payment that succeeded is taken whole."""
    otherwise = intent["amount"] if intent["status"] == "succeeded" else 0
    return _money(intent.get("amount_received", otherwise), currency)


def _status(status: str, captured: Decimal, refunded: Decimal | None, *, disputed: bool, failed: bool) -> PaymentStatus:
    if status == "requires_payment_method" and failed:
        return PaymentStatus.FAILED
    if status != "succeeded":
        return STATUSES[status]
    if disputed:
        return PaymentStatus.DISPUTED
    if refunded:
        return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED
    return PaymentStatus.CAPTURED


def _read_refund(refund: Mapping[str, Any]) -> RefundResult:
    try:
        currency = refund["currency"].upper()
        return RefundResult(
            provider_reference=refund["id"],
            status=REFUND_STATUSES[refund["status"]],
            amount=_money(refund["amount"], currency),
            currency=currency,
            failure_message=str(refund.get("failure_reason") or ""),
            raw=dict(refund),
        )
    except UNDOCUMENTED as error:
        raise InvalidResponse("Stripe's refund is not as documented.") from error


def _read_event(event_type: EventType, payload: Mapping[str, Any]) -> NormalizedEvent:
    """An intent is the payment's state; a charge is too, once its refunds are refunds; a dispute or a refund is not."""
    subject = _subject(payload)
    payment, reference = None, _intent_of(subject)
    if subject.get("object") == "payment_intent":
        payment = _read_payment(subject)
    elif subject.get("object") == "charge" and str(payload.get("api_version")) >= REFUNDS_ARE_REFUNDS_SINCE:
        payment = _read_charge(subject) if reference else None
    if event_type is EventType.PAYMENT_DISPUTE_LOST and subject.get("status") != "lost":
        event_type = EventType.PAYMENT_DISPUTE_WON  # or an inquiry that ended before any money was taken back
    is_live = flag(payload.get("livemode"))
    return NormalizedEvent(event_type, reference, _created(payload), payment, _dispute(subject), is_live=is_live)


def _dispute(subject: Mapping[str, Any]) -> Mapping[str, Any]:
    """https://docs.stripe.com/api/disputes/object"""
    if subject.get("object") != "dispute":
        return {}
    currency, units = str(subject.get("currency") or "").upper(), subject.get("amount")
    due = _mapping(subject.get("evidence_details")).get("due_by")
    try:
        amount = None if units is None else str(_money(units, currency))
        answer_by = datetime.fromtimestamp(due, UTC).isoformat() if due else None
    except (*UNDOCUMENTED, OverflowError, OSError) as error:
        raise InvalidResponse("Stripe's dispute is not as documented.") from error
    return {
        "dispute": str(subject.get("id") or ""),
        "dispute_reason": str(subject.get("reason") or ""),
        "dispute_amount": amount,
        "dispute_currency": currency or None,
        "respond_by": answer_by,
    }


def _subject(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(payload.get("data")).get("object"))


def _intent_of(subject: Mapping[str, Any]) -> str:
    """The payment intent that an event's object is, or belongs to."""
    key = subject.get("id") if subject.get("object") == "payment_intent" else subject.get("payment_intent")
    return key if isinstance(key, str) else ""


def _read_charge(charge: Mapping[str, Any]) -> PaymentResult:
    """A charge of an intent, seen as that intent."""
    status = "succeeded" if charge.get("captured") else "requires_capture"
    received = {"id": charge.get("payment_intent"), "status": status, "amount_received": charge.get("amount_captured")}
    return _read_payment({**charge, **received, "latest_charge": charge})


def _money(units: int, currency: str) -> Decimal:
    return from_minor_units(units, currency, exponent=EXPONENTS.get(currency))


def _created(payload: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromtimestamp(payload["created"], UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
