"""Tabby: pay in instalments. https://docs.tabby.ai/api-reference

Tabby decides on the payer when the session is made (a refusal is a failed payment, with the reason as its code) and
pays the merchant what is captured. What the payer has been lent is held, and `complete_payment` captures it where the
order was to capture at once: by one reference, and never more than the whole, so that two at once capture once. A
capture of a part closes the rest, since Tabby refunds only what is closed and would after 21 days capture the rest
itself.

Confirmed by Tabby's OpenAPI document (api-evangelist/tabby has a copy: paths, fields, statuses, rejection reasons,
errors), its documentation (idempotency by `reference_id`, lifetimes, rate limits, webhooks, disputes) and its plugins
for WooCommerce and Odoo (`meta` with keys of one's own that comes back, an empty `zip`). Unconfirmed: for how long a
`reference_id` is remembered, what closing an unpaid payment answers, and whether every account may register dispute
webhooks by API, of which Tabby's own pages tell both. The addresses that Tabby lists as its webhooks' own are not
enforced: the list grows with its regions, an event from a new one would be lost after four tries, and nothing that an
event says is believed anyway. Who wants to can allow only those at the webhook's address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from ...errors import AuthenticationFailed, IntegrationError, Rejected
from ...secrecy import Secret
from ..auth import Bearer
from ..base import Client, Field, PaymentProvider, codes
from ..events import EventIdentity, EventType, NormalizedEvent, flag
from ..probes import Probe, ProbeKind
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult
from ..signatures import SharedToken
from .lenders import exact
from .tabby_checkout import CURRENCY_OF, DEFAULT_COUNTRY, merchant_code, session, store_country
from .tabby_reading import (
    entry_of,
    identify,
    of_a_dispute,
    our_id,
    read_payment,
    read_refund,
    read_session,
    registered,
)
from .tabby_samples import sample

WEBHOOK_HEADER = "X-Webhook-Token"  # of our choosing
TEST_KEYS = "sk_test_"


class Tabby(PaymentProvider):
    slug = "tabby"
    name = "Tabby"
    name_ar = "تابي"
    description = "Payments in four instalments without interest, in the UAE, Saudi Arabia and Kuwait."
    description_ar = "الدفع على أربع دفعات بلا فوائد في الإمارات والسعودية والكويت."
    documentation_url = "https://docs.tabby.ai/api-reference"
    api_version = "v2"
    # Live and test share one host: the key says which it is.
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), "https://api.tabby.ai")
    auth = Bearer("secret_key")
    probe = Probe("/api/v2/payments", {"limit": "1"}, ProbeKind.API_CALL)
    operations = frozenset({"create", "get", "complete", "capture", "void", "refund"})
    repeatable = frozenset({"capture", "refund"})
    page_lifetime = timedelta(minutes=30)  # a session's 20, and 10 until its payment has expired
    payment_capabilities = frozenset({"bnpl"})
    # 100 a second. Of new sessions there may be 200 in 10 seconds, which Tabby itself enforces.
    # https://docs.tabby.ai/introduction/technical-requirements#rate-limit
    rate_limits: ClassVar = {"per_minute": 6000}
    is_mena = True
    regions = ("mena",)
    countries = codes("AE KW SA")
    currencies = codes("AED KWD SAR")
    credentials = (
        Field(
            "secret_key",
            "Secret key",
            "المفتاح السري",
            secret=True,
            pattern=r"sk_[A-Za-z0-9_-]+",
            test_pattern=rf"{TEST_KEYS}.*",
            example="sk_test_… / sk_…",
            help="Tabby Merchant Dashboard → Settings → API keys, or from your account manager. Tests: sk_test_…",
            help_ar="لوحة تاجر تابي ← الإعدادات ← مفاتيح API، أو من مدير حسابك. والمفتاح sk_test_… للاختبار.",
        ),
        Field(
            "public_key",
            "Public key",
            "المفتاح العام",
            required=False,
            pattern=r"pk_[A-Za-z0-9_-]+",
            test_pattern=r"pk_test_.*",
            example="pk_test_… / pk_…",
            help="For the instalment snippets in your shop's pages only.",
            help_ar="لعرض الأقساط في صفحات متجرك فقط.",
        ),
        Field(
            "webhook_secret",
            "Webhook token",
            "رمز الويب هوك",
            required=False,
            secret=True,
            pattern=r"[\x21-\x7e]{16,255}",
            help=f"A text of your own, which Tabby sends back in the header {WEBHOOK_HEADER}.",
            help_ar=f"نص من عندك تعيده تابي في الترويسة {WEBHOOK_HEADER}.",
            credential_type="webhook_secret",
        ),
    )
    configuration = (
        Field(
            "merchant_code",
            "Merchant code",
            "رمز التاجر",
            pattern=r"[A-Za-z0-9_.-]{1,64}",
            help="Comes with the keys; a store in another country has another.",
            help_ar="يأتي مع المفاتيح، ولكل متجر في بلد آخر رمز آخر.",
        ),
        Field(
            "country",
            "Country of the store",
            "بلد المتجر",
            choices=("AE", "KW", "SA"),
            default=DEFAULT_COUNTRY,
            help="It decides the currency (AED, KWD, SAR), and for Saudi Arabia Tabby's address (api.tabby.sa).",
            help_ar="يحدد العملة (درهم أو دينار أو ريال)، وعنوان تابي في السعودية (api.tabby.sa).",
        ),
        Field(
            "item_category",
            "Category of items that have none",
            "فئة الأصناف التي لا فئة لها",
            required=False,
            pattern=r".{1,255}",
            is_prose=True,
            help="Tabby wants one of each item: Clothes, Electronics, … Without it such orders are refused.",
            help_ar="تطلب تابي فئة لكل صنف: ملابس، إلكترونيات، … ومن دونها تُرفض هذه الطلبات.",
        ),
    )
    signature = SharedToken(WEBHOOK_HEADER.lower())
    registers_webhooks = True
    webhook_secret_help = (
        f"Tabby signs nothing: it sends back a token of ours in the header {WEBHOOK_HEADER}, as it was registered."
    )
    webhook_secret_help_ar = f"لا توقّع تابي شيئاً: تعيد رمزاً من عندنا في الترويسة {WEBHOOK_HEADER} كما سُجّل."
    names_its_events = False
    # Tabby names none of them: `tabby_reading.identify` composes these of what the payment has come to.
    event_types: ClassVar = {
        "payment.authorized": EventType.PAYMENT_AUTHORISED,
        "payment.captured": EventType.PAYMENT_CAPTURED,
        "payment.closed": EventType.PAYMENT_SUCCEEDED,
        "payment.cancelled": EventType.PAYMENT_CANCELLED,
        "payment.refunded": EventType.PAYMENT_REFUNDED,
        "payment.rejected": EventType.PAYMENT_FAILED,
        "payment.expired": EventType.PAYMENT_CANCELLED,
        "dispute.pending": EventType.PAYMENT_DISPUTED,
        "dispute.arbitration": EventType.PAYMENT_DISPUTED,
        "dispute.evidence_merchant": EventType.PAYMENT_DISPUTED,
        "dispute.approved": EventType.PAYMENT_DISPUTE_LOST,  # the customer got the money back
        "dispute.declined": EventType.PAYMENT_DISPUTE_WON,
        "dispute.cancelled": EventType.PAYMENT_DISPUTE_WON,
    }
    recommended_events = tuple(event_types)

    def currencies_of(self, configuration: Mapping[str, Any]) -> tuple[str, ...]:
        return (CURRENCY_OF[store_country(configuration)],)

    def base_url(self, environment: str, configuration: Mapping[str, Any]) -> str:
        return "https://api.tabby.sa" if configuration.get("country") == "SA" else super().base_url(environment, {})

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        session(request, configuration)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        """A session has no key: asked for again it is another page, and another payment."""
        return read_session(client.post("/api/v2/checkout", json=session(request, client.configuration)).json())

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return read_payment(client.get(_path(provider_reference)).json())

    def complete_payment(
        self, client: Client, provider_reference: str, *, capture: bool, idempotency_key: str
    ) -> PaymentResult:
        """Capture what the payer was lent. Where another did that meanwhile, the payment as it is then."""
        held = self.get_payment(client, provider_reference)
        if not (capture and held.awaits_completion):
            return held
        wanted = {"amount": str(held.amount), "reference_id": idempotency_key}
        try:
            return read_payment(_ask_once(client, provider_reference, "captures", wanted))
        except Rejected:
            now = self.get_payment(client, provider_reference)
            if now.awaits_completion:
                raise
            return now

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        if amount is None:
            known = read_payment(client.get(_path(provider_reference)).json())
            amount = known.amount - (known.amount_captured or 0)
        wanted = {"amount": str(exact(amount, currency)), "reference_id": idempotency_key}
        result = read_payment(_ask_once(client, provider_reference, "captures", wanted))
        return _close_the_rest(client, result) if result.status is PaymentStatus.AUTHORISED else result

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        """Close it without a capture; after one of a part, let the rest go."""
        try:
            return read_payment(client.post(_path(provider_reference, "/close")).json())
        except Rejected:
            result = read_payment(client.get(_path(provider_reference)).json())
            if result.status is PaymentStatus.CANCELLED:
                return result
            raise

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        if amount is None:
            known = read_payment(client.get(_path(provider_reference)).json())
            amount = (known.amount_captured or Decimal(0)) - (known.amount_refunded or 0)
        wanted = {"amount": str(exact(amount, currency)), "reference_id": idempotency_key}
        return read_refund(_ask_once(client, provider_reference, "refunds", wanted), idempotency_key)

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        told = body.get("error") or body.get("errors") or ""
        return str(body.get("errorType") or ""), told if isinstance(told, str) else str(told)

    def register_webhook(self, client: Client, url: str, secret: str) -> None:
        """Disputes have a channel of their own, with live keys alone; an account without it has payments' all the same.

        https://docs.tabby.ai/api-reference/dispute-webhooks/register-a-dispute-webhook
        """
        wanted = {"url": url, "header": {"title": WEBHOOK_HEADER, "value": Secret(secret)}}
        _register(client, "/api/v1/webhooks", wanted)
        if not client.credential("secret_key").startswith(TEST_KEYS):
            with suppress(Rejected, AuthenticationFailed):
                _register(client, "/api/v1/dispute-webhooks", wanted)

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        return identify(payload)

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id, now)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        """Nothing binds what a webhook says: the payment is looked up."""
        event = identify(payload)
        event_type = EventType(self.event_types.get(event.event_type, EventType.UNKNOWN))
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(EventType.UNKNOWN, occurred_at=event.occurred_at)]
        is_test = flag(payload.get("is_test"))
        read = NormalizedEvent(event_type, event.subject, event.occurred_at, attributes=of_a_dispute(payload))
        return [replace(read, payment_id=our_id(payload), is_live=None if is_test is None else not is_test)]


def _path(provider_reference: str, action: str = "") -> str:
    return f"/api/v2/payments/{quote(provider_reference, safe='')}{action}"


def _ask_once(client: Client, provider_reference: str, kind: str, wanted: Mapping[str, str]) -> Mapping[str, Any]:
    """The payment after a capture or refund. One that was made before under the same reference counts, even where
    Tabby refuses the repetition because the payment is closed meanwhile."""
    try:
        return client.post(_path(provider_reference, f"/{kind}"), json=wanted).json()
    except Rejected:
        payment = client.get(_path(provider_reference)).json()
        if entry_of(payment, kind, wanted["reference_id"]) is None:
            raise
        return payment


def _close_the_rest(client: Client, captured: PaymentResult) -> PaymentResult:
    """Where that fails the capture has been made all the same: the rest is still to be captured, or made void."""
    try:
        return read_payment(client.post(_path(captured.provider_reference, "/close")).json())
    except IntegrationError:
        return captured


def _register(client: Client, path: str, wanted: Mapping[str, Any]) -> None:
    """Make it, or give it the new token. Tabby may keep the address without its last slash."""
    headers = {"X-Merchant-Code": merchant_code(client.configuration)}
    for hook in registered(client.get(path, headers=headers)):
        if hook.get("id") and str(hook.get("url")).rstrip("/") == wanted["url"].rstrip("/"):
            changed = {**wanted, "id": hook["id"]}
            client.put(f"{path}/{quote(str(hook['id']), safe='')}", json=changed, headers=headers)
            return
    client.post(path, json=wanted, headers=headers)
