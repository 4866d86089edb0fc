"""What goes out to Telr, XML too, and errors that come with HTTP 200."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    IntegrationError,
    InvalidRequest,
    InvalidResponse,
    NotSupported,
    Rejected,
    Unavailable,
)
from integrations.providers.results import Address, Customer
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

from .calls import OURS, capture, create, follow_ups, gateway, order, refund


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
