"""Network International's N-Genius Online, by hosted payment pages. https://docs.ngenius-payments.com/reference

Confirmed by the official plugins (`network-international/ngenius-woocommerce-plugin` with `ngenius-common`: the paths,
the media types, the key sent as it is, the fields of an order, minor units by ISO 4217, the states, where captures and
refunds are listed, which link gives a purchase back) and the official documentation (reversing, refunding and
cancelling captures, the links by which to do it, one call a webhook, no retries, that an order wants the payer's e-mail
address and a billing address both names); the hosts of Saudi Arabia by the official iOS SDK. By several independent
integrations: the names of the events, 37 characters of letters, digits and hyphens for an order's reference.

Unconfirmed: that an unknown order of one's own outlet is 404; hosts of banks other than by the pattern of those known;
the realm that a tenant wants; refunds listed within a purchase (`cnp:purchase`); the countries beyond AE, SA, JO and
EG; which ways to pay an outlet is given. An idempotency header there is none, and no way to look an order up by our
reference: after a time-out the order is read, and nothing is sent twice.

Not supported: webhooks whose body is encrypted (AES-256-CBC, opted in by the header key `X-Webhook-Secret`): what is
public of it are others' notes on a page that cannot be read, and the door stores and reads bodies in plain. Captures
are not cancelled before settlement (`DELETE …/captures/<reference>`), which would make an authorisation of them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from ...errors import InvalidResponse, Rejected, UnreadablePayload
from ..auth import HeaderKey, TokenExchange
from ..base import Answer, Client, Field, PaymentProvider, codes
from ..before_changes import changes_nothing
from ..events import EventIdentity, EventType, NormalizedEvent
from ..json_values import first_mapping
from ..probes import Probe, ProbeKind
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult, RefundStatus
from ..signatures import SharedToken
from .network_international_events import EVENTS, read_event, sample
from .network_international_orders import creation, money
from .network_international_reading import (
    CANCEL,
    CAPTURE,
    PURCHASE,
    REFUND,
    Object,
    embedded,
    link,
    payment_of,
    payment_reference,
    read_order,
    read_refund,
    units,
    with_payment,
)

IDENTITY = "application/vnd.ni-identity.v1+json"
PAYMENT = {"Content-Type": "application/vnd.ni-payment.v2+json", "Accept": "application/vnd.ni-payment.v2+json"}
UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
NO_ORDER = "00000000-0000-4000-8000-000000000000"


class NetworkInternational(PaymentProvider):
    slug = "network_international"
    name = "Network International"
    name_ar = "نتورك إنترناشونال"
    description = "N-Genius Online: cards, mada and phone wallets, acquired in the UAE, Saudi Arabia and Africa."
    description_ar = "N-Genius Online: بطاقات ومدى ومحافظ الهاتف، بتحصيل في الإمارات والسعودية وأفريقيا."
    documentation_url = "https://docs.ngenius-payments.com/reference"
    api_version = "v2"
    base_urls: ClassVar = {
        "production": "https://api-gateway.ngenius-payments.com",
        "staging": "https://api-gateway.sandbox.ngenius-payments.com",
        "development": "https://api-gateway.sandbox.ngenius-payments.com",
    }
    # The portal's key is in base64 already. Tokens last five minutes.
    auth = TokenExchange(
        "/identity/auth/access-token",
        by=HeaderKey("Authorization", "api_key", prefix="Basic "),
        configured={"realmName": "realm"},
        is_json=True,
        sent_headers={"Content-Type": IDENTITY},
    )
    # The credentials are proven by a new access token, which is asked for less often than whether anybody is there.
    probe = Probe("/identity/auth/access-token", every=timedelta(minutes=15))
    further_probes = (Probe("/", kind=ProbeKind.PING),)
    operations = frozenset({"create", "get", "capture", "void", "refund"})
    payment_capabilities = frozenset({"card", "mada", "apple_pay", "google_pay", "samsung_pay"})
    is_mena = True
    regions = ("mena", "africa")
    countries = codes("AE SA JO EG BH KW OM QA")
    # As in the official plugin, less ALL, which it counts in whole units. By ISO 4217: KWD in thousandths, JPY in yen.
    currencies = codes(
        "AED AOA AUD BHD BWP CAD DKK EGP EUR GBP GHS GNF HKD INR JOD JPY KES KWD LKR MAD MWK MYR NAD NGN OMR PHP"
        " PKR QAR SAR SEK SGD THB TRY TZS UGX USD XAF XOF ZAR ZMW"
    )
    method_currencies: ClassVar = {"mada": ("SAR",)}
    credentials = (
        Field(
            "api_key",
            "API key",
            "مفتاح API",
            secret=True,
            pattern=r"[A-Za-z0-9+/]{16,}={0,2}",
            help="Portal: Settings → Integrations → Service accounts. Copy the key as it is.",
            help_ar="البوابة: Settings ← Integrations ← Service accounts. انسخ المفتاح كما هو.",
        ),
        Field(
            "outlet_ref",
            "Outlet reference",
            "مرجع المنفذ",
            pattern=UUID,
            example="00000000-0000-0000-0000-000000000000",
            help="Portal: Settings → Organisational hierarchy → your outlet → Reference.",
            help_ar="البوابة: Settings ← Organisational hierarchy ← المنفذ ← Reference.",
        ),
        Field(
            "webhook_secret",
            "Webhook header value",
            "قيمة ترويسة الويب هوك",
            required=False,
            secret=True,
            pattern=r"[!-~]{24,200}",
            help="Portal: Settings → Integrations → Webhooks: the header value, with the header key X-Hub-Token.",
            help_ar="البوابة: Settings ← Integrations ← Webhooks: قيمة الترويسة، واسمها X-Hub-Token.",
            credential_type="webhook_secret",
        ),
    )
    configuration = (
        Field(
            "tenant",
            "Country or bank",
            "البلد أو المصرف",
            required=False,
            pattern=r"[a-z][a-z0-9-]{0,30}",
            help="Empty in the UAE, ksa in Saudi Arabia; else BANK of your api-gateway.BANK.ngenius-payments.com.",
            help_ar="فارغ في الإمارات، وksa في السعودية، وإلا فموضع BANK في api-gateway.BANK.ngenius-payments.com.",
        ),
        Field(
            "realm",
            "Realm",
            "النطاق (realm)",
            required=False,
            pattern=r"[A-Za-z0-9_-]{1,60}",
            help="Only where your acquirer gave you one, as NIARABIA in Saudi Arabia.",
            help_ar="فقط إن أعطاك المصرف المحصّل واحدًا، مثل NIARABIA في السعودية.",
        ),
        Field(
            "sale_action",
            "Action of a payment taken at once",
            "إجراء الدفعة الفورية",
            required=False,
            choices=("SALE", "PURCHASE"),
            default="SALE",
            help="PURCHASE for an outlet of single-message acquiring; else SALE.",
            help_ar="‏PURCHASE لمنفذ يعمل بالتحصيل برسالة واحدة، وإلا SALE.",
        ),
    )
    signature = SharedToken("x-hub-token")
    webhook_secret_help = (
        "Portal: Settings → Integrations → Webhooks → New: header key X-Hub-Token, this secret as header value, no"  # noqa: S105 - no secret
        " encryption. N-Genius may have to approve the address first, and sends each event once."
    )
    webhook_secret_help_ar = (
        "البوابة: Settings ← Integrations ← Webhooks ← New: مفتاح الترويسة X-Hub-Token، وقيمتها هذا السر، دون تشفير."  # noqa: S105 - no secret
        " قد تحتاج N-Genius إلى اعتماد العنوان أولاً، وترسل كل حدث مرة واحدة."
    )
    event_types: ClassVar = {name: meaning for name, (meaning, _) in EVENTS.items()}
    recommended_events = tuple(event_types)

    def base_url(self, environment: str, configuration: Mapping[str, Any]) -> str:
        """Other countries' and banks' are below the same name: api-gateway.sandbox.ksa.ngenius-payments.com."""
        tenant = configuration.get("tenant")
        usual = self.base_urls[environment]
        return usual.replace(".ngenius-payments.com", f".{tenant}.ngenius-payments.com") if tenant else str(usual)

    def check(self, client: Client) -> Answer:
        """A token proves the key; that the outlet has no such order, the outlet."""
        try:
            return client.get(_orders(client, NO_ORDER), headers=PAYMENT)
        except Rejected as refusal:
            if refusal.provider_status != 404:
                raise
        return Answer(200, {}, b"{}")

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        creation(request, configuration)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        order = creation(request, client.configuration)
        created = read_order(client.post(_orders(client), json=order, headers=PAYMENT).json())
        if not created.redirect_url:
            raise InvalidResponse("N-Genius's order has no page to pay on.")
        return created

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return read_order(_fetch(client, _orders(client, provider_reference)))

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        """What is not captured stays authorised, and can be captured in the portal until the bank lets it go."""
        at = _orders(client, provider_reference)
        order = _look_first(client, at)
        path = self._path(client, at, link(payment_of(order), CAPTURE)) or _if_authorised(at, order, "captures")
        asked = order["amount"] if amount is None else money(amount, currency)
        captured = read_order(with_payment(order, client.post(path, json={"amount": asked}, headers=PAYMENT).json()))
        if not captured.amount_captured:
            raise InvalidResponse("N-Genius's capture took nothing.")
        return captured

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        at = _orders(client, provider_reference)
        order = _look_first(client, at)
        stands = read_order(order)
        if stands.status is PaymentStatus.CANCELLED:
            return stands
        if stands.amount_captured:
            raise _refused(order)  # by the same link a purchase is given back
        path = self._path(client, at, link(payment_of(order), CANCEL)) or _if_authorised(at, order, "cancel")
        cancelled = _cancel(client, at, order, path)
        if cancelled.status is not PaymentStatus.CANCELLED:
            raise InvalidResponse("N-Genius's cancellation cancelled nothing.")
        return cancelled

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        """A purchase that is not settled yet can only be reversed as a whole; a capture is refunded by itself."""
        at = _orders(client, provider_reference)
        order = _look_first(client, at)
        stands, payment = read_order(order), payment_of(order)
        asked = (stands.amount_captured or stands.amount) if amount is None else amount
        reversal = self._path(client, at, link(payment, CANCEL))
        if reversal and payment["state"] == "PURCHASED" and asked == stands.amount:
            is_done = _cancel(client, at, order, reversal).status is PaymentStatus.REFUNDED
            status = RefundStatus.SUCCEEDED if is_done else RefundStatus.PENDING
            return RefundResult(payment_reference(payment), status, asked, currency)
        body = money(asked, currency)
        answer = client.post(self._refund_path(client, at, order, body), json={"amount": body}, headers=PAYMENT)
        return read_refund(order, answer.json(), body["value"], currency)

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """The first of `errors` where there are any: it says more than what is around it."""
        first = first_mapping(body.get("errors"))
        code = first.get("errorCode") or body.get("code") or ""
        return str(code), str(first.get("localizedMessage") or first.get("message") or body.get("message") or "")

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        event_id, event_type = payload.get("eventId"), payload.get("eventName")
        if not (isinstance(event_type, str) and event_type):
            raise UnreadablePayload("An N-Genius event has a name; this has not.")
        event = read_event(payload)
        return EventIdentity(
            event_id if isinstance(event_id, str) else "", event_type, event.subject, event.occurred_at
        )

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id, now)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        """Whose header it is proves the sender and nothing of the order, which is therefore fetched."""
        event_type = self.event_types.get(str(payload.get("eventName")), EventType.UNKNOWN)
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(EventType.UNKNOWN)]
        return [replace(read_event(payload), type=EventType(event_type))]

    def _refund_path(self, client: Client, at: str, order: Object, amount: Object) -> str:
        """The payment's own link, or that of a capture which is large enough; a capture's address is documented too."""
        payment = payment_of(order)
        if path := self._path(client, at, link(payment, REFUND)):
            return path
        parts = (*embedded(payment, CAPTURE), *embedded(payment, PURCHASE))
        large_enough = [taken for taken in parts if units(taken) >= amount["value"]]
        linked = (self._path(client, at, link(taken, REFUND)) for taken in large_enough)
        documented = (self._path(client, at, link(taken, "self"), "/refund") for taken in large_enough)
        for path in (*linked, *documented):
            if path:
                return path
        raise _refused(order)

    def _path(self, client: Client, at: str, href: str, action: str = "") -> str:
        """Of a link to something below the order, `at`, on the gateway itself; empty for any other."""
        target = urlsplit(href)
        override = str(client.configuration.get("base_url") or "")
        own = {urlsplit(url).netloc for url in (self.base_url(client.environment, client.configuration), override)}
        is_own = bool(target.netloc) and target.netloc in own and not target.query
        return target.path + action if is_own and target.path.startswith(f"{at}/") else ""


def _orders(client: Client, reference: str = "") -> str:
    path = f"/transactions/outlets/{quote(client.credential('outlet_ref'), safe='')}/orders"
    return f"{path}/{quote(reference, safe='')}" if reference else path


def _fetch(client: Client, at: str) -> dict[str, Any]:
    """The order, of which it is sure that it can be read."""
    order = client.get(at, headers=PAYMENT).json()
    reference = read_order(order).provider_reference
    if not at.endswith(f"/{quote(reference, safe='')}"):
        raise InvalidResponse("N-Genius answered with another order than the one it was asked for.")
    return order


def _look_first(client: Client, at: str) -> dict[str, Any]:
    with changes_nothing():
        return _fetch(client, at)


def _cancel(client: Client, at: str, order: Object, path: str) -> PaymentResult:
    """A PUT whose answer gets lost is sent again: then the second is refused, since the first was done."""
    try:
        return read_order(with_payment(order, client.put(path, headers=PAYMENT).json()))
    except Rejected:
        stands = read_order(_fetch(client, at))
        if stands.status not in (PaymentStatus.CANCELLED, PaymentStatus.REFUNDED):
            raise
        return stands


def _if_authorised(at: str, order: Object, action: str) -> str:
    """The documented address, where a link is missing that should be there."""
    payment = payment_of(order)
    if payment["state"] != "AUTHORISED":
        raise _refused(order)
    return f"{at}/payments/{quote(payment_reference(payment), safe='')}/{action}"


def _refused(order: Object) -> Rejected:
    state = payment_of(order)["state"]
    return Rejected("N-Genius does not allow this for a payment that is {state}.", state=state, provider_code=state)
