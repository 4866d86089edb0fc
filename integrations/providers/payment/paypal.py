"""PayPal, by Orders v2 and Payments v2. https://developer.paypal.com/docs/api/orders/v2/

The payer agrees on PayPal's page; that moves no money. It moves when we capture the order, or authorise it, within
three hours: `complete_payment`, which our operations call once a look finds the order APPROVED. Of one order PayPal
takes one capture or authorisation, so whoever asks again changes nothing.

Confirmed by PayPal's own OpenAPI documents (github.com/paypal/paypal-rest-api-specifications: orders 2.13, payments
2.5, webhooks 1.11, disputes 1), which the tests hold every request against: paths, fields, statuses, codes of refusals,
and how long a PayPal-Request-Id is kept (orders 6 hours, payments 45 days; voids have none). By developer.paypal.com:
names of events, the three hours after an approval, the currencies, declines that a payer mends by paying otherwise.

Unconfirmed: that a refund in an order has the link `up` to its capture (where not, it counts against every capture);
that a capture reversed by PayPal itself shows as REFUNDED with no refund beside it; that a capture held for
BUYER_COMPLAINT or CHARGEBACK had been paid; that an order waits three hours for its payer too and is not found then;
the Arabic locale; in which status an INSTRUMENT_DECLINED leaves the order (each is read); `custom` in a dispute's
transaction, without which a dispute finds no payment of ours. An order tells of no other dispute: their
events alone do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from ...errors import Conflict, InvalidRequest, InvalidResponse, Rejected, UnreadablePayload
from ..auth import Basic, TokenExchange
from ..base import Client, Field, PaymentProvider
from ..before_changes import changes_nothing
from ..events import EventIdentity, NormalizedEvent
from ..json_values import first_mapping, mapping
from ..probes import Probe
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult
from ..signatures import PayPalTransmission
from .paypal_events import EVENT_TYPES, occurred_at, read_event, sample, subject_of
from .paypal_orders import CURRENCIES, creation, write_money
from .paypal_reading import REFUSED, Order, read_refund

# Refusals to complete an order that are the payer's to mend, or to give up.
DECLINES = frozenset({
    "INSTRUMENT_DECLINED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", "PAYER_CANNOT_PAY", "TRANSACTION_REFUSED",
    "PAYER_ACCOUNT_RESTRICTED", "PAYER_ACCOUNT_LOCKED_OR_CLOSED", "COMPLIANCE_VIOLATION", "TRANSACTION_LIMIT_EXCEEDED",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "TRANSACTION_BLOCKED_BY_PAYEE", "PAYEE_BLOCKED_TRANSACTION",
    "CARD_BRAND_NOT_SUPPORTED", "DOMESTIC_TRANSACTION_REQUIRED", "ORDER_EXPIRED",
})  # fmt: skip
# Refusals that send the payer back to the page.
_BACK_TO_THE_PAGE = frozenset({"PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED"})
_ANOTHER_IS_AT_WORK = 409
_AGREEING = (PaymentStatus.PENDING, PaymentStatus.REQUIRES_ACTION)


class PayPal(PaymentProvider):
    slug = "paypal"
    name = "PayPal"
    name_ar = "باي بال"
    description = "PayPal accounts and cards worldwide. It settles in USD, EUR, GBP and others, not in the Gulf's own."
    description_ar = (
        "حسابات باي بال والبطاقات حول العالم. التسوية بالدولار واليورو والجنيه الإسترليني وغيرها، لا بعملات الخليج."
    )
    documentation_url = "https://developer.paypal.com/docs/api/orders/v2/"
    api_version = "v2"
    base_urls: ClassVar = {
        "production": "https://api-m.paypal.com",
        "staging": "https://api-m.sandbox.paypal.com",
        "development": "https://api-m.sandbox.paypal.com",
    }
    auth = TokenExchange(
        "/v1/oauth2/token", Basic("client_id", "client_secret"), fixed={"grant_type": "client_credentials"}
    )
    headers: ClassVar = {"Prefer": "return=representation"}  # the whole object, where the usual answer is its id
    idempotency_header = "PayPal-Request-Id"
    idempotency_lifetime = timedelta(hours=6)  # an order's; those of captures and refunds are kept 45 days
    page_lifetime = timedelta(hours=2, minutes=30)  # of the three that an order waits for its payer
    shows_unpaid = False  # once that time is over
    probe = Probe("/v1/notifications/webhooks")
    operations = frozenset({"create", "get", "complete", "capture", "void", "refund"})
    payment_capabilities = frozenset({"paypal", "card"})
    regions = ("global",)
    currencies = CURRENCIES
    credentials = (
        Field(
            "client_id",
            "Client ID",
            "معرّف العميل (Client ID)",
            pattern=r"[A-Za-z0-9_-]{20,100}",
            help="developer.paypal.com → Apps & Credentials → Live or Sandbox → your app.",
            help_ar="developer.paypal.com ← Apps & Credentials ← Live أو Sandbox ← تطبيقك.",
        ),
        Field(
            "client_secret",
            "Secret",
            "المفتاح السري (Secret)",
            secret=True,
            pattern=r"[A-Za-z0-9_-]{20,100}",
            help="Beside the client ID, as Secret key 1.",
            help_ar="بجانب Client ID، باسم Secret key 1.",
        ),
        Field(
            "webhook_secret",
            "Webhook ID",
            "معرّف الويب هوك (Webhook ID)",
            required=False,
            secret=True,
            pattern=r"[A-Za-z0-9_-]{1,64}",
            help="Only for an address that you enter there yourself: Apps & Credentials → your app → Webhooks.",
            help_ar="فقط لعنوان تُدخله هناك بنفسك: Apps & Credentials ← تطبيقك ← Webhooks.",
            credential_type="webhook_secret",
        ),
    )
    configuration = (
        Field(
            "brand_name",
            "Name on PayPal's page",
            "الاسم على صفحة باي بال",
            required=False,
            pattern=r".{1,127}",
            is_prose=True,
            help="Instead of your account's business name.",
            help_ar="بدلًا من اسم النشاط التجاري في حسابك.",
        ),
    )
    signature = PayPalTransmission()
    registers_webhooks = True
    webhook_secret_help = "Apps & Credentials → your app → Webhooks → Webhook ID."  # noqa: S105 - no secret
    webhook_secret_help_ar = "Apps & Credentials ← تطبيقك ← Webhooks ← Webhook ID."  # noqa: S105 - no secret
    event_types: ClassVar = EVENT_TYPES
    recommended_events = tuple(EVENT_TYPES)

    def charges_at_once(self, request: PaymentRequest) -> bool:
        return False

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        creation(request, configuration)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        body = creation(request, client.configuration)
        answer = client.post("/v2/checkout/orders", json=body, idempotency_key=idempotency_key)
        result = Order.read(answer.json()).result()
        if result.status is PaymentStatus.REQUIRES_ACTION and not result.redirect_url:
            raise InvalidResponse("PayPal's order has no page for the payer.")
        return result

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return self._order(client, provider_reference).result()

    def complete_payment(
        self, client: Client, provider_reference: str, *, capture: bool, idempotency_key: str
    ) -> PaymentResult:
        """A decline is a failed payment; the order is looked up again to know what any other refusal means."""
        path = _path("/v2/checkout/orders", provider_reference, "capture" if capture else "authorize")
        try:
            return Order.read(client.post(path, json={}, idempotency_key=idempotency_key).json()).result()
        except Rejected as refusal:
            return _after_refusal(self.get_payment(client, provider_reference), refusal)

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        """The last one of its authorisation: what is not captured is let go. Raises Rejected for a decline."""
        order = self._look_first(client, provider_reference)
        authorisation = order.authorisation
        if authorisation is None:
            raise Conflict("PayPal has authorised nothing of this payment.")
        body = {"final_capture": True, **_amount(amount, currency)}
        path = _path("/v2/payments/authorizations", authorisation["id"], "capture")
        capture = client.post(path, json=body, idempotency_key=idempotency_key).json()
        result = order.with_capture(capture).result()
        if capture["status"] in REFUSED:
            reason = mapping(capture.get("status_details")).get("reason") or capture["status"]
            raise Rejected("PayPal declined the capture: {reason}.", reason=reason, provider_code=str(reason))
        return result

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        """PayPal cancels no order that the payer has not agreed to: it is given up by never completing it."""
        order = self._look_first(client, provider_reference)
        if order.awaits_payer:
            return replace(order.result(), status=PaymentStatus.CANCELLED)
        if order.authorisation is None:
            raise Conflict("The payer has agreed to this payment meanwhile: it can no longer be voided.")
        if order.authorisation.get("status") == "VOIDED":
            return order.result()
        return self._void(client, order, order.authorisation, idempotency_key)

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        """Of one capture. The refund carries our key, so that one whose answer was lost is found, not made again."""
        order = self._look_first(client, provider_reference)
        name = f"{order.custom_id}.{idempotency_key}"[-127:]
        if made := order.refund_named(name):
            return read_refund(made)
        body = {"custom_id": name, **_amount(amount, currency)}
        path = _path("/v2/payments/captures", _capture_for(order, amount), "refund")
        return read_refund(client.post(path, json=body, idempotency_key=idempotency_key).json())

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """The issue, as it says more than the name of its kind; an OAuth refusal has `error` alone."""
        details = body.get("details")
        first = first_mapping(details)
        code = first.get("issue") or body.get("name") or body.get("error") or ""
        message = first.get("description") or body.get("message") or body.get("error_description") or ""
        return str(code), str(message)

    def register_webhook(self, client: Client, url: str, secret: str) -> str:
        """Returns the webhook's id. PayPal wants https, on port 443, and takes ten addresses an app."""
        body = {"url": url, "event_types": [{"name": name} for name in EVENT_TYPES]}
        webhook_id = client.post("/v1/notifications/webhooks", json=body).json().get("id")
        if not isinstance(webhook_id, str):
            raise InvalidResponse("PayPal's webhook is not as documented.")
        return webhook_id

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        event_id, event_type = payload.get("id"), payload.get("event_type")
        if not (isinstance(event_id, str) and event_id and isinstance(event_type, str) and event_type):
            raise UnreadablePayload("A PayPal event has an id and an event_type; this has not.")
        return EventIdentity(event_id, event_type, subject_of(payload), occurred_at(payload))

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id, now)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        return [read_event(payload)]

    def _order(self, client: Client, reference: str) -> Order:
        return Order.read(client.get(_path("/v2/checkout/orders", reference)).json())

    def _look_first(self, client: Client, reference: str) -> Order:
        with changes_nothing():
            return self._order(client, reference)

    def _void(
        self, client: Client, order: Order, authorisation: Mapping[str, Any], idempotency_key: str
    ) -> PaymentResult:
        """A void that is repeated, since its answer was lost, is refused: then the order says that it is done."""
        path = _path("/v2/payments/authorizations", authorisation["id"], "void")
        try:
            answer = client.post(path, headers={"Content-Type": "application/json"}, idempotency_key=idempotency_key)
        except Rejected:
            now = self.get_payment(client, order.reference)
            if now.status is PaymentStatus.CANCELLED:
                return now
            raise
        voided = answer.json() if answer.body else {**authorisation, "status": "VOIDED"}
        if voided.get("status") != "VOIDED":
            raise InvalidResponse("PayPal does not say that the authorisation is voided.")
        return order.with_authorisation(voided).result()


