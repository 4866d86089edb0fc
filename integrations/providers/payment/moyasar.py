"""Moyasar, API v1: invoices with a page of its own, and payments by a card's token. https://docs.moyasar.com/api/

Confirmed by Moyasar's documentation (create and show invoice, token payment, payment operations, idempotency, metadata,
webhooks, status references): fields, statuses, whole numbers in the currency's smallest unit, `given_id`, up to 30 keys
of metadata by which payments and invoices are listed, `secret_token` in the body. By the package sahabaplus/moyasar: an
invoice shows whole payments, is cancelled by PUT (one page prints GET), and `captured` stays 0 of what is paid at once.

Unconfirmed: payments in other currencies than SAR; more than one partial refund on every scheme; the error for a
`given_id` that is taken (documented as a 400); whether an invoice's payments have its metadata (they have its id, by
which they are found here); the newer events (abandoned, canceled, expired). A payment that was paid at once and then
voided, in Moyasar's dashboard, looks like one that was only authorised: it is read as cancelled.

An invoice cannot be authorised only: `capture=False` needs a token. Both kinds have UUIDs, so a payment is known here
as `invoice_<id>` or `payment_<id>`. A webhook that is made through the API has to be confirmed with a code that comes
by it, so the address is entered in the dashboard; a `webhook_verification` is kept, for a person to read the code in.
An invoice's `callback_url` is not used: its calls prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from ...errors import (
    Conflict,
    IntegrationError,
    InvalidRequest,
    InvalidResponse,
    Rejected,
    Unavailable,
    UnreadablePayload,
)
from ...money import to_minor_units
from ..auth import Basic
from ..base import Client, Field, PaymentProvider, codes
from ..before_changes import changes_nothing
from ..events import EventIdentity, EventType, NormalizedEvent, flag
from ..json_values import mapping
from ..probes import Probe, ProbeKind
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult, RefundStatus
from ..signatures import BodyField, SharedToken
from .moyasar_reading import INVOICE, PAYMENT, deciding, read_invoice, read_payment
from .moyasar_requests import OUR_ID, PAGE_LIFETIME, given_id_of, invoice_body, payment_body
from .moyasar_samples import sample


class Moyasar(PaymentProvider):
    slug = "moyasar"
    name = "Moyasar"
    name_ar = "ميسر"
    description = "mada, cards, Apple Pay, Google Pay, Samsung Pay and STC Pay for merchants in Saudi Arabia."
    description_ar = "مدى والبطاقات وApple Pay وGoogle Pay وSamsung Pay وSTC Pay للتجار في السعودية."
    documentation_url = "https://docs.moyasar.com/api/api-introduction"
    api_version = "v1"
    # Live and test share one host: the key says which it is.
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), "https://api.moyasar.com/v1")
    auth = Basic("secret_key")
    probe = Probe("/payments", {"page": "1"}, ProbeKind.API_CALL)
    operations = frozenset({"create", "get", "find", "capture", "void", "refund"})
    page_lifetime = PAGE_LIFETIME
    payment_capabilities = frozenset({"card", "mada", "apple_pay", "google_pay", "samsung_pay", "stc_pay"})
    is_mena = True
    regions = ("mena",)
    countries = ("SA",)
    currencies = codes("AED BHD EGP EUR GBP JOD JPY KWD OMR QAR SAR USD")
    # https://docs.moyasar.com/stc-pay-payment
    method_currencies: ClassVar = {"mada": ("SAR",), "stc_pay": ("SAR",)}
    credentials = (
        Field(
            "secret_key",
            "Secret key",
            "المفتاح السري",
            secret=True,
            pattern=r"sk_(test|live)_[A-Za-z0-9]+",
            test_pattern=r"sk_test_.*",
            example="sk_test_… / sk_live_…",
            help="Dashboard → Settings → API Keys.",
            help_ar="لوحة التحكم ← الإعدادات ← API Keys.",
        ),
        Field(
            "publishable_key",
            "Publishable key",
            "المفتاح القابل للنشر",
            required=False,
            pattern=r"pk_(test|live)_[A-Za-z0-9]+",
            test_pattern=r"pk_test_.*",
            example="pk_test_… / pk_live_…",
            help="For the payer's browser only. Dashboard → Settings → API Keys.",
            help_ar="لمتصفح الدافع فقط. لوحة التحكم ← الإعدادات ← API Keys.",
        ),
        Field(
            "webhook_secret",
            "Webhook secret token",
            "الرمز السري للويب هوك",
            required=False,
            secret=True,
            pattern=r"[!-~]{8,255}",
            help="Of your own choosing: what you enter under Dashboard → Settings → Webhooks → Secret Token.",
            help_ar="من اختيارك: ما تُدخله في لوحة التحكم ← الإعدادات ← Webhooks ← Secret Token.",
            credential_type="webhook_secret",
        ),
    )
    signature = SharedToken(BodyField("secret_token"))
    webhook_secret_help = "Enter it under Dashboard → Settings → Webhooks → Secret Token."  # noqa: S105 - no secret
    webhook_secret_help_ar = "أدخله في لوحة التحكم ← الإعدادات ← Webhooks ← Secret Token."  # noqa: S105 - no secret
    event_types: ClassVar = {
        "payment_paid": EventType.PAYMENT_SUCCEEDED,
        "payment_authorized": EventType.PAYMENT_AUTHORISED,
        "payment_captured": EventType.PAYMENT_CAPTURED,
        "payment_failed": EventType.PAYMENT_FAILED,
        "payment_faild": EventType.PAYMENT_FAILED,  # as Moyasar's own page spells it
        "payment_abandoned": EventType.PAYMENT_FAILED,
        "payment_expired": EventType.PAYMENT_FAILED,
        "payment_canceled": EventType.PAYMENT_CANCELLED,
        "payment_voided": EventType.PAYMENT_CANCELLED,
        "payment_refunded": EventType.PAYMENT_REFUNDED,
    }
    recommended_events = (
        "payment_paid",
        "payment_authorized",
        "payment_captured",
        "payment_failed",
        "payment_voided",
        "payment_refunded",
    )

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        if request.payment_token:
            payment_body(request, "")
        else:
            invoice_body(request)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        """An invoice, or with a token (`token_…`) a payment, whose id is made of the key: asked twice, it is one."""
        if not request.payment_token:
            return read_invoice(client.post("/invoices", json=invoice_body(request)).json())
        given_id = given_id_of(idempotency_key)
        try:
            return read_payment(client.post("/payments", json=payment_body(request, given_id)).json())
        except Rejected as refusal:
            # An id that is taken is refused, with a 400 as documented: whatever it is, the payment itself says more.
            made = _made_before(client, given_id, refusal)
            if made is None:
                raise
            return made

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        read = read_invoice if provider_reference.startswith(INVOICE) else read_payment
        return read(client.get(_path(provider_reference)).json())

    def find_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult | None:
        if request.payment_token:
            return _payment_if_there(client, given_id_of(idempotency_key))
        listed = client.get("/invoices", params={f"metadata[{OUR_ID}]": request.payment_id}).json()
        invoices = listed.get("invoices")
        if not isinstance(invoices, list):
            raise InvalidResponse("Moyasar's list of invoices is not as documented.")
        for invoice in map(mapping, invoices):
            if mapping(invoice.get("metadata")).get(OUR_ID) == request.payment_id:
                return self.get_payment(client, f"{INVOICE}{invoice.get('id')}")
        if mapping(listed.get("meta")).get("next_page"):
            raise InvalidResponse("Moyasar lists other invoices than those that were asked for.")
        return None

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        """Once only. mada lets an authorisation go after 14 days."""
        body = {} if amount is None else {"amount": to_minor_units(amount, currency)}
        with changes_nothing():
            before, path = _payment_of(client, provider_reference)
        return _changed(before, client.post(f"{path}/capture", json=body).json(), PaymentStatus.CAPTURED)

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        """An invoice that nobody has paid is cancelled. What is paid is not voided, though Moyasar does that for some
        hours: the money is to be seen to go back."""
        with changes_nothing():
            is_unpaid = provider_reference.startswith(INVOICE) and _is_unpaid(client, provider_reference)
        if is_unpaid:
            cancelled = read_invoice(client.put(f"{_path(provider_reference)}/cancel").json())
            return _check(cancelled, PaymentStatus.CANCELLED)
        with changes_nothing():
            before, path = _payment_of(client, provider_reference)
        if before.status is not PaymentStatus.AUTHORISED:
            raise Conflict("At Moyasar it is {status}: only an authorisation is voided.", status=before.status.value)
        return _changed(before, client.post(f"{path}/void").json(), PaymentStatus.CANCELLED)

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        """A refund is no object at Moyasar: what it gave back is what the payment's total grew by."""
        body = {} if amount is None else {"amount": to_minor_units(amount, currency)}
        with changes_nothing():
            before, path = _payment_of(client, provider_reference)
        after = read_payment(client.post(f"{path}/refund", json=body).json())
        given_back = (after.amount_refunded or Decimal(0)) - (before.amount_refunded or Decimal(0))
        if given_back <= 0 or (amount is not None and given_back < amount):
            raise InvalidResponse("Moyasar's answer does not show the refund.")
        return RefundResult(
            provider_reference=after.provider_reference,
            status=RefundStatus.SUCCEEDED,
            amount=given_back if amount is None else amount,
            currency=after.currency,
            raw=after.raw,
        )

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """With what it says of each field."""
        errors = body.get("errors")
        fields = [f"{field}: {_sentence(said)}" for field, said in mapping(errors).items()]
        message = " ".join(filter(None, [str(body.get("message") or ""), "; ".join(fields)]))
        return str(body.get("type") or ""), message

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        event_id, event_type = payload.get("id"), payload.get("type")
        if not (isinstance(event_id, str) and event_id and isinstance(event_type, str) and event_type):
            raise UnreadablePayload("A Moyasar event has an id and a type; this has not.")
        return EventIdentity(event_id, event_type, _subject(payload), _created(payload))

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        if event_type not in self.event_types:
            return super().sample_event(event_type, event_id=event_id, now=now)
        return sample(event_type, event_id, now)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        """The token proves who sends, not what, so the payment is asked for."""
        event_type = EventType(self.event_types.get(str(payload.get("type")), EventType.UNKNOWN))
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(event_type, occurred_at=_created(payload))]
        ours = str(mapping(mapping(payload.get("data")).get("metadata")).get(OUR_ID) or "")
        read = NormalizedEvent(event_type, _subject(payload), _created(payload), payment_id=ours)
        return [replace(read, is_live=flag(payload.get("live")))]


