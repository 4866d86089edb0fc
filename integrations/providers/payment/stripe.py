"""Stripe: Payment Intents, and Checkout Sessions for a page of its own. https://docs.stripe.com/api/payment_intents

With no token to pay with, the connection's configuration says who shows the payer a form. `elements` (as ever, and what
callers of our API that use `client_secret` rely on): a payment intent, which the shop's own page finishes with
Stripe.js. `checkout`: a page of Stripe's, at `redirect_url`. Such a page has no intent until its payer begins; so the
session is the payment's reference until it is complete, and the intent's takes its place then (`formerly`): captures,
refunds, disputes and charges all name the intent. A page is expired, where an intent is cancelled.

Confirmed by the official `stripe` package 16.1 (API version, every field of every form, how it signs, when it asks
again, which statuses there are, that an intent of a page can be cancelled only while it waits for its capture), by
Stripe's documentation (currencies, rate limits, changelog: `payment_method_types` is refused since 2026-09-30,
`allowed_payment_method_types` takes its place) and by the package `localstripe` (every operation on intents). The page
speaks no Arabic: `ar` is none of its locales.

Unconfirmed, to be seen on a live account: the countries that merchants can be in, and the ways to pay that each of them
gets; that the metadata of an intent is on its charges too; which permissions a restricted key needs to have the fee
told (without it a payment is read without its fee); that Stripe takes the retries of a deleted webhook endpoint back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar

from ...errors import AuthenticationFailed, Conflict, IntegrationError, InvalidResponse, Rejected, UnreadablePayload
from ..auth import Bearer
from ..base import Answer, Client, Field, PaymentProvider, codes
from ..events import EventIdentity, EventType, NormalizedEvent
from ..json_values import mapping
from ..probes import Probe, ProbeKind
from ..results import PaymentRequest, PaymentResult, RefundResult
from ..signatures import TimestampedHMAC
from .stripe_events import EVENT_TYPES, created, event_object, read_event, subject_of
from .stripe_reading import declined_intent, read_payment, read_refund, read_session
from .stripe_requests import (
    ELEMENTS,
    INTENTS,
    PAGE,
    SESSIONS,
    WITH_CHARGE,
    amount_field,
    intent_form,
    on_behalf,
    opens_page,
    path,
    session_form,
)
from .stripe_samples import sample

_A_PAGE = "cs_"
_WEBHOOKS = "/v1/webhook_endpoints"


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
    retry_header = "stripe-should-retry"
    probe = Probe("/v1/balance")
    # https://docs.stripe.com/api/payment_intents/list: what a restricted key may be refused although it is a good one
    further_probes = (Probe(INTENTS, {"limit": "1"}, ProbeKind.API_CALL, every=timedelta(hours=1)),)
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
            test_pattern=r"(sk|rk)_test_.*",
            example="sk_test_… / sk_live_…",
            help="Developers → API keys. A restricted key needs PaymentIntents, Refunds, Checkout Sessions and Webhook "
            "Endpoints (write), Charges, Balance and Balance Transactions (read).",
            help_ar="Developers ← API keys. يحتاج المفتاح المقيّد إلى كتابة PaymentIntents وRefunds وCheckout Sessions "
            "وWebhook Endpoints وقراءة Charges وBalance وBalance Transactions.",
        ),
        Field(
            "publishable_key",
            "Publishable key",
            "المفتاح القابل للنشر",
            required=False,
            pattern=r"pk_(test|live)_[A-Za-z0-9_]+",
            test_pattern=r"pk_test_.*",
            example="pk_test_… / pk_live_…",
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
            example="whsec_…",
            help="Only for an address that you enter there yourself: Developers → Webhooks → your endpoint.",
            help_ar="فقط لعنوان تُدخله هناك بنفسك: Developers ← Webhooks ← عنوانك.",
            credential_type="webhook_secret",
        ),
    )
    configuration = (
        Field(
            "page",
            "Payment page",
            "صفحة الدفع",
            required=False,
            choices=(ELEMENTS, PAGE),
            default=ELEMENTS,
            help="checkout sends the payer to a page of Stripe's. elements is for your own page, with Stripe.js.",
            help_ar="‏checkout يرسل الدافع إلى صفحة سترايب، وelements لصفحتك أنت مع Stripe.js.",
        ),
        Field(
            "account",
            "Connected account",
            "الحساب المرتبط",
            required=False,
            pattern=r"acct_[A-Za-z0-9]{4,64}",
            example="acct_…",
            help="For platforms: the account to act for. Connect → Connected accounts; leave empty for your own.",
            help_ar="للمنصات: الحساب الذي تعمل نيابة عنه، من Connect ← Connected accounts. اتركه فارغًا لحسابك أنت.",
        ),
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
    registers_webhooks = True
    renews_webhook_secrets = True
    webhook_secret_help = "Developers → Webhooks → your endpoint → Signing secret (whsec_…)."  # noqa: S105 - no secret
    webhook_secret_help_ar = "Developers ← Webhooks ← عنوانك ← Signing secret (whsec_…)."  # noqa: S105 - no secret
    event_types: ClassVar = EVENT_TYPES
    recommended_events = tuple(EVENT_TYPES)

    def check(self, client: Client) -> Answer:
        return client.get(self.probe.path, headers=on_behalf(client))

    def check_further(self, client: Client, probe: Probe) -> Answer:
        return client.get(probe.path, params=probe.params, headers=on_behalf(client))

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        form = session_form if opens_page(request, configuration) else intent_form
        form(request, configuration)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        """A declined card is a failed payment, which Stripe keeps, and not an error."""
        if opens_page(request, client.configuration):
            return self._open_page(client, request, idempotency_key)
        form = intent_form(request, client.configuration)
        try:
            return read_payment(_post(client, INTENTS, form, idempotency_key))
        except Rejected as refusal:
            declined = declined_intent(refusal.body)
            if declined is None:
                raise
            return read_payment(declined)

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        if provider_reference.startswith(_A_PAGE):
            return read_session(_session(client, provider_reference))
        return read_payment(_get_expanded(client, path(INTENTS, provider_reference), "latest_charge"))

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        """Once only: what is not captured is let go. An authorisation lapses by itself after about seven days."""
        form = {**WITH_CHARGE, **amount_field("amount_to_capture", amount, currency)}
        where = path(INTENTS, _intent_id(client, provider_reference), "/capture")
        return _as_known(provider_reference, read_payment(_post(client, where, form, idempotency_key)))

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        """A page is expired; once it is complete, its intent is cancelled, where that waits for its capture."""
        intent = provider_reference
        if provider_reference.startswith(_A_PAGE):
            session = _session(client, provider_reference)
            if session.get("status") == "open":
                where = path(SESSIONS, provider_reference, "/expire")
                return read_session(_post(client, where, {}, idempotency_key))
            if session.get("status") != "complete":
                return read_session(session)
            intent = _intent_of(session)
        answer = _post(client, path(INTENTS, intent, "/cancel"), WITH_CHARGE, idempotency_key)
        return _as_known(provider_reference, read_payment(answer))

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        intent = _intent_id(client, provider_reference)
        form = {"payment_intent": intent, **amount_field("amount", amount, currency)}
        return read_refund(_post(client, "/v1/refunds", form, idempotency_key))

    def register_webhook(self, client: Client, url: str, secret: str) -> str:
        """Returns the secret that Stripe issues. To rotate it Stripe has no call: a new endpoint takes the place of the
        old one, whose events not yet delivered are found by looking at the payments.

        Of a connected account Stripe tells its platform, which registers for all of its accounts' events at once.
        """
        registered = client.get(_WEBHOOKS, params={"limit": "100"}).json().get("data")
        if not isinstance(registered, list):
            raise InvalidResponse("Stripe's webhook endpoints are not as documented.")
        # `secret` is never used to sign. Made from it, the key is one for each time that we are asked.
        key = sha256(f"{url} {secret}".encode()).hexdigest()
        made = client.post(_WEBHOOKS, form=self._webhook_form(client, url), idempotency_key=key).json()
        issued = made.get("secret")
        if not isinstance(issued, str) or not issued:
            raise InvalidResponse("Stripe's webhook endpoint has no signing secret.")
        old = [str(one.get("id")) for one in map(mapping, registered) if one.get("url") == url]
        for endpoint in set(old) - {made.get("id")}:
            # Left there it is called with a secret that is soon refused; the secret just issued is told only now.
            with suppress(IntegrationError):
                client.delete(path(_WEBHOOKS, endpoint))
        return issued

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """The issuer's reason where there is one, as it says more than `card_declined`."""
        error = mapping(body.get("error"))
        code = error.get("decline_code") or error.get("code") or error.get("type") or ""
        return str(code), str(error.get("message") or "")

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        event_id, event_type = payload.get("id"), payload.get("type")
        if not (isinstance(event_id, str) and event_id and isinstance(event_type, str) and event_type):
            raise UnreadablePayload("A Stripe event has an id and a type; this has not.")
        return EventIdentity(event_id, event_type, subject_of(event_object(payload)), created(payload))

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        return sample(event_type, event_id, int(now.timestamp()), self.api_version)

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        event_type = self.event_types.get(str(payload.get("type")), EventType.UNKNOWN)
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(EventType.UNKNOWN, occurred_at=created(payload))]
        try:
            return [read_event(EventType(event_type), payload)]
        except InvalidResponse as error:
            raise UnreadablePayload(
                "The Stripe event {type} is not as documented.", type=payload.get("type")
            ) from error

    def _open_page(self, client: Client, request: PaymentRequest, idempotency_key: str) -> PaymentResult:
        form = session_form(request, client.configuration)
        result = read_session(_post(client, SESSIONS, form, idempotency_key))
        if not result.redirect_url:
            raise InvalidResponse("Stripe's checkout session has no page for the payer.")
        return result

    def _webhook_form(self, client: Client, url: str) -> dict[str, str]:
        events = {f"enabled_events[{number}]": name for number, name in enumerate(self.recommended_events)}
        of_accounts = {"connect": "true"} if client.configuration.get("account") else {}
        return {"url": url, "api_version": self.api_version, **of_accounts, **events}