def _path(collection: str, key: str, action: str = "") -> str:
    return f"{collection}/{quote(key, safe='')}" + (f"/{action}" if action else "")


def _amount(amount: Decimal | None, currency: str) -> dict[str, Any]:
    return {} if amount is None else {"amount": write_money(amount, currency)}


def _after_refusal(now: PaymentResult, refusal: Rejected) -> PaymentResult:
    """What the order is after we were refused to complete it. Raises the refusal where that says nothing."""
    if refusal.provider_code in DECLINES and now.status in _AGREEING:
        return replace(
            now,
            status=PaymentStatus.FAILED,
            awaits_completion=False,
            failure_code=refusal.provider_code,
            failure_message=refusal.message,
        )
    if not now.awaits_completion or refusal.provider_status == _ANOTHER_IS_AT_WORK:
        return now
    if refusal.provider_code in _BACK_TO_THE_PAGE:
        return replace(now, status=PaymentStatus.REQUIRES_ACTION, awaits_completion=False)
    raise refusal


def _capture_for(order: Order, amount: Decimal | None) -> str:
    """The capture to refund of: one that has as much left. Raises Conflict and InvalidRequest where none has."""
    left = order.refundable()
    if not left:
        raise Conflict("At PayPal nothing of this payment is left to be refunded.")
    if amount is None and len(left) == 1:
        return left[0][0]
    fitting = [capture for capture, rest in left if amount is not None and amount <= rest]
    if not fitting:
        raise InvalidRequest(
            "PayPal refunds each capture by itself: at most {most} {currency} at once.",
            most=max(rest for _, rest in left),
            currency=order.currency,
            field="amount",
        )
    return fitting[0]
