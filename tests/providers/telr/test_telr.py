"""Telr's own: whole stories over the wire, errors that come with HTTP 200, XML out and in, and its advice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    IntegrationError,
    InvalidRequest,
    InvalidResponse,
    NotSupported,
    Rejected,
    SignatureRefused,
    Unavailable,
    UnreadablePayload,
)
from integrations.providers.payment.telr import Telr
from integrations.providers.results import Address, Customer, PaymentRequest, PaymentResult, RefundResult
from integrations.providers.signatures import InboundRequest
from tests.providers.telr.wire import (
    AUTHORISED,
    CREDENTIALS,
    KEY,
    ORDER,
    PAYMENT,
    REMOTE_KEY,
    STORE,
    TelrGateway,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

EVENTS = Path(__file__).parent / "events"
OURS = "01980000-0000-7000-8000-000000000001"
gateway = Telr()


@pytest.fixture
def telr() -> TelrGateway:
    return TelrGateway()


@pytest.fixture
def server(telr: TelrGateway) -> Iterator[WireServer]:
    with WireServer(telr.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(gateway, server.url, CREDENTIALS)


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    given = {"reference": "order-1", "payment_id": OURS, **ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **given)


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


def follow_ups(server: WireServer) -> list[str]:
    return [call.body.decode() for call in server.requests if call.path == "/gateway/remote.xml"]


def test_a_sale_is_paid_on_the_page_and_given_back_in_parts(client: WireClient, telr: TelrGateway) -> None:
    opened = create(client, order())
    assert (opened.status, opened.amount, opened.currency) == ("requires_action", Decimal("12.50"), "AED")
    assert opened.redirect_url == f"https://secure.telr.com/gateway/process.html?o={opened.provider_reference}"
    assert gateway.get_payment(client, opened.provider_reference).status == "requires_action"

    telr.pay(opened.provider_reference)
    paid = gateway.get_payment(client, opened.provider_reference)
    assert (paid.status, paid.amount_captured, paid.amount_refunded) == ("captured", Decimal("12.50"), None)
    assert paid.method == "card"

    first, second = refund(client, paid.provider_reference, "2.50"), refund(client, paid.provider_reference, "2.50")
    assert (first.status, first.amount, first.currency) == ("succeeded", Decimal("2.50"), "AED")
    assert first.provider_reference
    assert first.provider_reference != second.provider_reference
    with pytest.raises(Rejected, match="greater than available balance") as refused:
        refund(client, paid.provider_reference, "7.51")
    assert refused.value.provider_code == "29"
    refund(client, paid.provider_reference, "7.50")
    assert telr.orders[paid.provider_reference].refunded == Decimal("12.50")


def test_an_authorisation_is_captured_and_refunded(client: WireClient, telr: TelrGateway, server: WireServer) -> None:
    held = create(client, order("5.125", "KWD", capture=False)).provider_reference
    telr.pay(held)
    stands = gateway.get_payment(client, held)
    assert (stands.status, stands.amount_captured) == ("authorised", None)

    taken = capture(client, held, "5.125", "KWD")
    assert (taken.status, taken.amount_captured, taken.currency) == ("captured", Decimal("5.125"), "KWD")
    assert refund(client, held, None, "KWD").amount == Decimal("5.125")
    assert "<amount>5.125</amount>" in follow_ups(server)[0]


def test_a_capture_can_be_refunded_where_the_order_is_still_told_as_authorised(
    client: WireClient, telr: TelrGateway
) -> None:
    capture(client, AUTHORISED, None)
    telr.orders[AUTHORISED].code = 2
    assert refund(client, AUTHORISED, "12.50").status == "succeeded"


def test_an_authorisation_is_let_go_once(client: WireClient, server: WireServer) -> None:
    assert (void(client, AUTHORISED).status, void(client, AUTHORISED).status) == ("cancelled", "cancelled")
    (sent,) = follow_ups(server)
    assert "<type>release</type>" in sent
    assert "<amount>12.50</amount>" in sent


def test_what_does_not_fit_the_order_is_not_asked_for(client: WireClient, server: WireServer) -> None:
    opened = create(client, order()).provider_reference
    for ask in (lambda: void(client, PAYMENT), lambda: void(client, opened), lambda: capture(client, PAYMENT, "1.00")):
        with pytest.raises(Rejected, match="does not allow"):
            ask()
    with pytest.raises(Rejected, match="requires_action"):
        refund(client, opened, "1.00")
    assert not follow_ups(server)


@pytest.mark.parametrize(
    ("letter", "status", "code", "message"),
    [
        ("D", "failed", "41", "Insufficient funds"),
        ("C", "cancelled", "", ""),
        ("H", "pending", "", ""),
    ],
)
def test_a_payer_who_has_not_paid(
    client: WireClient, telr: TelrGateway, letter: str, status: str, code: str, message: str
) -> None:
    opened = create(client, order()).provider_reference
    telr.pay(opened, status=letter, code="41", message="Insufficient funds")
    payment = gateway.get_payment(client, opened)

    assert (payment.status, payment.failure_code, payment.failure_message) == (status, code, message)
    assert payment.amount_captured == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (1, "requires_action"),
        (2, "authorised"),
        (3, "captured"),
        (-1, "cancelled"),
        (-2, "cancelled"),
        (-3, "failed"),
    ],
)
@pytest.mark.parametrize("block", ["order", "invoice"])
def test_each_code_has_a_status(client: WireClient, telr: TelrGateway, code: int, status: str, block: str) -> None:
    telr.block = block
    telr.orders[PAYMENT].code, telr.orders[PAYMENT].transaction = code, {}
    assert gateway.get_payment(client, PAYMENT).status == status


def test_a_transaction_of_which_nothing_is_known_yet_is_pending(client: WireClient, telr: TelrGateway) -> None:
    telr.orders[PAYMENT].code, telr.orders[PAYMENT].transaction["status"] = 1, "P"
    assert gateway.get_payment(client, PAYMENT).status == "pending"


DOCUMENT: dict[str, Any] = TelrGateway().document(TelrGateway().orders[PAYMENT])


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        b"",
        b"<html>Bad gateway</html>",
        {"order": None},
        {"order": []},
        {"order": {**DOCUMENT, "status": {"code": 7, "text": "Refunded"}}},
        {"order": {**DOCUMENT, "status": {"code": 3, "text": "Declined"}}},
        {"order": {**DOCUMENT, "status": {"code": "paid"}}},
        {"order": {**DOCUMENT, "status": {"code": True}}},
        {"order": {**DOCUMENT, "transaction": {"ref": "1", "status": "D"}}},
        {"order": {**DOCUMENT, "amount": "12,50"}},
        {"order": {**DOCUMENT, "amount": "12.505"}},
        {"order": {**DOCUMENT, "currency": "ZZZ"}},
        {"order": {**DOCUMENT, "ref": ""}},
        {"order": {**DOCUMENT, "ref": "another"}},
    ],
)
def test_an_answer_that_is_not_documented_is_invalid(client: WireClient, server: WireServer, body: Any) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    with pytest.raises(InvalidResponse):
        gateway.get_payment(client, PAYMENT)


def test_an_amount_that_comes_as_a_number_keeps_its_digits(client: WireClient, server: WireServer) -> None:
    told = json.dumps({"order": {**DOCUMENT, "amount": 0}}).replace('"amount": 0', '"amount": 12.5').encode()
    server.answer = lambda request: WireAnswer(200, told)
    assert str(gateway.get_payment(client, PAYMENT).amount) == "12.50"


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [("12.5", "AED", "12.50"), ("5.125", "KWD", "5.125"), ("5", "BHD", "5.000"), ("500", "JPY", "500")],
)
def test_money_goes_out_with_the_currency_s_decimals(
    client: WireClient, server: WireServer, amount: str, currency: str, sent: str
) -> None:
    create(client, order(amount, currency))
    assert server.requests[0].json()["order"]["amount"] == sent


@pytest.mark.parametrize(("amount", "currency"), [("1.234", "AED"), ("1.5", "JPY"), ("1.2345", "KWD")])
def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(amount, currency))
    assert refused.value.field == "amount"
    assert not server.requests


def test_an_order_tells_who_pays_what_and_where_they_come_back(client: WireClient, server: WireServer) -> None:
    customer = Customer(name="Renée Payer Two", email="payer@example.com", phone="+971500000000")
    address = Address(line1="Street 1", city="Dubai", country="AE")
    create(client, order(customer=customer, billing_address=address, language="ar", description="Two shirts"))

    assert server.requests[0].json() == {
        "method": "create",
        "store": int(STORE),
        "authkey": KEY,
        "framed": 0,
        "language": "ar",
        "order": {
            "cartid": OURS,
            "test": "1",
            "amount": "12.50",
            "currency": "AED",
            "description": "Two shirts",
            "trantype": "sale",
        },
        "customer": {
            "email": "payer@example.com",
            "phone": "+971500000000",
            "name": {"forenames": "Renée", "surname": "Payer Two"},
            "address": {"line1": "Street 1", "city": "Dubai", "country": "AE"},
        },
        "return": {
            "authorised": ORDER["success_url"],
            "declined": ORDER["success_url"],
            "cancelled": ORDER["cancel_url"],
        },
    }


def test_letters_that_card_networks_do_not_take_are_left_out(client: WireClient, server: WireServer) -> None:
    customer = Customer(name="محمد علي", email="payer@example.com")
    create(client, order(description="عباية سوداء", customer=customer))
    create(client, order(reference="طلب ١", description="x" * 80, payment_id="another-payment"))
    create(client, order(reference="طلب ١", payment_id="a-third-payment"))

    told = [call.json() for call in server.requests]
    assert [one["order"]["description"] for one in told] == ["order-1", "x" * 63, "a-third-payment"]
    assert told[0]["customer"] == {"email": "payer@example.com"}


def test_a_phone_and_a_mail_address_in_other_letters_are_left_out(client: WireClient, server: WireServer) -> None:
    create(client, order(customer=Customer(name="Test Payer", phone="٠٥٠١٢٣٤٥٦٧", email="سارة@example.com")))
    assert server.requests[0].json()["customer"] == {"name": {"forenames": "Test", "surname": "Payer"}}


def test_production_alone_is_no_test(client: WireClient, server: WireServer, telr: TelrGateway) -> None:
    client.environment = "production"
    live = create(client, order(capture=False)).provider_reference
    telr.pay(live)
    capture(client, live, None)

    assert server.requests[0].json()["order"]["test"] == "0"
    assert "<test>0</test>" in follow_ups(server)[0]


def test_an_order_needs_a_way_back_and_takes_no_token(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest, match="back"):
        create(client, order(success_url=""))
    with pytest.raises(NotSupported):
        create(client, order(payment_token="tok_sample"))
    assert not server.requests


def test_a_cart_that_was_opened_without_our_hearing_of_it_is_opened_again(
    client: WireClient, server: WireServer, telr: TelrGateway
) -> None:
    first, second, third = (create(client, order()).provider_reference for _ in range(3))
    assert len({first, second, third}) == 3
    assert [telr.orders[ref].cart for ref in (first, second, third)] == [OURS, f"{OURS}-2", f"{OURS}-3"]

    create(client, order())
    create(client, order())
    with pytest.raises(Rejected, match="Cart ID must be unique") as refused:
        create(client, order())
    assert refused.value.provider_code == "56"
    assert len(telr.orders) == 2 + 5


@pytest.mark.parametrize(
    ("message", "note", "kind"),
    [
        ("E04:Invalid store ID", "", AuthenticationFailed),
        ("Authentication key is wrong", "", AuthenticationFailed),
        ("E05:Transaction cost or currency not valid", "", Rejected),
        ("E98:Internal system error", "", Unavailable),
        ("E58:Error connecting to service provider", "", Unavailable),
        ("No code at all", "and a note", Rejected),
        ("", "", Rejected),
    ],
)
def test_an_error_in_an_answer_is_an_error(
    client: WireClient, server: WireServer, message: str, note: str, kind: type[IntegrationError]
) -> None:
    server.answer = lambda request: WireAnswer(200, {"method": "create", "error": {"message": message, "note": note}})
    with pytest.raises(kind) as failed:
        create(client, order())
    assert getattr(failed.value, "may_have_taken_effect", True) is True
    assert note in failed.value.message


@pytest.mark.parametrize("error", ["E22:Invalid transaction reference", {"message": "E22:Order not found"}])
def test_a_check_passes_where_only_the_order_is_unknown(client: WireClient, server: WireServer, error: Any) -> None:
    server.answer = lambda request: WireAnswer(200, {"method": "check", "error": error})
    assert gateway.check(client).ok


@pytest.mark.parametrize("code", ["E01", "E04"])
def test_a_check_fails_by_the_codes_of_bad_credentials(client: WireClient, server: WireServer, code: str) -> None:
    server.answer = lambda request: WireAnswer(200, {"error": {"message": f"{code}:Invalid request"}})
    with pytest.raises(AuthenticationFailed):
        gateway.check(client)


def test_a_follow_up_wants_the_key_of_the_remote_api(server: WireServer) -> None:
    without = {key: value for key, value in CREDENTIALS.items() if key != "remote_auth_key"}
    with pytest.raises(ConfigurationError, match="remote_auth_key"):
        refund(WireClient(gateway, server.url, without), PAYMENT, "1.00")
    wrong = {**CREDENTIALS, "remote_auth_key": "another&sample<key"}
    with pytest.raises(AuthenticationFailed):
        refund(WireClient(gateway, server.url, wrong), PAYMENT, "1.00")


def test_xml_is_written_as_documented_and_escaped(client: WireClient, server: WireServer, telr: TelrGateway) -> None:
    """The order of the official example of a refund."""
    telr.orders[PAYMENT].transaction["ref"] = "03<&>01"
    refund(client, PAYMENT, "5.00")
    (sent,) = follow_ups(server)

    assert sent == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f"<remote><store>{STORE}</store><key>sample&amp;not&lt;a$remote&gt;key</key><tran><type>refund</type>"
        "<class>ecom</class><currency>AED</currency><amount>5.00</amount><ref>03&lt;&amp;&gt;01</ref><test>1</test>"
        "</tran></remote>"
    )
    assert REMOTE_KEY not in sent


def remote(server: WireServer, telr: TelrGateway, body: bytes | str, status: int = 200) -> None:
    """Answers follow-ups with `body`."""
    sent = body if isinstance(body, bytes) else body.encode()

    def answer(request: WireRequest) -> WireAnswer:
        return WireAnswer(status, sent) if request.path == "/gateway/remote.xml" else telr.answer(request)

    server.answer = answer


def told(status: str, code: str, message: str, ref: str = "029895196182") -> str:
    auth = f"<status>{status}</status><code>{code}</code><message>{message}</message><tranref>{ref}</tranref>"
    return f"<remote><auth>{auth}<cvv>Y</cvv><avs>X</avs><trace>4000/27614/577533d0</trace></auth></remote>\n\n"


def test_an_answer_that_was_recorded_is_read(client: WireClient, server: WireServer, telr: TelrGateway) -> None:
    """ActiveMerchant's `successful_refund_response` and `failed_capture_response`."""
    remote(server, telr, told("A", "927615", "Accepted"))
    made = refund(client, PAYMENT, "5.00")
    assert (made.provider_reference, made.status) == ("029895196182", "succeeded")

    remote(server, telr, told("E", "22", "Invalid transaction reference", "000000000000"))
    with pytest.raises(Rejected, match="Invalid transaction reference") as refused:
        capture(client, AUTHORISED, "12.50")
    assert (refused.value.provider_code, refused.value.provider_status) == ("22", 200)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (told("D", "31", "Not authorised"), Rejected),
        (told("C", "33", "Cancelled"), Rejected),
        (told("X", "53", "Authorisation expired"), Rejected),
        (told("E", "04", "Invalid store ID"), AuthenticationFailed),
        (told("D", "34", "No response"), Unavailable),
        (told("E", "78", "Timeout at payment processor"), Unavailable),
        (told("Z", "1", "Invented"), InvalidResponse),
        (told("A", "1", "Accepted", ""), InvalidResponse),
        ("<remote><error>Invalid Request</error><mpi><trace>4000/11858</trace></mpi></remote>", Rejected),
        ("<remote><error><message>Wrong</message><note>Twice</note></error></remote>", Rejected),
        ("<remote/>", InvalidResponse),
        ("", InvalidResponse),
        ("<html>", InvalidResponse),
        (b"\xff\xfe\x00", InvalidResponse),
        ('<!DOCTYPE a [<!ENTITY b "c">]><remote><auth><status>A</status></auth></remote>', InvalidResponse),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><remote/>', InvalidResponse),
    ],
)
def test_what_a_follow_up_may_be_answered(
    client: WireClient, server: WireServer, telr: TelrGateway, answer: str | bytes, kind: type[IntegrationError]
) -> None:
    remote(server, telr, answer)
    with pytest.raises(kind) as failed:
        refund(client, PAYMENT, "5.00")
    if kind is Unavailable:
        assert getattr(failed.value, "may_have_taken_effect", False)


