"""N-Genius's own: whole stories over the wire, money as it counts it, links that may be followed and that may not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
    InvalidResponse,
    NotSupported,
    Rejected,
    Unavailable,
    UnreadablePayload,
)
from integrations.providers.payment.network_international import NetworkInternational
from integrations.providers.results import Address, Customer, PaymentRequest, PaymentResult, RefundResult
from tests.providers.network_international.wire import (
    AUTHORISED,
    BAD_CREDENTIALS,
    CREDENTIALS,
    HOST,
    MEDIA,
    OUTLET,
    PAYMENT,
    NGenius,
)
from tests.providers.network_international.wire import (
    ORDER as A_PAYER,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

EVENTS = Path(__file__).parent / "events"
OURS = "01980000-0000-7000-8000-000000000001"
gateway = NetworkInternational()


@pytest.fixture
def ngenius() -> NGenius:
    return NGenius()


@pytest.fixture
def server(ngenius: NGenius) -> Iterator[WireServer]:
    with WireServer(ngenius.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(gateway, server.url, CREDENTIALS, configuration={"sale_action": "SALE"})


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    told: dict[str, Any] = {**A_PAYER, **fields}
    return PaymentRequest(
        amount=Decimal(amount),
        currency=currency,
        reference="order 1",
        payment_id=OURS,
        success_url="https://hub.example/pay/1/return/",
        cancel_url="https://hub.example/pay/1/cancel/",
        **told,
    )


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return gateway.create_payment(client, request, idempotency_key="key-1")


def capture(client: WireClient, reference: str, amount: str | None, currency: str = "AED") -> PaymentResult:
    money = None if amount is None else Decimal(amount)
    return gateway.capture_payment(client, reference, amount=money, currency=currency, idempotency_key="key-2")


def refund(client: WireClient, reference: str, amount: str | None, currency: str = "AED") -> RefundResult:
    money = None if amount is None else Decimal(amount)
    return gateway.refund_payment(client, reference, amount=money, currency=currency, idempotency_key="key-3")


def void(client: WireClient, reference: str) -> PaymentResult:
    return gateway.void_payment(client, reference, idempotency_key="key-4")


def totals(payment: PaymentResult) -> tuple[str, str, str]:
    return payment.status, str(payment.amount_captured), str(payment.amount_refunded)


def sent(server: WireServer, method: str = "POST") -> list[WireRequest]:
    return [call for call in server.requests if call.method == method and not call.path.startswith("/identity")]


def test_a_sale_is_paid_on_the_page_and_given_back_in_parts(client: WireClient, ngenius: NGenius) -> None:
    opened = create(client, order())
    assert (opened.status, opened.amount, opened.currency) == ("requires_action", Decimal("12.50"), "AED")
    assert opened.redirect_url.startswith("https://paypage.sandbox.ngenius-payments.com/?code=")

    ngenius.pay(opened.provider_reference)
    paid = gateway.get_payment(client, opened.provider_reference)
    assert totals(paid) == ("captured", "12.50", "0.00")
    assert (paid.method, paid.redirect_url) == ("card", "")

    first, second = refund(client, paid.provider_reference, "2.50"), refund(client, paid.provider_reference, "2.50")
    assert (first.status, first.amount, first.currency) == ("succeeded", Decimal("2.50"), "AED")
    assert first.provider_reference == "refund-1"
    assert second.provider_reference == "refund-2"
    assert totals(gateway.get_payment(client, paid.provider_reference)) == ("partially_refunded", "12.50", "5.00")

    with pytest.raises(Rejected, match="more than was captured") as refused:
        refund(client, paid.provider_reference, "7.51")
    assert refused.value.provider_code == "refundNotAllowed"

    refund(client, paid.provider_reference, "7.50")
    assert totals(gateway.get_payment(client, paid.provider_reference)) == ("refunded", "12.50", "12.50")


def test_an_authorisation_is_captured_in_part_and_refunded(client: WireClient, ngenius: NGenius) -> None:
    held = create(client, order("5.125", "KWD", capture=False)).provider_reference
    ngenius.pay(held)
    assert totals(gateway.get_payment(client, held)) == ("authorised", "0.000", "0.000")

    taken = capture(client, held, "5.000", "KWD")
    assert totals(taken) == ("captured", "5.000", "0.000")
    assert taken.amount == Decimal("5.125")
    assert refund(client, held, "5.000", "KWD").amount == Decimal("5.000")
    assert totals(gateway.get_payment(client, held)) == ("refunded", "5.000", "5.000")


def test_without_an_amount_all_is_captured_and_all_that_was_captured_is_given_back(
    client: WireClient, ngenius: NGenius
) -> None:
    assert totals(capture(client, AUTHORISED, None)) == ("captured", "12.50", "0.00")
    assert refund(client, AUTHORISED, None).amount == Decimal("12.50")


def test_more_than_was_authorised_cannot_be_captured(client: WireClient) -> None:
    with pytest.raises(Rejected, match="more than was authorised"):
        capture(client, AUTHORISED, "12.51")
    with pytest.raises(Rejected, match="CAPTURED"):
        capture(client, PAYMENT, "1.00")


def test_an_authorisation_is_let_go_once(client: WireClient, server: WireServer) -> None:
    assert totals(void(client, AUTHORISED)) == ("cancelled", "0.00", "0.00")
    assert totals(void(client, AUTHORISED)) == ("cancelled", "0.00", "0.00")
    assert len(sent(server, "PUT")) == 1


def test_what_is_taken_is_not_let_go(client: WireClient, server: WireServer, ngenius: NGenius) -> None:
    """The link that cancels an authorisation gives a purchase back."""
    client.configuration = {"sale_action": "PURCHASE"}
    bought = create(client, order()).provider_reference
    ngenius.pay(bought)
    for reference in (bought, PAYMENT):
        with pytest.raises(Rejected, match="does not allow"):
            void(client, reference)
    assert not sent(server, "PUT")


def test_an_order_that_nobody_has_paid_cannot_be_voided(client: WireClient) -> None:
    opened = create(client, order()).provider_reference
    with pytest.raises(Rejected) as refused:
        void(client, opened)
    assert refused.value.provider_code == "STARTED"


def test_a_cancellation_whose_first_answer_got_lost_is_found_done(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    def done_before(request: WireRequest) -> WireAnswer:
        if request.method == "PUT":
            ngenius.answer(request)
        return ngenius.answer(request)

    server.answer = done_before
    assert void(client, AUTHORISED).status == "cancelled"


@pytest.mark.parametrize("settled", [False, True])
def test_a_purchase_is_reversed_before_it_is_settled_and_refunded_after(
    client: WireClient, server: WireServer, ngenius: NGenius, settled: bool
) -> None:
    client.configuration = {"sale_action": "PURCHASE"}
    bought = create(client, order()).provider_reference
    ngenius.pay(bought).settled = settled
    assert totals(gateway.get_payment(client, bought)) == ("captured", "12.50", "0.00")

    given_back = refund(client, bought, "12.50")
    assert (given_back.status, given_back.amount) == ("succeeded", Decimal("12.50"))
    assert given_back.provider_reference
    assert totals(gateway.get_payment(client, bought)) == ("refunded", "12.50", "12.50")
    assert len(sent(server, "PUT")) == (0 if settled else 1)


def test_a_part_of_a_purchase_waits_for_its_settlement(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    client.configuration = {"sale_action": "PURCHASE"}
    bought = create(client, order()).provider_reference
    ngenius.pay(bought)
    with pytest.raises(Rejected, match="PURCHASED"):
        refund(client, bought, "5.00")
    assert not sent(server, "PUT")

    ngenius.orders[bought].settled = True
    refund(client, bought, "5.00")
    assert totals(gateway.get_payment(client, bought)) == ("partially_refunded", "12.50", "5.00")


def test_a_refund_that_is_only_requested_is_pending(client: WireClient, ngenius: NGenius) -> None:
    ngenius.refund_state = "REQUESTED"
    assert refund(client, PAYMENT, "5.00").status == "pending"
    assert totals(gateway.get_payment(client, PAYMENT)) == ("captured", "12.50", "0.00")


@pytest.mark.parametrize(
    ("state", "status"), [("REQUESTED", "pending"), ("SUCCESS", "succeeded"), ("FAILED", "failed")]
)
def test_a_look_tells_how_each_refund_stands(client: WireClient, ngenius: NGenius, state: str, status: str) -> None:
    made = refund(client, PAYMENT, "5.00")
    ngenius.orders[PAYMENT].refunds[0]["state"] = state
    (told,) = gateway.get_payment(client, PAYMENT).refunds
    assert (told.provider_reference, told.status, told.amount) == (made.provider_reference, status, Decimal("5.00"))


def test_a_refund_that_cannot_be_read_is_not_told_of(client: WireClient, ngenius: NGenius) -> None:
    refund(client, PAYMENT, "5.00")
    (listed,) = ngenius.orders[PAYMENT].refunds
    listed["state"] = "ODD"
    assert gateway.get_payment(client, PAYMENT).refunds == ()


def test_a_declined_payment_says_why(client: WireClient, ngenius: NGenius) -> None:
    declined = create(client, order()).provider_reference
    ngenius.pay(declined, scheme="MADA", approved=False)
    payment = gateway.get_payment(client, declined)

    assert totals(payment) == ("failed", "0.00", "0.00")
    assert (payment.failure_code, payment.failure_message) == ("51", "Not sufficient funds")
    assert payment.method == "mada"


def test_a_saved_card_s_token_is_not_kept(client: WireClient) -> None:
    assert "sample-not-a-card-token" not in str(gateway.get_payment(client, PAYMENT).raw)


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("12.50", "AED", 1250), ("5.125", "KWD", 5125), ("5.1", "BHD", 5100), ("1.001", "JOD", 1001), ("500", "JPY", 500)],
)
def test_money_goes_out_in_minor_units(
    client: WireClient, server: WireServer, amount: str, currency: str, units: int
) -> None:
    created = create(client, order(amount, currency))

    assert sent(server)[0].json()["amount"] == {"currencyCode": currency, "value": units}
    assert created.amount == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), [("1.234", "AED"), ("1.5", "JPY"), ("1.2345", "KWD")])
def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(amount, currency))
    assert refused.value.field == "amount"
    assert not sent(server)


def test_an_order_tells_who_pays_what_and_where_they_come_back(client: WireClient, server: WireServer) -> None:
    customer = Customer(name="Test Payer Two", email="payer@example.com", phone="+971500000000")
    address = Address(line1="Street 1", city="Dubai", region="Dubai", country="AE")
    create(client, order(customer=customer, billing_address=address, language="ar", capture=False))

    (request,) = sent(server)
    assert request.json() == {
        "action": "AUTH",
        "amount": {"currencyCode": "AED", "value": 1250},
        "language": "ar",
        "merchantOrderReference": OURS,
        "emailAddress": "payer@example.com",
        "billingAddress": {
            "firstName": "Test",
            "lastName": "Payer Two",
            "address1": "Street 1",
            "city": "Dubai",
            "stateCode": "Dubai",
            "countryCode": "AE",
        },
        "merchantAttributes": {
            "redirectUrl": "https://hub.example/pay/1/return/",
            "cancelUrl": "https://hub.example/pay/1/cancel/",
            "cancelText": "العودة إلى المتجر",
            "skipConfirmationPage": True,
        },
        "merchantDefinedData": {"reference": "order 1"},
    }
    assert request.headers["content-type"] == request.headers["accept"] == MEDIA


def test_a_token_of_the_payer_s_is_nothing_that_this_page_takes(client: WireClient, server: WireServer) -> None:
    with pytest.raises(NotSupported):
        create(client, order(payment_token="tok_sample"))
    assert not server.requests


def test_the_portal_s_key_goes_out_as_it_is_and_the_realm_where_there_is_one(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    create(client, order())
    ngenius.realm, client.configuration = "NIARABIA", {"realm": "NIARABIA"}
    create(client, order())

    plain, with_realm = (call for call in server.requests if call.path == "/identity/auth/access-token")
    assert plain.headers["authorization"] == f"Basic {CREDENTIALS['api_key']}"
    assert (plain.body, json.loads(with_realm.body)) == (b"", {"realmName": "NIARABIA"})


@pytest.mark.parametrize(
    ("environment", "tenant", "host"),
    [
        ("production", "", "api-gateway.ngenius-payments.com"),
        ("staging", "", "api-gateway.sandbox.ngenius-payments.com"),
        ("production", "ksa", "api-gateway.ksa.ngenius-payments.com"),
        ("development", "ksa", "api-gateway.sandbox.ksa.ngenius-payments.com"),
        ("staging", "orabank", "api-gateway.sandbox.orabank.ngenius-payments.com"),
    ],
)
def test_each_country_and_bank_has_its_own_gateway(environment: str, tenant: str, host: str) -> None:
    """Those of Saudi Arabia are in the official iOS SDK."""
    assert gateway.base_url(environment, {"tenant": tenant}) == f"https://{host}"


def test_an_outlet_of_others_does_not_pass_the_check(server: WireServer) -> None:
    stranger = {**CREDENTIALS, "outlet_ref": "5a3e1a11-0000-4000-8000-000000000009"}
    for credentials in (stranger, BAD_CREDENTIALS):
        with pytest.raises((AuthenticationFailed, Rejected)):
            gateway.check(WireClient(gateway, server.url, credentials))
    with pytest.raises(ConfigurationError):
        gateway.check(WireClient(gateway, server.url, {"api_key": CREDENTIALS["api_key"]}))


def elsewhere(href: str) -> str:
    return href.replace(HOST, "https://attacker.example")


@pytest.mark.parametrize(
    "lead",
    [
        elsewhere,
        lambda href: href.replace("sandbox.", "sandbox.ksa."),
        lambda href: href.replace(OUTLET, "5a3e1a11-0000-4000-8000-000000000009"),
        lambda href: href.replace(AUTHORISED, PAYMENT),
        lambda href: f"{href}?x=1",
        lambda href: "",
        lambda href: "not an address",
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(
    client: WireClient, server: WireServer, ngenius: NGenius, lead: Any
) -> None:
    """Then the documented address is used, which is one of our own order."""

    def misleading(request: WireRequest) -> WireAnswer:
        answer = ngenius.answer(request)
        if request.method == "GET" and isinstance(answer.body, dict):
            links = answer.body["_embedded"]["payment"][0]["_links"]
            links["cnp:capture"]["href"] = lead(links["cnp:capture"]["href"])
        return answer

    server.answer = misleading
    capture(client, AUTHORISED, "5.00")
    own = ngenius.orders[AUTHORISED].payment_url.removeprefix(HOST)
    assert [call.path for call in sent(server)] == [f"{own}/captures"]


def test_a_gateway_of_one_s_own_may_lead_to_itself(client: WireClient, server: WireServer, ngenius: NGenius) -> None:
    def own_links(request: WireRequest) -> WireAnswer:
        answer = ngenius.answer(request)
        return WireAnswer(answer.status, answer.content.replace(HOST.encode(), server.url.encode()))

    server.answer = own_links
    client.configuration = {"base_url": server.url}
    assert refund(client, PAYMENT, "5.00").status == "succeeded"


def test_a_capture_without_a_link_is_refunded_at_its_address(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    del ngenius.orders[PAYMENT].captures[0]["_links"]["cnp:refund"]
    assert refund(client, PAYMENT, "5.00").status == "succeeded"
    assert sent(server)[-1].path.endswith("/captures/capture-1/refund")


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        gateway.get_payment(client, "../../identity?x=")
    assert sent(server, "GET")[0].path.endswith("/orders/..%2F..%2Fidentity%3Fx%3D")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("STARTED", "requires_action"),
        ("AWAIT_3DS", "requires_action"),
        ("AWAIT3DS", "requires_action"),
        ("PENDING", "pending"),
        ("POST_AUTH_REVIEW", "pending"),
        ("AUTHORISED", "authorised"),
        ("CAPTURED", "captured"),
        ("PURCHASED", "captured"),
        ("PARTIALLY_REFUNDED", "partially_refunded"),
        ("REFUNDED", "refunded"),
        ("REVERSED", "cancelled"),
        ("CANCELLED", "cancelled"),
        ("DECLINED", "failed"),
        ("FAILED", "failed"),
    ],
)
def test_each_state_has_a_status(client: WireClient, ngenius: NGenius, state: str, status: str) -> None:
    opened = create(client, order()).provider_reference
    ngenius.orders[opened].state = state
    payment = gateway.get_payment(client, opened)

    assert payment.status == status
    assert payment.amount_captured == (
        Decimal("12.50") if status in ("captured", "partially_refunded", "refunded") else 0
    )
    assert payment.amount_refunded == {"refunded": Decimal("12.50"), "partially_refunded": None}.get(status, 0)


def test_how_much_of_a_part_was_captured_is_not_guessed(client: WireClient, ngenius: NGenius) -> None:
    ngenius.orders[AUTHORISED].state = "PARTIALLY_CAPTURED"
    with pytest.raises(InvalidResponse):
        gateway.get_payment(client, AUTHORISED)


@pytest.mark.parametrize(
    ("state", "of_the_capture", "expected"),
    [
        ("CAPTURED", "REQUESTED", "pending"),
        ("CAPTURED", "FAILED", "pending"),
        ("PARTIALLY_CAPTURED", "FAILED", "pending"),
        ("PARTIALLY_REFUNDED", "FAILED", "invalid"),
        ("REFUNDED", "FAILED", "invalid"),
    ],
)
def test_a_capture_that_is_not_done_is_not_read_as_paid(
    client: WireClient, ngenius: NGenius, state: str, of_the_capture: str, expected: str
) -> None:
    capture(client, AUTHORISED, "5.00")
    held = ngenius.orders[AUTHORISED]
    held.state, held.captures[0]["state"] = state, of_the_capture
    if expected == "invalid":
        with pytest.raises(InvalidResponse):
            gateway.get_payment(client, AUTHORISED)
    else:
        assert totals(gateway.get_payment(client, AUTHORISED)) == (expected, "0.00", "0.00")


def test_union_pay_s_refunds_stay_requested_and_count_all_the_same(client: WireClient, ngenius: NGenius) -> None:
    """As in the official TransactionProcessor, which takes captures and refunds alike."""
    ngenius.pay(PAYMENT, scheme="CHINA_UNION_PAY")
    ngenius.orders[PAYMENT].captures[:1] = []
    ngenius.refund_state = "REQUESTED"
    ngenius.are_union_pay_s = True
    made = refund(client, PAYMENT, "5.00")
    assert (made.status, made.provider_reference) == ("succeeded", "refund-1"), "or it would be counted twice"
    assert totals(gateway.get_payment(client, PAYMENT)) == ("partially_refunded", "12.50", "5.00")


def test_a_sale_by_union_pay_is_a_purchase_and_its_reversal_gives_it_back(client: WireClient, ngenius: NGenius) -> None:
    sold = create(client, order()).provider_reference
    ngenius.pay(sold, scheme="CHINA_UNION_PAY")
    ngenius.orders[sold].captures, ngenius.orders[sold].state = [], "PURCHASED"
    assert totals(gateway.get_payment(client, sold)) == ("captured", "12.50", "0.00")

    ngenius.orders[sold].state = "REVERSED"
    assert totals(gateway.get_payment(client, sold)) == ("refunded", "12.50", "12.50")


def test_a_refund_goes_to_a_capture_that_still_may_be_refunded(client: WireClient, ngenius: NGenius) -> None:
    """Others may capture the rest in the portal; the link of what was given back whole is gone."""
    capture(client, AUTHORISED, "6.25")
    ngenius.capture_in_the_portal(AUTHORISED, 625)
    first, _ = ngenius.orders[AUTHORISED].captures
    del first["_links"]["cnp:refund"]

    refund(client, AUTHORISED, "6.25")
    assert ngenius.refunded_of == ["capture-2"]


def test_n_genius_wants_the_payer_s_address_for_mails(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(customer=Customer(name="Test Payer")))
    assert refused.value.field == "customer"
    assert not server.requests


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", None),
        ("Sara", {"firstName": "Sara", "lastName": "Sara"}),
        ("  سارة   أحمد علي ", {"firstName": "سارة", "lastName": "أحمد علي"}),
    ],
)
def test_a_billing_address_has_both_names_or_is_left_out(
    client: WireClient, server: WireServer, name: str, told: dict[str, str] | None
) -> None:
    create(
        client, order(customer=Customer(name=name, email="payer@example.com"), billing_address=Address(city="Dubai"))
    )
    expected = told and {**told, "city": "Dubai"}
    assert sent(server)[0].json().get("billingAddress") == expected


ORDER: dict[str, Any] = NGenius().document(NGenius().orders[PAYMENT])


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        b"",
        b"<html>Bad gateway</html>",
        {**ORDER, "_embedded": {}},
        {**ORDER, "_embedded": {"payment": []}},
        {**ORDER, "_embedded": {"payment": ["text"]}},
        {**ORDER, "_embedded": {"payment": [{"_id": "urn:payment:1", "state": "PAID_MAYBE"}]}},
        {**ORDER, "amount": {"currencyCode": "AED", "value": "1250"}},
        {**ORDER, "amount": {"currencyCode": "AED", "value": 12.5}},
        {**ORDER, "amount": {"currencyCode": "ZZZ", "value": 1250}},
        {**ORDER, "amount": {"currencyCode": "KWD", "value": 1250}},
        {**ORDER, "reference": None},
        {**ORDER, "reference": "another"},
    ],
)
def test_an_answer_that_is_not_documented_is_invalid(client: WireClient, server: WireServer, body: Any) -> None:
    token = server.answer
    server.answer = lambda request: token(request) if request.method == "POST" else WireAnswer(200, body)
    with pytest.raises(InvalidResponse):
        gateway.get_payment(client, PAYMENT)


@pytest.mark.parametrize("damage", ["_embedded", "_id"])
def test_a_change_that_does_not_show_in_the_answer_is_in_doubt(
    client: WireClient, server: WireServer, ngenius: NGenius, damage: str
) -> None:
    def forgetful(request: WireRequest) -> WireAnswer:
        answer = ngenius.answer(request)
        if request.method == "POST" and isinstance(answer.body, dict) and damage in answer.body:
            answer.body[damage] = {"cnp:refund": [], "cnp:capture": []} if damage == "_embedded" else "urn:payment:x"
            answer.body["state"] = "AUTHORISED"
        return answer

    server.answer = forgetful
    with pytest.raises(InvalidResponse):
        capture(client, AUTHORISED, "5.00")
    if damage == "_embedded":
        with pytest.raises(InvalidResponse):
            refund(client, PAYMENT, "5.00")


def test_a_question_that_fails_leaves_no_doubt_of_the_change_that_was_to_come(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    server.answer = lambda request: ngenius.answer(request) if request.method == "POST" else WireAnswer(200, {})
    for ask in (lambda: refund(client, PAYMENT, "5.00"), lambda: void(client, PAYMENT)):
        with pytest.raises(Unavailable) as failed:
            ask()
        assert not failed.value.may_have_taken_effect


def test_a_refusal_is_quoted() -> None:
    error = {"message": "m", "localizedMessage": "The order is closed.", "errorCode": "orderClosed", "domain": "d"}
    assert gateway.error_details({"errors": [error]}) == ("orderClosed", "The order is closed.")
    assert gateway.error_details({"code": 404, "message": "Not found", "errors": []}) == ("404", "Not found")


def event(name: str, **changes: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return {**payload, **changes}


def test_an_event_names_the_order_and_our_payment_and_tells_no_state() -> None:
    (told,) = gateway.parse_events(event("CAPTURED"), {})

    assert (told.type, told.subject) == ("payment.captured", "00000000-0000-4000-8000-000000000100")
    assert (told.payment, told.payment_id) == (None, OURS)
    assert told.occurred_at
    assert told.occurred_at.isoformat() == "2026-11-20T10:09:12.336000+00:00"


def test_an_event_without_an_id_is_told_apart_by_its_content() -> None:
    assert gateway.identify_event(event("CAPTURED", eventId=None), {}).event_id == ""


@pytest.mark.parametrize("broken", [None, [], {}, {"reference": 7}, {"_embedded": {"payment": [{}]}}, {"_embedded": 7}])
def test_an_event_about_no_order_concerns_nobody(broken: Any) -> None:
    (told,) = gateway.parse_events(event("CAPTURED", order=broken), {})
    assert (told.subject, told.occurred_at, told.payment_id) == ("", None, "")


def test_an_event_needs_a_name() -> None:
    with pytest.raises(UnreadablePayload):
        gateway.identify_event(event("CAPTURED", eventName=""), {})


def test_the_tenant_cannot_lead_away_from_the_gateway() -> None:
    (field,) = (one for one in gateway.configuration if one.key == "tenant")
    for tenant in ("evil.example/", "a.b", "a@b", "-a", "A", "a#", "a:1"):
        assert not re.fullmatch(field.pattern, tenant)


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    """Otherwise what is proven by it proves nothing."""
    path = f"/transactions/outlets/{OUTLET}/orders"
    media = {"Content-Type": MEDIA, "Accept": MEDIA}
    good = {
        "action": "SALE",
        "amount": {"currencyCode": "AED", "value": 1250},
        "language": "en",
        "merchantOrderReference": "order-1",
        "emailAddress": "payer@example.com",
    }
    names = {"firstName": "Test", "lastName": "Payer"}
    client.post(path, json=good, headers=media)
    bad: list[dict[str, Any]] = [
        {"action": "CHARGE"},
        {"amount": {"currencyCode": "AED", "value": "12.50"}},
        {"amount": {"currencyCode": "AED", "value": 12.5}},
        {"amount": {"value": 1250}},
        {"merchantOrderReference": "order 1"},
        {"merchantAttributes": {"skipConfirmationPage": "true"}},
        {"merchantAttributes": {"redirectUrl": "/return"}},
        {"merchantDefinedData": "order 1"},
        {"merchantDefinedData": {"reference": 1}},
        {"emailAddress": ""},
        {"emailAddress": "payer"},
        {"billingAddress": {"firstName": "Test"}},
        {"billingAddress": {**names, "city": 1}},
        {"billingAddress": {**names, "countryCode": "UAE"}},
        {"invented": 1},
    ]
    for change in bad:
        with pytest.raises(Rejected):
            client.post(path, json={**good, **change}, headers=media)
    with pytest.raises(Rejected, match="media type"):
        client.post(path, json=good, headers={"Accept": MEDIA})
