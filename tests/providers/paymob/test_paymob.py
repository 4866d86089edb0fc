"""What is Paymob's own: flags for states, totals in parents, two ways to authenticate, integrations by method."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    Conflict,
    InvalidRequest,
    InvalidResponse,
    NotSupported,
    Rejected,
    SignatureRefused,
    Unavailable,
    UnreadablePayload,
)
from integrations.providers.payment.paymob import Paymob
from integrations.providers.payment.paymob_calls import integrations
from integrations.providers.results import (
    Address,
    Customer,
    Item,
    PaymentRequest,
    PaymentResult,
    PaymentStatus,
    RefundResult,
)
from integrations.providers.signatures import InboundRequest
from tests.providers.paymob.wire import BAD_SECRET_KEY, CONFIGURATION, CREDENTIALS, Account
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

EVENTS = Path(__file__).parent / "events"
ORDER = "01980000-0000-7000-8000-0000000000c1"
PAYER = Customer("Sample Payer", "payer@example.com", "+971500000000")


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def server(account: Account) -> Iterator[WireServer]:
    with WireServer(account.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(Paymob(), server.url, CREDENTIALS, configuration=CONFIGURATION)


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    given = {"payment_id": ORDER, "success_url": "https://hub.example/pay/1/return/", "customer": PAYER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, reference="order-1", **given)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return Paymob().create_payment(client, request, idempotency_key="key-1")


def get(client: WireClient) -> PaymentResult:
    return Paymob().get_payment(client, ORDER)


def capture(client: WireClient, amount: str, currency: str = "AED") -> PaymentResult:
    return Paymob().capture_payment(client, ORDER, amount=Decimal(amount), currency=currency, idempotency_key="key-2")


def refund(client: WireClient, amount: str | None, currency: str = "AED") -> RefundResult:
    value = None if amount is None else Decimal(amount)
    return Paymob().refund_payment(client, ORDER, amount=value, currency=currency, idempotency_key="key-3")


def void(client: WireClient) -> PaymentResult:
    return Paymob().void_payment(client, ORDER, idempotency_key="key-4")


def totals(result: PaymentResult) -> tuple[str, str, str]:
    return result.status.value, str(result.amount_captured), str(result.amount_refunded)


def intention(server: WireServer) -> dict[str, Any]:
    (sent,) = [request for request in server.requests if request.path == "/v1/intention/"]
    body: dict[str, Any] = sent.json()
    return body


@pytest.mark.parametrize("tells_all", [True, False], ids=["told of all", "told of the newest"])
def test_a_page_is_paid_and_refunded_in_parts(client: WireClient, account: Account, tells_all: bool) -> None:
    account.tells_all = tells_all
    opened = create(client, order())
    assert (opened.status, opened.provider_reference) == (PaymentStatus.REQUIRES_ACTION, ORDER)
    account.pay(ORDER)
    assert totals(get(client)) == ("captured", "12.50", "0.00")

    assert (refund(client, "5.00").status, refund(client, "2.50").status) == ("succeeded", "succeeded")
    assert totals(get(client)) == ("partially_refunded", "12.50", "7.50")
    with pytest.raises(Rejected, match="more than what is left"):
        refund(client, "5.01")
    refund(client, None)
    assert totals(get(client)) == ("refunded", "12.50", "12.50")
    with pytest.raises(Conflict):
        refund(client, "0.01")


@pytest.mark.parametrize("tells_all", [True, False], ids=["told of all", "told of the newest"])
@pytest.mark.parametrize("amount", ["12.50", "10.00"])
def test_an_authorisation_is_captured_and_refunded(
    client: WireClient, account: Account, amount: str, tells_all: bool
) -> None:
    account.tells_all = tells_all
    create(client, order(capture=False))
    account.pay(ORDER)
    assert totals(get(client)) == ("authorised", "0.00", "0.00")
    assert totals(capture(client, amount)) == ("captured", amount, "0.00")
    assert totals(get(client)) == ("captured", amount, "0.00")
    refund(client, "4.00")
    assert totals(get(client)) == ("partially_refunded", amount, "4.00")
    with pytest.raises(Conflict):
        capture(client, "1.00")


def test_an_authorisation_is_let_go(client: WireClient, account: Account) -> None:
    create(client, order(capture=False))
    account.pay(ORDER)
    assert totals(void(client)) == ("cancelled", "0.00", "0.00")
    assert totals(get(client)) == ("cancelled", "0.00", "0.00")


def test_what_nobody_has_tried_to_pay_is_not_there_yet(client: WireClient, account: Account) -> None:
    create(client, order())
    for change in (lambda: get(client), lambda: refund(client, None), lambda: void(client)):
        with pytest.raises(Rejected, match="nobody has tried"):
            change()
    account.pay(ORDER)
    with pytest.raises(NotSupported):
        void(client)


def told(**flags: Any) -> dict[str, Any]:
    """A transaction as the inquiry has it: paid, unless the flags say otherwise."""
    account = Account()
    account.open(ORDER)
    transaction: dict[str, Any] = account.pay(ORDER)
    return {**transaction, **flags}


NOT_PAID = {"success": False, "error_occured": True, "data": {"message": "Declined", "txn_response_code": "05"}}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, ("captured", "12.50", "0.00")),
        ({"success": "true", "pending": "false", "is_auth": "false"}, ("captured", "12.50", "0.00")),
        ({"is_auth": True}, ("authorised", "0.00", "0.00")),
        ({"is_auth": True, "is_captured": True}, ("captured", "12.50", "0.00")),
        ({"is_auth": True, "is_captured": True, "captured_amount": 1000}, ("captured", "10.00", "0.00")),
        (
            {"is_auth": True, "captured_amount": 1000, "refunded_amount_cents": 1000},
            ("refunded", "10.00", "10.00"),
        ),
        ({"refunded_amount_cents": 500}, ("partially_refunded", "12.50", "5.00")),
        ({"is_refunded": True, "refunded_amount_cents": 1250}, ("refunded", "12.50", "12.50")),
        ({"is_refunded": True}, ("refunded", "12.50", "12.50")),
        ({"is_voided": True, "is_auth": True}, ("cancelled", "0.00", "0.00")),
        ({"is_voided": True}, ("refunded", "12.50", "12.50")),
        ({"is_voided": True, **NOT_PAID}, ("cancelled", "0.00", "0.00")),
        ({"success": False, "pending": True}, ("pending", "0.00", "0.00")),
        ({"success": True, "pending": True}, ("pending", "0.00", "0.00")),
        ({"success": True, "pending": True, "is_auth": True}, ("pending", "0.00", "0.00")),
        ({"success": False, "pending": True, "error_occured": True}, ("pending", "0.00", "0.00")),
        (NOT_PAID, ("failed", "0.00", "0.00")),
        ({"success": False}, ("failed", "0.00", "0.00")),
        ({**NOT_PAID, "is_auth": True}, ("failed", "0.00", "0.00")),
        ({**NOT_PAID, "is_auth": True, "captured_amount": 1250}, ("failed", "0.00", "0.00")),
    ],
    ids=str,
)
def test_the_flags_say_how_a_payment_stands(
    client: WireClient, server: WireServer, account: Account, flags: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    server.answer = answers(account, [told(**flags)])
    result = get(client)
    assert totals(result) == expected
    assert bool(result.failure_message) == (expected[0] == "failed")


@pytest.mark.parametrize(
    "flags",
    [
        {"success": True, "error_occured": True},
        {"success": None},
        {"pending": "maybe"},
        {"success": 1},
        {"success": "yes"},
        {"amount_cents": "12.50"},
        {"amount_cents": 12.5},
        {"amount_cents": None},
        {"currency": "ZZZ"},
        {"order": None},
        {"order": {"merchant_order_id": "another"}},
        {"id": None},
        {"has_parent_transaction": True, "parent_transaction": None},
    ],
    ids=str,
)
def test_flags_that_are_not_as_documented_are_never_read_as_paid(
    client: WireClient, server: WireServer, account: Account, flags: dict[str, Any]
) -> None:
    server.answer = answers(account, [told(**flags)])
    with pytest.raises(InvalidResponse):
        get(client)


@pytest.mark.parametrize("body", [b"<html>", b"", "text", 7, [7], [[]], {}], ids=str)
def test_an_answer_that_paymob_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, account: Account, body: Any
) -> None:
    server.answer = answers(account, body)
    with pytest.raises(InvalidResponse):
        get(client)


def test_parents_in_a_circle_end_somewhere(client: WireClient, server: WireServer, account: Account) -> None:
    one = told(has_parent_transaction=True, parent_transaction=2, id=1)
    server.answer = answers(account, [one, {**one, "id": 2, "parent_transaction": 1}])
    with pytest.raises(InvalidResponse, match="parents"):
        get(client)


def test_a_refund_of_a_capture_counts_for_the_authorisation(
    client: WireClient, server: WireServer, account: Account
) -> None:
    held = told(id=1, is_auth=True)
    taken = told(id=2, is_capture=True, has_parent_transaction=True, parent_transaction=1, amount_cents=1000)
    back = told(id=3, is_refund=True, has_parent_transaction=True, parent_transaction=2, amount_cents=400)
    server.answer = answers(account, [held, taken, back])
    assert totals(get(client)) == ("partially_refunded", "10.00", "4.00")


def test_a_payer_who_was_declined_may_pay_after_all(client: WireClient, account: Account) -> None:
    account.open(ORDER)
    account.pay(ORDER, "declined")
    failed = get(client)
    assert (failed.status, failed.failure_message, failed.failure_code) == ("failed", "Do not honour", "DECLINED")
    account.pay(ORDER, source=("wallet", "wallet"))
    assert totals(get(client)) == ("captured", "12.50", "0.00")
    assert get(client).method == "wallet"


@pytest.mark.parametrize(
    ("source", "method"),
    [(("card", "Visa"), "card"), (("card", "mada"), "mada"), (("card", "MEEZA"), "meeza"), (("new", "x"), "")],
)
def test_how_it_was_paid_is_told_where_it_is_known(
    client: WireClient, account: Account, source: tuple[str, str], method: str
) -> None:
    account.open(ORDER)
    account.pay(ORDER, source=source)
    assert get(client).method == method


@pytest.mark.parametrize(
    ("outcome", "status"), [("success", "succeeded"), ("pending", "pending"), ("declined", "failed")]
)
def test_a_refund_may_wait_or_be_declined(client: WireClient, account: Account, outcome: str, status: str) -> None:
    account.open(ORDER)
    account.pay(ORDER)
    account.outcome = outcome
    result = refund(client, "5.00")
    assert (result.status, result.amount) == (status, Decimal("5.00"))
    assert result.failure_message == ("Do not honour" if status == "failed" else "")
    assert get(client).amount_refunded == (Decimal("5.00") if status == "succeeded" else 0)


def test_a_capture_that_is_declined_is_an_error_and_one_undecided_stays_in_doubt(
    client: WireClient, account: Account
) -> None:
    account.open(ORDER, auth=True)
    account.pay(ORDER)
    account.outcome = "declined"
    with pytest.raises(Rejected, match="Do not honour"):
        capture(client, "5.00")
    account.outcome = "pending"
    with pytest.raises(Unavailable) as undecided:
        capture(client, "5.00")
    assert undecided.value.may_have_taken_effect
    assert get(client).status == PaymentStatus.AUTHORISED


@pytest.mark.parametrize(
    ("country", "amount", "currency", "units"),
    [
        ("are", "12.50", "AED", 1250),
        ("egy", "0.01", "EGP", 1),
        ("ksa", "12.5", "SAR", 1250),
        ("omn", "1.234", "OMR", 1234),
        ("omn", "1.2", "OMR", 1200),
        ("pak", "500", "PKR", 50000),
    ],
)
def test_money_is_counted_as_the_account_s_country_does(
    server: WireServer, account: Account, country: str, amount: str, currency: str, units: int
) -> None:
    client = of_country(server, country)
    account.secret_key = client.credentials["secret_key"]
    create(client, order(amount, currency))
    assert intention(server)["amount"] == intention(server)["items"][0]["amount"] == units
    account.pay(ORDER)
    assert (get(client).amount, get(client).currency) == (Decimal(amount), currency)
    assert refund(client, amount, currency).amount == Decimal(amount)


@pytest.mark.parametrize(("country", "amount", "currency"), [("are", "1.234", "AED"), ("omn", "1.2345", "OMR")])
def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(
    server: WireServer, country: str, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest):
        create(of_country(server, country), order(amount, currency))
    assert not server.requests


def test_the_page_is_the_country_s_with_the_public_key(client: WireClient) -> None:
    result = create(client, order())
    page = urlsplit(result.redirect_url)
    assert f"{page.scheme}://{page.netloc}{page.path}" == "https://uae.paymob.com/unifiedcheckout/"
    assert parse_qs(page.query) == {
        "publicKey": [CONFIGURATION["public_key"]],
        "clientSecret": [result.client_secret],
    }
    assert result.client_secret not in json.dumps(result.raw)


@pytest.mark.parametrize(
    ("key", "host"),
    [("uae", "uae"), ("egy", "accept"), ("sau", "ksa"), ("ksa", "ksa"), ("omn", "oman"), ("pak", "pakistan")],
)
def test_the_key_says_the_host(key: str, host: str) -> None:
    assert Paymob().base_url("production", {"public_key": f"{key}_pk_live_x"}) == f"https://{host}.paymob.com"


@pytest.mark.parametrize("secret", ["egy_sk_test_sampleNotAKey", "are_sk_live_sampleNotAKey"])
def test_keys_of_two_accounts_are_told_apart_before_anything_is_sent(
    client: WireClient, server: WireServer, secret: str
) -> None:
    client.credentials = {**CREDENTIALS, "secret_key": secret}
    for ask in (lambda: create(client, order()), lambda: Paymob().check(client)):
        with pytest.raises(ConfigurationError, match="two accounts"):
            ask()
    assert not server.requests


def test_the_probe_changes_nothing_and_a_bad_secret_key_is_told_by_the_first_payment(
    client: WireClient, server: WireServer
) -> None:
    client.credentials = BAD_SECRET_KEY
    assert Paymob().check(client).ok
    assert {request.path for request in server.requests} == {"/api/auth/tokens", "/api/ecommerce/integrations"}
    with pytest.raises(AuthenticationFailed):
        create(client, order())


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, [1001, 1002, 1004]),
        ({"method": "card"}, [1001]),
        ({"method": "bnpl"}, [1004]),
        ({"capture": False}, [1003]),
        ({"method": "card", "capture": False}, [1003]),
    ],
)
def test_the_method_chooses_the_integration(
    client: WireClient, server: WireServer, changes: dict[str, Any], ids: list[int]
) -> None:
    create(client, order(**changes))
    assert intention(server)["payment_methods"] == ids


@pytest.mark.parametrize("changes", [{"method": "valu"}, {"method": "apple_pay", "capture": False}])
def test_a_method_with_no_integration_is_refused_before_anything_is_sent(
    client: WireClient, server: WireServer, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="integration"):
        create(client, order(**changes))
    assert not server.requests


def test_integrations_are_written_as_a_person_would() -> None:
    assert integrations(" card = 12 ,apple_pay=34,") == {"card": 12, "apple_pay": 34}
    assert integrations("card_auth=5") == {"card_auth": 5}
    for wrong in ("card", "card=x", "card=1 apple_pay=2", "bitcoin=1", "card:1"):
        with pytest.raises(ConfigurationError):
            integrations(wrong)


def test_what_the_order_knows_is_told_and_the_rest_is_na(client: WireClient, server: WireServer) -> None:
    at = Address("Street 1", "Flat 2", "Dubai", "DU", "12345", "AE")
    items = (
        Item("Abaya", 2, Decimal("5.00")),
        Item("A scarf whose name goes on and on, and on and on", 1, Decimal("2.50")),
    )
    create(client, order(billing_address=at, items=items, webhook_url="https://hub.example/webhooks/1/"))
    body = intention(server)
    assert (body["special_reference"], body["notification_url"]) == (ORDER, "https://hub.example/webhooks/1/")
    assert [(item["amount"], item["quantity"]) for item in body["items"]] == [(500, 2), (250, 1)]
    assert (body["billing_data"]["first_name"], body["billing_data"]["city"]) == ("Sample", "Dubai")


def test_a_payer_with_one_name_and_no_phone_is_taken(client: WireClient, server: WireServer) -> None:
    create(client, order(customer=Customer("Sample", "payer@example.com")))
    billing = intention(server)["billing_data"]
    assert (billing["last_name"], billing["phone_number"], billing["country"]) == ("NA", "NA", "NA")


@pytest.mark.parametrize(
    ("changes", "field"), [({"customer": Customer("Sample")}, "customer"), ({"payment_token": "tok"}, "payment_token")]
)
def test_what_paymob_cannot_take_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(**changes))
    assert refused.value.field == field
    assert not server.requests


def test_a_reference_used_twice_is_refused_in_paymob_s_words(client: WireClient) -> None:
    create(client, order())
    with pytest.raises(Rejected, match="special_reference: intention with this"):
        create(client, order())


def test_a_payment_is_found_once_somebody_tried_to_pay(client: WireClient, account: Account) -> None:
    find = Paymob().find_payment
    create(client, order())
    assert find(client, order(), idempotency_key="key-1") is None
    account.pay(ORDER)
    found = find(client, order(), idempotency_key="key-1")
    assert found
    assert totals(found) == ("captured", "12.50", "0.00")


def test_it_is_read_with_a_token_and_changed_with_the_secret_key(
    client: WireClient, account: Account, server: WireServer
) -> None:
    account.open(ORDER)
    account.pay(ORDER)
    refund(client, "5.00")
    ways = {request.path: request.headers.get("authorization", "").partition(" ")[0] for request in server.requests}
    assert ways == {
        "/api/auth/tokens": "",
        "/api/ecommerce/orders/transaction_inquiry": "Bearer",
        "/api/acceptance/void_refund/refund": "Token",
    }


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"detail": "Not found."}, "", "Not found."),
        ({"message": "No.", "code": "unmatched"}, "unmatched", "No."),
        ({"amount": ["Too much."], "currency": ["Invalid."]}, "", "amount: Too much.; currency: Invalid."),
        ({"detail": [{"loc": ["body"], "msg": "x"}]}, "", ""),
    ],
)
def test_a_refusal_is_told_in_paymob_s_words(body: dict[str, Any], code: str, message: str) -> None:
    assert Paymob().error_details(body) == (code, message)


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return payload


@pytest.mark.parametrize("path", sorted(EVENTS.glob("TRANSACTION.*.json")), ids=lambda path: path.stem)
def test_no_callback_moves_money_by_itself_and_each_names_our_payment(path: Path) -> None:
    (said,) = Paymob().parse_events(json.loads(path.read_bytes()), {})
    assert said.payment is None
    if said.type != "unknown":
        assert said.payment_id == said.subject
        assert said.subject.startswith("01980000-0000-7000-8000-00000000000")


def test_a_payment_s_next_state_is_another_event() -> None:
    names = ("TRANSACTION.paid", "TRANSACTION.refunded__parent_in_part", "TRANSACTION.refunded__parent")
    seen = {Paymob().identify_event(event(name), {}).event_id for name in names}
    assert len(seen) == 3
    assert len({event(name)["obj"]["id"] for name in names}) == 1


def test_a_time_without_a_zone_is_none() -> None:
    payload = event("TRANSACTION.paid")
    assert Paymob().identify_event(payload, {}).occurred_at is None
    payload["obj"]["created_at"] = "2026-11-26T10:00:00+04:00"
    assert Paymob().identify_event(payload, {}).occurred_at


def test_a_payment_that_is_none_of_ours_has_no_subject() -> None:
    payload = event("TRANSACTION.paid")
    payload["obj"]["order"]["merchant_order_id"] = None
    assert Paymob().identify_event(payload, {}).subject == ""


def test_contradicting_flags_are_unreadable() -> None:
    payload = event("TRANSACTION.paid")
    payload["obj"]["error_occured"] = True
    with pytest.raises(UnreadablePayload):
        Paymob().identify_event(payload, {})


# farapi/paymob-emulator: packages/test-fixtures/transaction-success.json and transaction-decline.json
GOLDEN = {
    "amount_cents": 10000,
    "created_at": "2026-08-14T12:00:00.000000",
    "currency": "EGP",
    "error_occured": False,
    "has_parent_transaction": False,
    "id": 900001,
    "integration_id": 1001,
    "is_3d_secure": False,
    "is_auth": False,
    "is_capture": False,
    "is_refunded": False,
    "is_standalone_payment": True,
    "is_voided": False,
    "order": {"id": 700001},
    "owner": 500001,
    "pending": False,
    "source_data": {"pan": "0010", "sub_type": "Visa", "type": "card"},
    "success": True,
}
SUCCESS = (
    "033e0bca25918ecf037674c6f9e3ed1c11ba969f16b647f39cf0c404bdcf6db7"
    "67e0fbe9dc8a523cbc8d19e459c3843222d167201f4705657002eb3671f2619b"
)
DECLINE = (
    "3a2ddb6a531a6e457b0ad2a8bb0d535fc87ffc97d9f8180b3037a2635c0ce380"
    "a77c8d4f9cd2840374ffd3e4c1103a75ff293b28b3643caaaf9a6f6891fb1ddc"
)


def callback(obj: dict[str, Any], hmac: str, kind: str = "TRANSACTION") -> InboundRequest:
    body = json.dumps({"type": kind, "obj": obj}).encode()
    return InboundRequest(body, {"content-type": "application/json"}, 0, url=f"https://hub.example/1/?hmac={hmac}")


def test_the_signature_is_that_of_a_public_fixture() -> None:
    assert Paymob.signature.trust == "shared_secret"
    Paymob.signature.verify(callback(GOLDEN, SUCCESS), ["sim_hmac_secret"])
    declined = {**GOLDEN, "success": False, "error_occured": True}
    Paymob.signature.verify(callback(declined, DECLINE), ["sim_hmac_secret"])
    for refused in (
        callback(GOLDEN, DECLINE),
        callback({**GOLDEN, "amount_cents": 1}, SUCCESS),
        callback({**GOLDEN, "order": {"id": 7}}, SUCCESS),
        callback(GOLDEN, ""),
        replace(callback(GOLDEN, SUCCESS), body=b"{}"),
    ):
        with pytest.raises(SignatureRefused):
            Paymob.signature.verify(refused, ["sim_hmac_secret"])


def test_a_card_that_was_kept_is_signed_by_its_own_fields() -> None:
    bare = replace(callback(event("TOKEN")["obj"], "", "TOKEN"), url="https://hub.example/1/")
    of_card = Paymob.signature.schemes[1]
    Paymob.signature.verify(of_card.sign_request(bare, "key", event_id="", timestamp=0), ["key"])


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    """Otherwise what is proven by it proves nothing."""
    billing = dict.fromkeys(
        ("first_name", "last_name", "email", "phone_number", "street", "city", "state", "country", "postal_code"), "NA"
    )
    good = {"amount": 1250, "currency": "AED", "payment_methods": [1001], "billing_data": billing}
    client.post("/v1/intention/", json={**good, "special_reference": "1"})
    for bad in (
        {"amount": Decimal("12.50")},
        {"amount": "1250"},
        {"currency": "KWD"},
        {"payment_methods": []},
        {"payment_methods": ["card"]},
        {"payment_methods": [1001, 1003]},
        {"items": [{"name": "x", "amount": 1249, "quantity": 1}]},
        {"billing_data": {}},
        {"expiration": 10},
        {"order": 1},
    ):
        with pytest.raises(Rejected):
            client.post("/v1/intention/", json={**good, "special_reference": "2", **bad})
    with pytest.raises(AuthenticationFailed):
        client.post("/api/ecommerce/orders/transaction_inquiry", json={"merchant_order_id": "1"})


def answers(account: Account, body: Any) -> Any:
    """The account's, but for the inquiry."""

    def answer(request: WireRequest) -> WireAnswer:
        if not request.path.endswith("transaction_inquiry"):
            return account.answer(request)
        return WireAnswer(200, body if isinstance(body, bytes) else json.dumps(body).encode())

    return answer


def of_country(server: WireServer, country: str) -> WireClient:
    configuration = {**CONFIGURATION, "public_key": f"{country}_pk_test_sampleNotAKey"}
    credentials = {**CREDENTIALS, "secret_key": f"{country}_sk_test_sampleNotAKey"}
    return WireClient(Paymob(), server.url, credentials, configuration=configuration)