def _post(client: Client, where: str, form: Mapping[str, str], idempotency_key: str) -> Mapping[str, Any]:
    return client.post(where, form=form, headers=on_behalf(client), idempotency_key=idempotency_key).json()


def _get_expanded(client: Client, where: str, charge: str) -> Mapping[str, Any]:
    """With the charge, its newest ten refunds, and the fee where the key may see that. Only reading asks for those: a
    write that is refused for what it wants to be told in the answer might be done all the same."""
    wanted = {"expand[0]": f"{charge}.refunds", "expand[1]": f"{charge}.balance_transaction"}
    try:
        return client.get(where, params=wanted, headers=on_behalf(client)).json()
    except AuthenticationFailed:
        del wanted["expand[1]"]
        return client.get(where, params=wanted, headers=on_behalf(client)).json()


def _session(client: Client, key: str) -> Mapping[str, Any]:
    return _get_expanded(client, path(SESSIONS, key), "payment_intent.latest_charge")


def _intent_id(client: Client, reference: str) -> str:
    return _intent_of(_session(client, reference)) if reference.startswith(_A_PAGE) else reference


def _intent_of(session: Mapping[str, Any]) -> str:
    key = mapping(session.get("payment_intent")).get("id")
    if not isinstance(key, str):
        raise Conflict("Nobody has paid on Stripe's page.")
    return key


def _as_known(reference: str, result: PaymentResult) -> PaymentResult:
    return replace(result, formerly=reference) if reference.startswith(_A_PAGE) else result