def _path(provider_reference: str) -> str:
    if provider_reference.startswith(INVOICE):
        return f"/invoices/{quote(provider_reference.removeprefix(INVOICE), safe='')}"
    return f"/payments/{quote(provider_reference.removeprefix(PAYMENT), safe='')}"


def _payment_if_there(client: Client, payment_id: str) -> PaymentResult | None:
    try:
        return read_payment(client.get(_path(PAYMENT + payment_id)).json())
    except Rejected as refusal:
        if refusal.provider_status == 404:
            return None
        raise


def _made_before(client: Client, payment_id: str, error: Rejected) -> PaymentResult | None:
    """The payment that has the id already. Where that cannot be learned, it may be there."""
    try:
        return _payment_if_there(client, payment_id)
    except IntegrationError as failure:
        raise Unavailable(error.template, may_have_taken_effect=True, **error.values) from failure


def _payment_of(client: Client, provider_reference: str) -> tuple[PaymentResult, str]:
    """How the payment stands that is changed, and its path: of an invoice, the one that took the money or holds it."""
    if not provider_reference.startswith(INVOICE):
        return read_payment(client.get(_path(provider_reference)).json()), _path(provider_reference)
    invoice = client.get(_path(provider_reference)).json()
    whole = read_invoice(invoice)
    paid = deciding(invoice)
    if paid is None:
        raise InvalidRequest("Nobody has paid this invoice.")
    return whole, _path(PAYMENT + str(paid.get("id")))