def test_what_is_held_for_inspection_is_not_done_yet(client: WireClient, server: WireServer, telr: TelrGateway) -> None:
    telr.follow_up_status = "H"
    assert refund(client, PAYMENT, "5.00").status == "pending"
    with pytest.raises(InvalidResponse):
        capture(client, AUTHORISED, None)


@pytest.mark.parametrize("body", [b"", b"{}", {"order": {}}, {"error": {"message": "E98:Internal system error"}}])
def test_a_question_that_fails_leaves_no_doubt_of_the_change_that_was_to_come(
    client: WireClient, server: WireServer, body: Any
) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    for ask in (lambda: refund(client, PAYMENT, "5.00"), lambda: capture(client, PAYMENT, None)):
        with pytest.raises(Unavailable) as failed:
            ask()
        assert not failed.value.may_have_taken_effect


def advice(name: str, **changes: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return {**payload, **changes}


def test_advice_names_our_payment_and_tells_no_state() -> None:
    (sale,) = gateway.parse_events(advice("sale.A"), {})
    (with_order,) = gateway.parse_events(advice("sale.A__with_the_order"), {})
    (again,) = gateway.parse_events(advice("sale.A", tran_cartid=f"{OURS}-2"), {})

    assert (sale.type, sale.subject, sale.payment_id) == ("payment.succeeded", "030026793329", OURS)
    assert with_order.subject == "B00000000000000000000000000000000000002"
    assert again.payment_id == OURS
    assert (sale.payment, with_order.payment) == (None, None)


def test_a_payment_that_is_let_through_is_another_event_than_when_it_was_held() -> None:
    held, passed = (gateway.identify_event(advice("sale.A", tran_status=letter), {}) for letter in "HA")
    assert held.event_id != passed.event_id
    assert held.subject == passed.subject


def test_a_type_is_read_however_it_is_written() -> None:
    (event,) = gateway.parse_events(advice("refund_reversal.A", tran_type="  Refund Reversal ", tran_status="a"), {})
    assert event.type == "payment.refund_failed"


@pytest.mark.parametrize("field", ["tran_ref", "tran_type", "tran_status"])
@pytest.mark.parametrize("value", ["", " ", None, ["A", "D"]])
def test_advice_that_misses_what_it_needs_is_unreadable(field: str, value: Any) -> None:
    with pytest.raises(UnreadablePayload):
        gateway.identify_event(advice("sale.A", **{field: value}), {})


SIGNED = [
    "tran_store", "tran_type", "tran_class", "tran_test", "tran_ref", "tran_prevref", "tran_firstref", "tran_currency",
    "tran_amount", "tran_cartid", "tran_desc", "tran_status", "tran_authcode", "tran_authmessage",
]  # fmt: skip


@pytest.mark.parametrize("name", ["sale.A", "sale.A__with_the_order", "refund.A"])
def test_advice_is_proven_by_the_documented_digest(name: str) -> None:
    """Telr's recipe, spelled out: the secret and the values, joined by colons, SHA-1."""
    payload = advice(name)
    fields = [*SIGNED[:7], "tran_order", *SIGNED[7:]] if "tran_order" in payload else SIGNED
    recipe = ":".join(["sample-not-a-secret", *(payload[name].strip() for name in fields)])
    digest = hashlib.sha1(recipe.encode(), usedforsecurity=False).hexdigest()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert gateway.signature

    for check, is_good in ((digest, True), (digest[::-1], False)):
        body = urlencode({**payload, "tran_check": check}).encode()
        request = InboundRequest(body, headers, time.time())
        if is_good:
            gateway.signature.verify(request, ["sample-not-a-secret"])
        else:
            with pytest.raises(SignatureRefused):
                gateway.signature.verify(request, ["sample-not-a-secret"])


def test_the_wire_fake_is_strict(client: WireClient, telr: TelrGateway) -> None:
    """Otherwise what is proven by it proves nothing."""
    cart = {"cartid": "1", "test": "1", "amount": "12.50", "currency": "AED", "description": "x", "trantype": "sale"}
    back = {"authorised": "https://a.example", "declined": "https://a.example", "cancelled": "https://a.example"}
    good: dict[str, Any] = {"method": "create", "store": int(STORE), "authkey": KEY, "order": cart, "return": back}
    assert "order" in client.post("/gateway/order.json", json=good).json()
    bad: list[dict[str, Any]] = [
        {"store": STORE},
        {"authkey": "another"},
        {"invented": 1},
        {"return": {"authorised": "https://a.example"}},
        {"order": {**cart, "cartid": "2", "amount": "12.5"}},
        {"order": {**cart, "cartid": "2", "amount": 12.5}},
        {"order": {**cart, "cartid": "2", "currency": "KWD"}},
        {"order": {**cart, "cartid": "2", "description": "عباية"}},
        {"order": cart},
        {"framed": "no"},
        {"language": "xx"},
        {"return": {**back, "declined": "/declined"}},
        {"customer": {"name": "Test Payer"}},
        {"customer": {"name": {"forenames": "سارة"}}},
        {"customer": {"phone": "٠٥٠١٢٣٤٥٦٧"}},
        {"customer": {"email": "payer"}},
        {"customer": {"address": {"street": "Street 1"}}},
        {"customer": {"address": {"country": "UAE"}}},
    ]
    for number, change in enumerate(bad):
        change.setdefault("order", {**cart, "cartid": f"bad-{number}"})
        assert "error" in client.post("/gateway/order.json", json={**good, **change}).json(), change
