"""Tap Payments, API v2: charges, authorisations and refunds. https://developers.tap.company/reference

Confirmed by Tap's documentation (charges, authorize, refunds, redirect, webhook, idempotency, authorize and capture):
paths, required fields, statuses, amounts as numbers with ISO decimals, `reference.idempotent` (for a day), `post.url`,
sources but for those below, `hashstring` and its lists of fields, lists that filter by `sources` and by `charges` and
go on with `starting_after`. By Tap's own plugins: an id's beginning says what it is, and a void is posted with an empty
object. By another integrator: a list of nothing is a 400 that says `Refunds not found`.

Unconfirmed: that a capture's `source.id` is the authorisation's and that `sources` finds it by that (where it does not,
a captured authorisation cannot be read, and says so); the sources of QPay and Google Pay (Tap's own kits name them);
`activities` in every event; how long a number of Fawry's can be paid under (a week is waited); how many captures an
authorisation takes (it is captured once here); the longest `idempotent`. STC Pay wants a code from the payer's phone
and is left to Tap's own page, as are Tabby and the rest.

A payment is known here by its charge's id (`chg_…`), or by its authorisation's (`auth_…`), also once that is captured,
which makes a charge of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from ...errors import NotSupported, Rejected, Unavailable, UnreadablePayload
from ..auth import Bearer
from ..base import Answer, Client, Field, PaymentProvider, codes
from ..before_changes import changes_nothing
from ..events import EventIdentity, EventType, NormalizedEvent, flag
from ..json_values import mapping
from ..probes import Probe, ProbeKind
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult
from ..signatures import AnyOf, Header, SignedField, SignedFields
from .tap_events import EVENT_TYPES, RECOMMENDED, kind_of, moment_of, our_id_in, subject_of
from .tap_lookup import AUTHORISATION, captured, charge_of, is_empty, object_of, path_of, refunded
from .tap_reading import error_details, money, read_payment, read_refund, with_captures
from .tap_requests import capture_body, creation_body, refund_body
from .tap_samples import sample

_SIGNED = (
    SignedField("id", "x_id"),
    SignedField("amount", "x_amount", amount_in="currency"),
    SignedField("currency", "x_currency"),
    SignedField("reference.gateway", "x_gateway_reference"),
    SignedField("reference.payment", "x_payment_reference"),
    SignedField("status", "x_status"),
)
_UNDECIDED = frozenset({PaymentStatus.PENDING, PaymentStatus.REQUIRES_ACTION})


class Tap(PaymentProvider):
    slug = "tap"
    name = "Tap Payments"
    name_ar = "تاب للمدفوعات"
    description = "Cards, mada, KNET, BENEFIT, OmanNet, QPay and Fawry across the Gulf and Egypt, on one hosted page."
    description_ar = "البطاقات ومدى وكي نت وبنفت وعمان نت وQPay وفوري في الخليج ومصر عبر صفحة دفع واحدة."
    documentation_url = "https://developers.tap.company/reference"
    api_version = "v2"
    # Live and test share one host: the key says which it is.
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), "https://api.tap.company/v2")
    auth = Bearer("secret_api_key")
    probe = Probe("/charges/list", kind=ProbeKind.API_CALL)
    operations = frozenset({"create", "get", "capture", "void", "refund"})
    repeatable = frozenset({"create", "capture", "refund"})  # by reference.idempotent
    page_lifetime = timedelta(minutes=30)
    method_lifetimes: ClassVar = {"fawry": timedelta(days=7)}
    payment_capabilities = frozenset(
        {"card", "mada", "knet", "benefit", "omannet", "qpay", "fawry", "apple_pay", "google_pay"}
    )
    is_mena = True
    regions = ("mena",)
    countries = codes("AE BH EG JO KW LB OM QA SA")
    currencies = codes("AED BHD EGP EUR GBP JOD KWD OMR QAR SAR USD")
    # A page of https://developers.tap.company/docs for each: /mada, /knet, /benefit, /omannet, /qpay, /google-pay.
    method_currencies: ClassVar = {
        "mada": ("SAR",),
        "knet": ("KWD",),
        "benefit": ("BHD",),
        "omannet": ("OMR",),
        "qpay": ("QAR",),
        "fawry": ("EGP",),
        "google_pay": ("AED", "KWD", "SAR", "USD"),
    }
    credentials = (
        Field(
            "secret_api_key",
            "Secret API key",
            "مفتاح API السري",
            secret=True,
            pattern=r"sk_(test|live)_[A-Za-z0-9]+",
            test_pattern=r"sk_test_.*",
            example="sk_test_… / sk_live_…",
            help="Dashboard → goSell → API Credentials. It also proves Tap's webhooks.",
            help_ar="لوحة التحكم ← goSell ← API Credentials. وبه تُثبَت صحة إشعارات تاب أيضًا.",
        ),
        Field(
            "public_key",
            "Public API key",
            "مفتاح API العام",
            required=False,
            pattern=r"pk_(test|live)_[A-Za-z0-9]+",
            test_pattern=r"pk_test_.*",
            example="pk_test_… / pk_live_…",
            help="For the payer's browser only. Dashboard → goSell → API Credentials.",
            help_ar="لمتصفح الدافع فقط. لوحة التحكم ← goSell ← API Credentials.",
        ),
    )
    configuration = (
        Field(
            "merchant_id",
            "Merchant ID",
            "معرّف التاجر",
            required=False,
            pattern=r"[0-9]{1,20}",
            help="Only where the account has several merchants. Dashboard → goSell → API Credentials → Merchant ID.",
            help_ar="فقط إن كان للحساب أكثر من تاجر. لوحة التحكم ← goSell ← API Credentials ← Merchant ID.",
        ),
    )
    # https://developers.tap.company/docs/webhook: a refund has the time of its creation elsewhere.
    signature = AnyOf(
        tuple(
            SignedFields(Header("hashstring"), (*_SIGNED, SignedField(created, "x_created")), only_where=only_where)
            for created, only_where in (
                ("created", ("object", "refund")),
                ("transaction.created", None),
            )
        )
    )
    webhook_secret_key = "secret_api_key"  # noqa: S105 - the name of a credential
    webhook_secret_help = "The secret API key itself: Dashboard → goSell → API Credentials."  # noqa: S105 - no secret
    webhook_secret_help_ar = "مفتاح API السري نفسه: لوحة التحكم ← goSell ← API Credentials."  # noqa: S105 - no secret
    told_address_with_payments = True
    names_its_events = False
    event_types: ClassVar = EVENT_TYPES
    recommended_events = RECOMMENDED

    def check(self, client: Client) -> Answer:
        """A list of at most one charge; that there is none says as well that the key is good."""
        try:
            return client.post(self.probe.path, json={"limit": "1"})
        except Rejected as refusal:
            if is_empty(refusal, "charges"):
                return Answer(200, {}, b"{}")
            raise

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        creation_body(request, "", "")

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        """A page of Tap's, or with a token (`tok_…`) a charge at once, which may still want 3-D Secure."""
        path = "/charges" if request.capture else "/authorize"
        body = creation_body(request, str(client.configuration.get("merchant_id") or ""), idempotency_key)
        return read_payment(client.post(path, json=body, headers={"lang_code": request.language}).json())

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        payment = read_payment(object_of(client, provider_reference))
        if provider_reference.startswith(AUTHORISATION):
            return captured(client, payment)
        return refunded(client, payment, [provider_reference])

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        """A charge of the authorisation, of all or a part. https://developers.tap.company/docs/authorize-and-capture"""
        if not provider_reference.startswith(AUTHORISATION):
            raise NotSupported("{provider} captures authorisations only.", provider=self.name)
        with changes_nothing():
            authorised = object_of(client, provider_reference)
            payment = read_payment(authorised)
        taken = money(payment.amount if amount is None else amount, currency)
        body = capture_body(authorised, taken, currency, idempotency_key)
        charge = read_payment(client.post("/charges", json=body).json())
        _check_capture(charge)
        return with_captures(payment, [charge])

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        """A page that nobody has paid ends by itself after half an hour: Tap has no call for it."""
        if not provider_reference.startswith(AUTHORISATION):
            raise NotSupported("{provider} voids authorisations only.", provider=self.name)
        payment = read_payment(client.post(path_of(provider_reference) + "/void", json={}).json())
        if payment.status in _UNDECIDED:
            raise Unavailable("Tap has not voided it yet.", may_have_taken_effect=True)
        if payment.status is not PaymentStatus.CANCELLED:
            raise Rejected("Tap did not void it: {message}", message=_words(payment), **_answer(payment))
        return payment

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        """Of the charge; of an authorisation, of the charge that captured it."""
        with changes_nothing():
            charge = charge_of(client, provider_reference)
        given_back = money(charge.amount if amount is None else amount, currency)
        body = refund_body(charge.raw, given_back, currency, idempotency_key)
        return read_refund(client.post("/refunds", json=body).json())

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        return error_details(body)

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        """Tap has neither names nor ids of events: a payment is in a state once."""
        object_id, status, kind = payload.get("id"), payload.get("status"), kind_of(payload)
        if not (isinstance(object_id, str) and object_id and isinstance(status, str) and status and kind):
            raise UnreadablePayload("A Tap event is an object with an id and a status; this is not.")
        return EventIdentity(f"{object_id}:{status}", f"{kind}.{status}", subject_of(payload), moment_of(payload))

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        if event_type not in self.event_types:
            return super().sample_event(event_type, event_id=event_id, now=now)
        return sample(event_type, event_id, now)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        """Only a few fields are signed, so the payment is asked for."""
        identity = self.identify_event(payload, headers)
        event_type = EventType(self.event_types.get(identity.event_type, EventType.UNKNOWN))
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(event_type, occurred_at=identity.occurred_at)]
        ours, is_live = our_id_in(payload), flag(payload.get("live_mode"))
        return [NormalizedEvent(event_type, identity.subject, identity.occurred_at, payment_id=ours, is_live=is_live)]


def _check_capture(charge: PaymentResult) -> None:
    if charge.status in _UNDECIDED:
        raise Unavailable("Tap has not captured it yet.", may_have_taken_effect=True)
    if charge.status is not PaymentStatus.CAPTURED:
        raise Rejected("Tap did not capture it: {message}", message=_words(charge), **_answer(charge))


def _words(payment: PaymentResult) -> str:
    return str(mapping(payment.raw.get("response")).get("message") or payment.raw.get("status"))


def _answer(payment: PaymentResult) -> dict[str, Any]:
    """What a refusal holds of Tap's answer."""
    code = str(mapping(payment.raw.get("response")).get("code") or "")
    return {"provider_code": code, "provider_status": 200, "body": payment.raw}
