"""Tamara: pay in instalments. https://docs.tamara.co/reference

An order that the customer has been approved for is not paid yet: the merchant has to authorise it within 72 hours, and
only then can it be captured. `complete_payment` authorises it, and captures it as well where the order was to capture
at once. It is safe to do that twice, and from two places at once: an order can be authorised only while it is approved
and captured no further than its total, so that whoever comes second is refused and reads the order again; and what was
never answered is not repeated before the order has been read anew, so that it goes on where a process died.

Confirmed by Tamara's PHP SDK (tamara-solution/php-sdk: the paths, the order's fields, the token in webhooks), by its
documentation (statuses, the order of the steps, that only what is authorised can be cancelled, bodies and answers,
events) and by a model of that (api-evangelist/tamara: which fields are required). Unconfirmed: whether a second session
may have the same `order_reference_id`; whether `merchant_refund_id` keeps a refund from being made twice, which is not
relied on; what becomes of the rest after a capture of a part; the status of an answer to a wrong token; and the form of
disputes' webhooks, which are left out.

Parts are captured by the same call, but are not offered: a cancellation takes back only what is authorised, so no
documented call lets the rest go, and Tamara captures by itself what is open after 21 days. A payer would then owe what
they did not get. For less, capture the whole and refund the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from ...errors import Rejected
from ..auth import Bearer
from ..base import Client, Field, PaymentProvider, codes
from ..before_changes import changes_nothing
from ..events import EventIdentity, EventType, NormalizedEvent
from ..json_values import first_mapping
from ..probes import Probe
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult
from ..signatures import Header, QueryParameter, SharedKeyToken
from .lenders import exact
from .tamara_checkout import checkout, money, reference_of, shipping_info
from .tamara_reading import (
    APPROVED,
    after_capture,
    identify,
    left_to_cancel,
    our_id,
    read_checkout,
    read_order,
    read_refund,
)
from .tamara_samples import sample

_NOT_FOUND = 404
_ALREADY_REGISTERED = "webhook_already_registered"


class Tamara(PaymentProvider):
    slug = "tamara"
    name = "Tamara"
    name_ar = "تمارا"
    description = "Payments in instalments, in Saudi Arabia, the UAE, Kuwait, Bahrain and Oman."
    description_ar = "الدفع على أقساط في السعودية والإمارات والكويت والبحرين وعُمان."
    documentation_url = "https://docs.tamara.co/reference"
    base_urls: ClassVar = {
        "production": "https://api.tamara.co",
        "staging": "https://api-sandbox.tamara.co",
        "development": "https://api-sandbox.tamara.co",
    }
    auth = Bearer("api_token")
    probe = Probe("/merchants/configs")
    operations = frozenset({"create", "get", "find", "complete", "capture", "void", "refund"})
    # What becomes of the rest is unconfirmed, and Tamara may take it 21 days later: all or nothing, until that is seen.
    takes_partial_captures = False
    page_lifetime = timedelta(minutes=30)
    payment_capabilities = frozenset({"bnpl"})
    is_mena = True
    regions = ("mena",)
    countries = codes("AE BH KW OM SA")
    currencies = codes("AED BHD KWD OMR SAR")
    credentials = (
        Field(
            "api_token",
            "API token",
            "رمز API",
            secret=True,
            pattern=r"[A-Za-z0-9._~+/=-]{8,}",
            help="Partners Portal → API Tokens → Generate New Token. It is shown once.",
            help_ar="بوابة الشركاء ← API Tokens ← Generate New Token. يظهر مرة واحدة.",
        ),
        Field(
            "notification_token",
            "Notification token",
            "رمز الإشعارات",
            required=False,
            secret=True,
            pattern=r"[\x21-\x7e]{8,512}",
            help="Comes with the API token; Tamara signs its webhooks with it.",
            help_ar="يأتي مع رمز API، وبه توقّع تمارا إشعاراتها.",
            credential_type="webhook_secret",
        ),
        Field(
            "public_key",
            "Public key",
            "المفتاح العام",
            required=False,
            pattern=r"[\x21-\x7e]{4,512}",
            help="For the instalment widgets in your shop's pages only.",
            help_ar="لعرض الأقساط في صفحات متجرك فقط.",
        ),
    )
    configuration = (
        Field(
            "shipping_company",
            "Shipping company",
            "شركة الشحن",
            required=False,
            pattern=r".{1,100}",
            is_prose=True,
            default="Own delivery",
            help="Tamara wants to be told, with each capture, who delivers.",
            help_ar="تطلب تمارا مع كل تحصيل اسم من يوصل الطلب.",
        ),
    )
    signature = SharedKeyToken((Header("authorization", "Bearer "), QueryParameter("tamaraToken")))
    registers_webhooks = True
    webhook_secret_key = "notification_token"  # noqa: S105 - the name of a credential
    webhook_secret_help = "The notification token, which comes with the API token."  # noqa: S105 - no secret
    webhook_secret_help_ar = "رمز الإشعارات الذي يأتي مع رمز API."  # noqa: S105 - no secret
    event_types: ClassVar = {
        "order_approved": EventType.PAYMENT_PENDING,  # operations then complete it
        "order_authorised": EventType.PAYMENT_AUTHORISED,
        "order_captured": EventType.PAYMENT_CAPTURED,
        "order_refunded": EventType.PAYMENT_REFUNDED,
        "order_canceled": EventType.PAYMENT_CANCELLED,
        "order_declined": EventType.PAYMENT_FAILED,
        "order_expired": EventType.PAYMENT_CANCELLED,
    }
    recommended_events = tuple(event_types)

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        checkout(request)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        """Nothing is lent before the customer has been to Tamara's page: asked for again it is another page."""
        answer = client.post("/checkout", json=checkout(request)).json()
        return read_checkout(answer, request.amount, request.currency)

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return read_order(_order(client, provider_reference))

    def complete_payment(
        self, client: Client, provider_reference: str, *, capture: bool, idempotency_key: str
    ) -> PaymentResult:
        order = _order(client, provider_reference)
        if order.get("status") == APPROVED:
            order = _done(client, order, _path(provider_reference, "/authorise"))
        known = read_order(order)
        if not (capture and known.awaits_completion):
            return known
        wanted = _capture(client, provider_reference, known.amount, known.currency)
        return read_order(_done(client, order, "/payments/capture", wanted))

    def find_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult | None:
        """By our reference. The page of an order that is new is known to nobody, so that another is asked for."""
        path = f"/merchants/orders/reference-id/{quote(reference_of(request), safe='')}"
        try:
            found = read_order(client.get(path).json())
        except Rejected as refusal:
            if refusal.provider_status == _NOT_FOUND:
                return None
            raise
        if found.status is PaymentStatus.REQUIRES_ACTION:
            with suppress(Rejected):
                return self.create_payment(client, request, idempotency_key=idempotency_key)
        return found

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        with changes_nothing():
            order = _order(client, provider_reference)
            known = read_order(order)
        if amount is None:
            amount = known.amount - (known.amount_captured or 0)
        wanted = _capture(client, provider_reference, amount, currency)
        return after_capture(order, client.post("/payments/capture", json=wanted).json(), amount)

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        """Tamara cancels only what is authorised: an order that is approved is authorised first."""
        order = _order(client, provider_reference)
        if order.get("status") == APPROVED:
            order = _done(client, order, _path(provider_reference, "/authorise"))
        wanted = {"total_amount": left_to_cancel(order)}
        try:
            answer = client.post(_path(provider_reference, "/cancel"), json=wanted).json()
        except Rejected:
            result = read_order(_order(client, provider_reference))
            if result.status is PaymentStatus.CANCELLED:
                return result
            raise
        return read_order({**order, "status": answer.get("status")})

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        if amount is None:
            known = read_order(_order(client, provider_reference))
            amount = (known.amount_captured or Decimal(0)) - (known.amount_refunded or 0)
        wanted = {
            "total_amount": money(amount, currency),
            "comment": f"Refund {idempotency_key}",
            "merchant_refund_id": idempotency_key,
        }
        path = f"/payments/simplified-refund/{quote(provider_reference, safe='')}"
        return read_refund(client.post(path, json=wanted).json(), exact(amount, currency), currency)

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        given = body.get("errors")
        errors = [error for error in given if isinstance(error, Mapping)] if isinstance(given, list) else []
        code = next((str(error["error_code"]) for error in errors if error.get("error_code")), "")
        more = [str(error["description"]) for error in errors if error.get("description")]
        return code, " ".join([str(body.get("message") or ""), *more]).strip()

    def register_webhook(self, client: Client, url: str, secret: str) -> None:
        """Tamara signs with its own notification token, so that there is nothing to tell it but the address."""
        events = {"url": url, "events": list(self.event_types)}
        try:
            client.post("/webhooks", json={"type": "order", **events})
        except Rejected as refusal:
            if refusal.provider_code != _ALREADY_REGISTERED:
                raise
            if known := _known_webhook(refusal.body):
                client.put(f"/webhooks/{quote(known, safe='')}", json=events)

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        return identify(payload)

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        """The token says nothing of the body: the order is looked up."""
        event = identify(payload)
        event_type = EventType(self.event_types.get(event.event_type, EventType.UNKNOWN))
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(EventType.UNKNOWN)]
        return [NormalizedEvent(event_type, event.subject, payment_id=our_id(payload))]


def _path(order_id: str, action: str) -> str:
    return f"/orders/{quote(order_id, safe='')}{action}"


def _order(client: Client, order_id: str) -> Mapping[str, Any]:
    return client.get(f"/merchants/orders/{quote(order_id, safe='')}").json()


def _done(
    client: Client, order: Mapping[str, Any], path: str, wanted: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """The order as Tamara has it after that step. Raises the refusal of one that nobody else has made meanwhile."""
    refusal: Rejected | None = None
    try:
        client.post(path, json=wanted)
    except Rejected as refused:
        refusal = refused
    now = _order(client, order["order_id"])
    if refusal is not None and now.get("status") == order.get("status"):
        raise refusal
    return now


def _capture(client: Client, order_id: str, amount: Decimal, currency: str) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "total_amount": money(amount, currency),
        "shipping_info": shipping_info(client.configuration, datetime.now(UTC)),
    }


def _known_webhook(body: Mapping[str, Any]) -> str:
    """The id of the one that is registered for the address already."""
    told = first_mapping(body.get("errors")).get("data")
    known = told.get("webhook_id") if isinstance(told, Mapping) else body.get("webhook_id")
    return known if isinstance(known, str) else ""