def _is_unpaid(client: Client, provider_reference: str) -> bool:
    invoice = client.get(_path(provider_reference)).json()
    read_invoice(invoice)
    return deciding(invoice) is None


def _changed(before: PaymentResult, answered: Mapping[str, Any], status: PaymentStatus) -> PaymentResult:
    """The payment or its invoice, after what was done to the payment."""
    after = replace(read_payment(answered), provider_reference=before.provider_reference, amount=before.amount)
    return _check(after, status)


def _check(result: PaymentResult, status: PaymentStatus) -> PaymentResult:
    if result.status is not status:
        raise InvalidResponse("Moyasar's answer does not show that it was done: {status}.", status=result.status)
    return result


def _subject(payload: Mapping[str, Any]) -> str:
    """An invoice's payment is known here by the invoice."""
    payment = mapping(payload.get("data"))
    if not str(payload.get("type")).startswith("payment_"):
        return ""
    invoice_id, payment_id = payment.get("invoice_id"), payment.get("id")
    if isinstance(invoice_id, str) and invoice_id:
        return INVOICE + invoice_id
    return PAYMENT + payment_id if isinstance(payment_id, str) and payment_id else ""


def _created(payload: Mapping[str, Any]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(payload["created_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _sentence(said: Any) -> str:
    return ", ".join(map(str, said)) if isinstance(said, list) else str(said)
