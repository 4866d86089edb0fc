"""What every provider must be: the suite finds them by itself (`tests.providers.conformance`) and tries their calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
    NotSupported,
    Rejected,
)
from integrations.money import currency_exponent
from integrations.providers.auth import Auth, TokenExchange
from integrations.providers.base import Field, PaymentProvider, Provider, ProviderType
from integrations.providers.probes import ProbeKind
from integrations.providers.results import (
    Customer,
    PaymentRequest,
    PaymentResult,
    PaymentStatus,
    RefundResult,
    RefundStatus,
)
from tests.providers.conformance import (
    METHODS,
    each_payment_provider,
    each_provider,
    order_for,
    perform,
    provider_of,
    wire_of,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

NOT_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "XK", "ZZ"}
ARABIC = re.compile(r"[\u0600-\u06ff]")


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
