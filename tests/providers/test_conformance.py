"""What every provider must be: this suite finds them by itself and asks each for `tests/providers/<slug>/`.

There: `wire.py`, and payloads in `events/`. The wire has `answer`, `CREDENTIALS`, `BAD_CREDENTIALS` and `PAYMENT` (the
reference of a captured payment of 12.50), and where they differ from the usual

    AUTHORISED       the reference of one that is only authorised (PAYMENT)
    APPROVED         the reference of one that its payer has agreed to, and that awaits completion (PAYMENT)
    CURRENCY         in which all of them are (AED)
    ORDER            what an everyday order has beside amount, currency and reference, as fields of PaymentRequest ({})
    CONFIGURATION    the connection's ({})
    CREATED          the status that `create_payment` answers (CAPTURED)
    FOUND            the status that `find_payment` answers (CREATED)
    REFUNDED         the status of the refund (SUCCEEDED)
    EVENT_OBJECT     the field of an event that holds what it is about ("data")
    IN_THE_BODY      keys of the credentials that the provider wants in bodies ({})
    STANDING         how PAYMENT stands in our books, for a provider that is offline (None)

One that is offline has a wire too, which answers nobody.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from babel import Locale

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
    NotSupported,
    Rejected,
    SignatureRefused,
    UnreadablePayload,
)
from integrations.money import currency_exponent
from integrations.providers.auth import Auth, TokenExchange
from integrations.providers.base import Field, PaymentProvider, Provider, ProviderType
from integrations.providers.events import EventType, NormalizedEvent
from integrations.providers.probes import ProbeKind
from integrations.providers.registry import providers
from integrations.providers.results import (
    Customer,
    PaymentRequest,
    PaymentResult,
    PaymentStatus,
    RefundResult,
    RefundStatus,
)
from integrations.providers.signatures import InboundRequest, Signature
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

SLUGS = sorted(providers())
SIGNING = sorted(slug for slug, provider in providers().items() if provider.signature)
PAYMENT = sorted(slug for slug, provider in providers().items() if isinstance(provider, PaymentProvider))
HERE = Path(__file__).parent
PAYLOADS = [(slug, path) for slug in SLUGS for path in sorted((HERE / slug / "events").glob("*.json"))]

METHODS = {
    "create": "create_payment",
    "get": "get_payment",
    "find": "find_payment",
    "complete": "complete_payment",
    "capture": "capture_payment",
    "void": "void_payment",
    "refund": "refund_payment",
}
NOT_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "XK", "ZZ"}
ARABIC = re.compile(r"[\u0600-\u06ff]")

each_provider = pytest.mark.parametrize("slug", SLUGS)
each_payment_provider = pytest.mark.parametrize("slug", PAYMENT)
each_signer = pytest.mark.parametrize("slug", SIGNING)
each_payload = pytest.mark.parametrize(
    ("slug", "path"), PAYLOADS, ids=[f"{slug}-{path.stem}" for slug, path in PAYLOADS]
)


def provider_of(slug: str) -> Any:
    return providers()[slug]


def wire_of(slug: str) -> Any:
    return import_module(f"tests.providers.{slug}.wire")


def fields_of(provider: Provider) -> tuple[Field, ...]:
    return provider.credentials + provider.configuration


@pytest.fixture
def server(slug: str) -> Iterator[WireServer]:
    with WireServer(wire_of(slug).answer) as server:
        yield server


@pytest.fixture
def client(slug: str, server: WireServer) -> WireClient:
    wire = wire_of(slug)
    configuration = {field.key: field.default for field in provider_of(slug).configuration if field.default is not None}
    configuration |= getattr(wire, "CONFIGURATION", {})
    standing = getattr(wire, "STANDING", None)
    return WireClient(provider_of(slug), server.url, wire.CREDENTIALS, configuration=configuration, standing=standing)


def order_for(slug: str, **fields: Any) -> PaymentRequest:
    """An everyday order, as the gateway wants it; with `fields` another."""
    wire = wire_of(slug)
    ours = {"payment_id": "01980000-0000-7000-8000-000000000001", **(fields or getattr(wire, "ORDER", {}))}
    currency = getattr(wire, "CURRENCY", "AED")
    return PaymentRequest(amount=Decimal("12.50"), currency=currency, reference="order-1", **ours)


def perform(slug: str, operation: str, client: WireClient) -> Any:
    """One operation with everyday arguments."""
    provider, wire = provider_of(slug), wire_of(slug)
    currency = getattr(wire, "CURRENCY", "AED")
    once = {"idempotency_key": f"key-{operation}"}
    some = {"amount": Decimal("5.00"), "currency": currency}
    authorised = getattr(wire, "AUTHORISED", wire.PAYMENT)
    match operation:
        case "create" | "find":
            return getattr(provider, METHODS[operation])(client, order_for(slug), **once)
        case "get":
            return provider.get_payment(client, wire.PAYMENT)
        case "complete":
            approved = getattr(wire, "APPROVED", wire.PAYMENT)
            return provider.complete_payment(client, approved, capture=True, **once)
        case "void":
            return provider.void_payment(client, authorised, **once)
        case "capture":
            return provider.capture_payment(client, authorised, **some, **once)
        case _:
            return provider.refund_payment(client, wire.PAYMENT, **some, **once)


@each_provider
def test_the_catalogue_s_facts_are_complete_in_both_languages(slug: str) -> None:
    provider = provider_of(slug)

    assert re.fullmatch(r"[a-z][a-z0-9_]*", slug)
    assert isinstance(provider.type, ProviderType)
    assert provider.name
    assert provider.description
    assert ARABIC.search(provider.name_ar)
    assert ARABIC.search(provider.description_ar)
    assert provider.documentation_url.startswith("https://")
    for field in fields_of(provider):
        assert field.label, field.key
        assert ARABIC.search(field.label_ar), field.key
        assert bool(field.help) == bool(ARABIC.search(field.help_ar)), field.key


@each_provider
def test_every_environment_has_an_https_address(slug: str) -> None:
    provider = provider_of(slug)
    if provider.is_offline:
        pytest.skip("nothing is called")

    assert set(provider.base_urls) == {"production", "staging", "development"}
    beginning = "{public_url}/" if provider.is_sandbox else "https://"
    for address in provider.base_urls.values():
        assert address.startswith(beginning)
        assert not address.endswith("/")
    assert provider.probe.path.startswith("/")


@each_provider
def test_countries_and_currencies_are_iso_codes_named_once(slug: str) -> None:
    provider = provider_of(slug)
    known = {str(code) for code in Locale("en").territories if re.fullmatch("[A-Z]{2}", str(code))} - NOT_COUNTRIES

    assert set(provider.countries) <= known
    assert len(set(provider.countries)) == len(provider.countries)
    assert len(set(provider.currencies)) == len(provider.currencies)
    for currency in provider.currencies:
        currency_exponent(currency)


@each_payment_provider
def test_a_method_s_currencies_are_some_of_the_provider_s(slug: str) -> None:
    provider = provider_of(slug)

    assert set(provider.method_currencies) <= provider.payment_capabilities
    for method, currencies in provider.method_currencies.items():
        assert currencies, method
        assert set(currencies) <= set(provider.currencies), method


# National schemes move their own country's money alone, whichever gateway offers them.
NATIONAL = {
    "mada": "SAR", "stc_pay": "SAR", "knet": "KWD", "benefit": "BHD", "omannet": "OMR", "qpay": "QAR", "fawry": "EGP",
    "meeza": "EGP", "valu": "EGP",
}  # fmt: skip


@each_payment_provider
def test_a_national_scheme_is_declared_for_its_own_currency(slug: str) -> None:
    provider = provider_of(slug)

    for method in provider.payment_capabilities & set(NATIONAL):
        assert NATIONAL[method] in provider.method_currencies.get(method, ()), method


@each_provider
def test_fields_are_named_once_and_match_their_own_patterns(slug: str) -> None:
    provider = provider_of(slug)
    samples: dict[str, str] = wire_of(slug).CREDENTIALS
    keys = [field.key for field in fields_of(provider)]

    assert len(set(keys)) == len(keys)
    assert set(samples) <= {field.key for field in provider.credentials}
    for field in provider.credentials:
        sample = str(samples.get(field.key, ""))
        assert sample or not field.required, f"the sample credentials miss {field.key}"
        assert not sample or re.fullmatch(field.pattern or ".*", sample), field.key


@each_provider
def test_what_proves_the_caller_is_a_secret_credential(slug: str) -> None:
    provider = provider_of(slug)
    secret = {field.key for field in provider.credentials if field.secret}
    if provider.is_offline:
        pytest.skip("nothing is called")

    assert secret & ({*provider.auth.keys} | {*getattr(wire_of(slug), "IN_THE_BODY", ())})
    assert set(provider.auth.keys) <= {field.key for field in provider.credentials}
    assert {field.key for field in provider.credentials if field.credential_type == "webhook_secret"} <= secret
    assert not any(field.secret for field in provider.configuration)


@each_payment_provider
@pytest.mark.parametrize("operation", METHODS)
def test_an_operation_is_declared_where_it_is_written(slug: str, operation: str, client: WireClient) -> None:
    provider = provider_of(slug)
    method = METHODS[operation]
    is_written = getattr(type(provider), method) is not getattr(PaymentProvider, method)

    assert provider.operations <= set(METHODS)
    assert (operation in provider.operations) == is_written
    if not is_written:
        with pytest.raises(NotSupported):
            perform(slug, operation, client)


@each_payment_provider
@pytest.mark.parametrize("operation", METHODS)
def test_an_operation_sends_what_the_documentation_says(
    slug: str, operation: str, client: WireClient, server: WireServer
) -> None:
    provider = provider_of(slug)
    if operation not in provider.operations:
        pytest.skip("not declared")
    result = perform(slug, operation, client)

    wire = wire_of(slug)
    created, refunded = (
        getattr(wire, "CREATED", PaymentStatus.CAPTURED),
        getattr(wire, "REFUNDED", RefundStatus.SUCCEEDED),
    )
    found = getattr(wire, "FOUND", created)
    expected = {"void": PaymentStatus.CANCELLED, "refund": refunded, "create": created, "find": found}
    assert isinstance(result, RefundResult if operation == "refund" else PaymentResult)
    assert result.status == expected.get(operation, PaymentStatus.CAPTURED)
    assert result.currency == getattr(wire, "CURRENCY", "AED")
    assert result.amount == (Decimal("5.00") if operation == "refund" else Decimal("12.50"))
    if operation == "get":
        assert (result.amount_refunded is not None) == provider.tells_refunds
    if operation == "capture" and isinstance(result, PaymentResult):
        assert result.amount_captured == Decimal("5.00")
    if operation not in ("get", "find") and provider.idempotency_header:
        sent = server.requests[-1].headers[provider.idempotency_header.lower()]
        assert sent == f"key-{operation}"


PAGES = {"success_url": "https://hub.example/done", "cancel_url": "https://hub.example/back"}


@each_payment_provider
@pytest.mark.parametrize(
    "order", [{}, {"payment_token": "tok_1"}, {"capture": False}, {"customer": Customer(email="customer@example.com")}],
    ids=str,
)  # fmt: skip
def test_an_order_that_lacks_something_is_refused_before_it_is_routed_here(
    slug: str, order: dict[str, Any], client: WireClient, server: WireServer
) -> None:
    provider, little = provider_of(slug), order_for(slug, **PAGES, **order)
    provider.check_request(order_for(slug), client.configuration)
    try:
        provider.check_request(little, client.configuration)
    except (InvalidRequest, ConfigurationError) as lack:
        assert server.requests == []
        with pytest.raises(type(lack), match=re.escape(lack.message)):
            provider.create_payment(client, little, idempotency_key="key-1")
        assert server.requests == []
        return
    with suppress(Rejected):
        provider.create_payment(client, little, idempotency_key="key-1")


@each_payment_provider
def test_a_secret_goes_out_as_authentication_and_nowhere_else(
    slug: str, client: WireClient, server: WireServer
) -> None:
    provider = provider_of(slug)
    results = [perform(slug, operation, client) for operation in sorted(provider.operations)]
    proof = _proof(provider.auth, client.credentials)

    for field in provider.credentials:
        secret = client.credentials.get(field.key, "")
        if not field.secret or not secret or field.key in getattr(wire_of(slug), "IN_THE_BODY", ()):
            continue
        assert secret not in repr(results)
        for request in server.requests:
            elsewhere = {name: value for name, value in request.headers.items() if value not in proof}
            assert secret not in f"{request.path} {elsewhere} {request.body!r}"
            assert secret not in str(request.query) or provider.auth.params(client.credentials)


def _proof(auth: Auth, credentials: Mapping[str, str]) -> set[str]:
    """The headers that prove the caller."""
    return set((auth.by if isinstance(auth, TokenExchange) else auth).headers(credentials).values())


@each_provider
def test_the_probe_tells_good_credentials_from_bad(slug: str, client: WireClient, server: WireServer) -> None:
    provider = provider_of(slug)
    assert provider.check(client).ok
    if provider.is_offline:
        return

    stranger = WireClient(provider, server.url, wire_of(slug).BAD_CREDENTIALS, configuration=dict(client.configuration))
    with pytest.raises(AuthenticationFailed):
        provider.check(stranger)


@each_provider
def test_further_probes_are_answered_and_none_is_of_the_first_ones_kind(slug: str, client: WireClient) -> None:
    provider = provider_of(slug)
    kinds = [provider.probe.kind, *(probe.kind for probe in provider.further_probes)]
    assert len(set(kinds)) == len(kinds)
    for probe in provider.further_probes:
        try:
            assert provider.check_further(client, probe).ok
        except (AuthenticationFailed, Rejected):
            assert probe.kind == ProbeKind.PING  # of which any answer is a good one


@each_payment_provider
def test_who_is_offline_calls_nobody_and_wants_no_secret(slug: str, client: WireClient, server: WireServer) -> None:
    provider = provider_of(slug)
    if not provider.is_offline:
        pytest.skip("there is a far end")
    for operation in provider.operations:
        perform(slug, operation, client)
    provider.check(client)

    assert server.requests == []
    assert (provider.base_urls, provider.credentials, provider.auth.keys) == ({}, (), ())
    assert provider.signature is None
    assert "get" not in provider.operations, "our books are all the truth there is"
    assert not any(field.secret for field in provider.configuration)
    order = PaymentRequest(amount=Decimal("12.50"), currency="AED", reference="order-1", payment_token="tok_1")
    assert not provider.charges_at_once(order)
    assert provider.instructions(client.configuration, client.books(wire_of(slug).PAYMENT))


@each_provider
@pytest.mark.parametrize("body", [{}, {"error": None}, {"error": "text"}, {"error": []}, {"code": 7, "message": None}])
def test_an_odd_refusal_is_still_read(slug: str, body: dict[str, Any]) -> None:
    code, message = provider_of(slug).error_details(body)

    assert isinstance(code, str)
    assert isinstance(message, str)


@each_provider
def test_what_can_be_renewed_is_said(slug: str) -> None:
    provider = provider_of(slug)
    for method in ("issue_credential", "revoke_credential"):
        is_written = getattr(type(provider), method) is not getattr(Provider, method)
        assert is_written == bool(provider.issues_credentials)
    assert provider.issues_credentials <= {field.key for field in provider.credentials}
    assert bool(provider.idempotency_header) or not provider.issues_credentials


@each_provider
def test_a_webhook_is_registered_where_the_provider_takes_that(slug: str, client: WireClient) -> None:
    provider = provider_of(slug)
    is_written = type(provider).register_webhook is not Provider.register_webhook

    assert provider.registers_webhooks == is_written
    if is_written:
        provider.register_webhook(client, "http://127.0.0.1:8000/webhooks/sample/", "whsec_sample")


@each_signer
def test_every_declared_event_has_a_payload(slug: str) -> None:
    provider = provider_of(slug)
    have = {path.stem.partition("__")[0] for owner, path in PAYLOADS if owner == slug}

    assert set(provider.event_types) <= have
    assert set(provider.recommended_events) <= set(provider.event_types)
    assert (HERE / slug / "SOURCE.md").exists()


@each_payload
def test_a_payload_is_read_as_declared(slug: str, path: Path) -> None:
    provider, payload = provider_of(slug), json.loads(path.read_bytes(), parse_float=Decimal)
    declared = EventType(provider.event_types.get(path.stem.partition("__")[0], EventType.UNKNOWN))

    identity = provider.identify_event(payload, {})
    assert identity.event_id
    assert identity.event_type == path.stem.partition("__")[0]
    events = provider.parse_events(payload, {})
    assert [event.type for event in events] == [declared]
    if declared is not EventType.UNKNOWN:  # what the door keeps is what is applied
        assert [(event.subject, event.occurred_at) for event in events] == [(identity.subject, identity.occurred_at)]
    for event in events:
        check_event(provider, event)


def check_event(provider: Provider, event: NormalizedEvent) -> None:
    if event.type is EventType.UNKNOWN:
        assert (event.subject, event.payment) == ("", None)
        return
    if event.payment:
        assert event.payment.provider_reference == event.subject
        assert event.payment.currency in provider.currencies
    assert event.occurred_at is None or event.occurred_at.tzinfo


@each_signer
def test_event_ids_differ(slug: str) -> None:
    payloads = [json.loads(path.read_bytes()) for owner, path in PAYLOADS if owner == slug]
    identities = {provider_of(slug).identify_event(payload, {}).event_id for payload in payloads}

    assert len(identities) == len(payloads)


@each_signer
def test_each_type_of_event_can_be_tried_and_is_no_genuine_one(slug: str) -> None:
    provider, now = provider_of(slug), datetime.now(UTC)
    assert provider.event_types
    for event_type, meaning in provider.event_types.items():
        payload = provider.sample_event(event_type, event_id="evt_test_1", now=now)
        named = {"event_id": "evt_test_1", "event_type": event_type}
        headers = {name: template.format(**named) for name, template in provider.webhook_headers.items()}
        identity = provider.identify_event(payload, headers)
        assert identity.event_type == event_type
        # What it shared with a genuine one, a test could keep out.
        assert "evt_test_1" in identity.event_id or not identity.event_id
        assert meaning in {event.type for event in provider.parse_events(payload, headers)}


@each_payload
@pytest.mark.parametrize("damage", [None, {}, [], "text", 7, {"object": {"object": "payment_intent"}}], ids=str)
def test_a_damaged_payload_is_unreadable_at_worst(slug: str, path: Path, damage: Any) -> None:
    provider, payload = provider_of(slug), json.loads(path.read_bytes())
    payload[getattr(wire_of(slug), "EVENT_OBJECT", "data")] = damage
    try:
        events = provider.parse_events(payload, {})
    except UnreadablePayload:
        return
    assert all(event.payment is None for event in events)


@each_signer
@pytest.mark.parametrize("payload", [{}, {"id": 7, "type": "x"}, {"id": "", "type": "x"}, {"id": "x"}, {"type": "x"}])
def test_a_payload_that_names_no_event_is_unreadable(slug: str, payload: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePayload):
        provider_of(slug).identify_event(payload, {})


@pytest.fixture
def scheme(slug: str) -> Signature:
    signature: Signature = provider_of(slug).signature
    return signature


BODY = b'{"id": "evt_sample", "type": "sample"}'


def signed(scheme: Signature, secret: str, *, at: float, body: bytes = BODY) -> InboundRequest:
    """A genuine webhook, signed at `at` and received now."""
    if not scheme.can_sign:
        pytest.skip("only the provider has the key: its own test plays it with another")
    bare = InboundRequest(body, {}, time.time(), url="https://hub.example/webhooks/1/")
    return scheme.sign_request(bare, secret, event_id="evt_sample", timestamp=int(at))


def fresh_secret(scheme: Signature) -> str:
    if not scheme.can_sign:
        pytest.skip("the provider issues the secret")
    return scheme.generate_secret()


@each_signer
def test_the_genuine_is_accepted_during_a_rotation_too(slug: str, scheme: Signature) -> None:
    old, new = fresh_secret(scheme), fresh_secret(scheme)
    assert old != new

    for secret in (old, new):
        scheme.verify(signed(scheme, secret, at=time.time()), [new, old])


@each_signer
def test_a_fresh_secret_has_the_form_that_the_connection_wants(slug: str, scheme: Signature) -> None:
    for field in provider_of(slug).credentials:
        if field.credential_type == "webhook_secret":
            assert re.fullmatch(field.pattern, fresh_secret(scheme))


@each_signer
def test_the_wrongly_keyed_and_the_unsigned_are_refused(slug: str, scheme: Signature) -> None:
    secret, other = fresh_secret(scheme), fresh_secret(scheme)
    request = signed(scheme, secret, at=time.time())

    for keys in ([other], [""], []):
        with pytest.raises(SignatureRefused):
            scheme.verify(request, keys)
    for name in request.headers:
        without = {key: value for key, value in request.headers.items() if key != name}
        with pytest.raises(SignatureRefused):
            scheme.verify(replace(request, headers=without), [secret])


@each_signer
def test_the_altered_the_stale_and_the_premature_are_refused(slug: str, scheme: Signature) -> None:
    if scheme.trust != "signed":
        pytest.skip("the scheme proves the sender alone")
    secret = fresh_secret(scheme)
    genuine = signed(scheme, secret, at=time.time())

    refused = [replace(genuine, body=genuine.body + b" ")]
    if (tolerance := getattr(scheme, "tolerance_seconds", None)) is not None and is_timed(scheme):
        refused += [signed(scheme, secret, at=time.time() + seconds) for seconds in (tolerance + 2, -tolerance - 2)]
    for request in refused:
        with pytest.raises(SignatureRefused):
            scheme.verify(request, [secret])


def is_timed(scheme: Signature) -> bool:
    """Whether the signature says when it was made."""
    return "{timestamp}" in getattr(scheme, "signed", "{timestamp}")
