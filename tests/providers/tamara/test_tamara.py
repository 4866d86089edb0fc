"""What is Tamara's own: approved is not paid, money as JSON numbers, countries with their currencies, and its token."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jwt
import pytest

from integrations.errors import InvalidRequest, InvalidResponse, Rejected, SignatureRefused, Unavailable
from integrations.providers.payment.tamara import Tamara
from integrations.providers.results import Address, Customer, Item, PaymentRequest, PaymentResult, PaymentStatus
from integrations.providers.signatures import InboundRequest
from tests.providers.orders import A_CUSTOMER, AN_ADDRESS, AN_ORDER
from tests.providers.tamara.wire import CONFIGURATION, CREDENTIALS, TamaraWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

EVENTS = Path(__file__).parent / "events"
OURS = "01980000-0000-7000-8000-000000000001"
KEY = CREDENTIALS["notification_token"]
TAMARA = Tamara()
S = PaymentStatus


@pytest.fixture
def wire() -> TamaraWire:
    return TamaraWire()


@pytest.fixture
def server(wire: TamaraWire) -> Iterator[WireServer]:
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(TAMARA, server.url, CREDENTIALS, configuration=CONFIGURATION)


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    told = {"payment_id": OURS, "reference": "order-1", **AN_ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **told)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return TAMARA.create_payment(client, request, idempotency_key="key-create")


def authorised(client: WireClient, wire: TamaraWire) -> str:
    """The reference of an order that was ordered to wait, and is authorised."""
    key = create(client, order(capture=False)).provider_reference
    wire.approve(key)
    assert complete(client, key, capture=False).status is S.AUTHORISED
    return key


def approved(client: WireClient, wire: TamaraWire) -> str:
    """The reference of an order whose customer has just been approved."""
    key = create(client, order()).provider_reference
    wire.approve(key)
    return key


def complete(client: WireClient, key: str, *, capture: bool = True) -> PaymentResult:
    return TAMARA.complete_payment(client, key, capture=capture, idempotency_key="key")


def capture(client: WireClient, key: str, amount: str | None) -> PaymentResult:
    wanted = Decimal(amount) if amount else None
    return TAMARA.capture_payment(client, key, amount=wanted, currency="AED", idempotency_key="key-capture")


def refund(client: WireClient, key: str, amount: str | None, idempotency_key: str = "key-refund") -> Any:
    wanted = Decimal(amount) if amount else None
    return TAMARA.refund_payment(client, key, amount=wanted, currency="AED", idempotency_key=idempotency_key)


def calls(server: WireServer, ending: str, method: str = "POST") -> list[WireRequest]:
    return [call for call in server.requests if call.method == method and call.path.endswith(ending)]


def test_a_checkout_says_what_tamara_decides_by(client: WireClient, server: WireServer) -> None:
    address = "https://hub.example/webhooks/1/"
    billing = Address(line1="Billing Street 2", city="Sharjah")
    result = create(client, order(language="ar", webhook_url=address, billing_address=billing))

    assert (result.status, result.amount, result.currency) == (S.REQUIRES_ACTION, Decimal("12.50"), "AED")
    assert result.redirect_url.startswith("https://checkout.tamara.co/checkout/")
    sent = server.requests[0].json()
    assert b'"total_amount": {"amount": 12.50, "currency": "AED"}' in server.requests[0].body
    assert (sent["order_reference_id"], sent["order_number"]) == (OURS, "order-1")
    assert (sent["country_code"], sent["locale"], sent["payment_type"]) == ("AE", "ar_SA", "PAY_BY_INSTALMENTS")
    assert sent["consumer"] == {
        "first_name": "Sample", "last_name": "Customer", "phone_number": "+971500000001",
        "email": "customer@example.com",
    }  # fmt: skip
    assert sent["risk_assessment"] == {
        "account_creation_date": "01-05-2024", "total_order_count": 3, "is_existing_customer": True,
    }  # fmt: skip
    assert (sent["billing_address"]["city"], sent["shipping_address"]["city"]) == ("Sharjah", "Dubai")
    assert sent["merchant_url"]["notification"] == address
    assert [item["sku"] for item in sent["items"]] == ["SKU-1", "2"]
    assert sent["items"][1]["total_amount"] == {"amount": 2.5, "currency": "AED"}


@pytest.mark.parametrize(
    ("country", "currency", "amount"),
    [
        ("SA", "SAR", "100.00"),
        ("AE", "AED", "0.01"),
        ("KW", "KWD", "3.125"),
        ("BH", "BHD", "7.001"),
        ("OM", "OMR", "9.000"),
    ],
)
def test_each_country_has_its_own_currency(
    client: WireClient, server: WireServer, country: str, currency: str, amount: str
) -> None:
    result = create(client, order(amount, currency, country=country, items=()))
    abroad = create(
        client, order(amount, currency, country="", items=(), shipping_address=replace(AN_ADDRESS, country=""))
    )

    assert (result.amount, result.currency) == (abroad.amount, abroad.currency) == (Decimal(amount), currency)
    assert {request.json()["country_code"] for request in server.requests} == {country}
    assert f'"amount": {amount}'.encode() in server.requests[0].body


@pytest.mark.parametrize(
    ("request_", "field", "words"),
    [
        (order(currency="SAR"), "currency", "does not take SAR in AE"),
        (order("500", "JPY", country="JP"), "currency", "does not take JPY in JP"),
        (order("12.505"), "amount", "2 decimals"),
        (order("3.1255", "KWD", country="KW", items=()), "amount", "3 decimals"),
        (order(customer=Customer()), "customer", "customer.name is missing"),
        (order(customer=replace(A_CUSTOMER, phone="")), "customer", "customer.phone is missing"),
        (order(customer=replace(A_CUSTOMER, registered_since="May")), "customer", "ISO 8601"),
        (order(shipping_address=Address()), "shipping_address", "shipping_address.line1 is missing"),
        (order(cancel_url=""), "cancel_url", "cancel_url is missing"),
        (order(payment_token="tok"), "payment_token", "no payment tokens"),
    ],
)
def test_an_order_that_tamara_could_not_decide_on_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, request_: PaymentRequest, field: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, request_)

    assert refused.value.field == field
    assert words in refused.value.message
    assert not server.requests


def test_who_has_one_name_has_it_twice(client: WireClient, server: WireServer) -> None:
    create(client, order(customer=Customer(name="Sample", phone="+971500000001")))
    consumer = server.requests[0].json()["consumer"]
    assert consumer == {"first_name": "Sample", "last_name": "Sample", "phone_number": "+971500000001"}
    assert "risk_assessment" not in server.requests[0].json()


@pytest.mark.parametrize(("status", "read"), [("approved", S.PENDING), ("authorised", S.AUTHORISED)])
def test_a_look_takes_nothing_and_says_what_waits_for_us(
    client: WireClient, wire: TamaraWire, server: WireServer, status: str, read: PaymentStatus
) -> None:
    key = create(client, order()).provider_reference
    assert not TAMARA.get_payment(client, key).awaits_completion

    wire.orders[key]["status"] = status
    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.awaits_completion) == (read, Decimal(0), True)
    assert [call.path for call in server.requests if call.method == "POST"] == ["/checkout"]


def test_what_is_approved_is_authorised_and_captured_once(
    client: WireClient, wire: TamaraWire, server: WireServer
) -> None:
    key = approved(client, wire)
    for _ in range(2):
        seen = complete(client, key)
        assert (seen.status, seen.amount_captured, seen.method) == (S.CAPTURED, Decimal("12.50"), "bnpl")
        assert not seen.awaits_completion

    assert len(calls(server, "/authorise")) == len(calls(server, "/payments/capture")) == 1
    told = calls(server, "/payments/capture")[0].json()["shipping_info"]
    assert told["shipping_company"] == "Aramex"
    assert abs(datetime.fromisoformat(told["shipped_at"]) - datetime.now(UTC)).total_seconds() < 60


def test_what_was_ordered_to_wait_is_authorised_and_captured_when_asked_for(
    client: WireClient, wire: TamaraWire, server: WireServer
) -> None:
    key = authorised(client, wire)
    assert complete(client, key, capture=False).status is S.AUTHORISED
    assert not calls(server, "/payments/capture")

    done = capture(client, key, None)
    assert (done.status, done.amount, done.amount_captured) == (S.CAPTURED, Decimal("12.50"), Decimal("12.50"))
    assert done == replace(TAMARA.get_payment(client, key), raw=done.raw)


@pytest.mark.parametrize("old", ["approved", "authorised"])
def test_two_who_complete_at_once_authorise_and_capture_once(client: WireClient, wire: TamaraWire, old: str) -> None:
    """The second begins with what the first has changed meanwhile."""
    key = approved(client, wire)
    done = complete(client, key)
    late = {**done.raw, "status": old, "captured_amount": {"amount": 0, "currency": "AED"}}

    def overtaken(request: WireRequest) -> WireAnswer:
        return (
            WireAnswer(200, json.loads(json.dumps(late, default=str)))
            if len(other.requests) == 1
            else wire.answer(request)
        )

    with WireServer(overtaken) as other:
        seen = complete(replace(client, base_url=other.url), key)

    assert (seen.status, seen.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert wire.orders[key]["captured"] == Decimal("12.50")


@pytest.mark.parametrize("lost", ["/authorise", "/payments/capture"])
def test_a_step_whose_answer_is_lost_is_not_repeated_before_the_order_is_read(
    client: WireClient, wire: TamaraWire, lost: str
) -> None:
    """As is a process that died between the two steps, or after both."""
    key = approved(client, wire)

    def loses(request: WireRequest) -> WireAnswer:
        answer = wire.answer(request)
        return WireAnswer(502, b"") if request.path.endswith(lost) else answer

    with WireServer(loses) as other, pytest.raises(Unavailable):
        complete(replace(client, base_url=other.url), key)
    with WireServer(wire.answer) as after:
        seen = complete(replace(client, base_url=after.url), key)

    assert (seen.status, seen.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert not calls(after, lost)


def test_an_account_that_captures_by_itself_has_it_captured(
    client: WireClient, wire: TamaraWire, server: WireServer
) -> None:
    wire.captures_by_itself = True
    assert complete(client, approved(client, wire)).status is S.CAPTURED
    assert not calls(server, "/payments/capture")


@pytest.mark.parametrize("step", ["/authorise", "/payments/capture"])
def test_a_step_that_tamara_refuses_is_no_end(client: WireClient, wire: TamaraWire, step: str) -> None:
    key = approved(client, wire)

    def refuses(request: WireRequest) -> WireAnswer:
        refusal = {"message": "Not now.", "errors": []}
        return WireAnswer(409, refusal) if request.path.endswith(step) else wire.answer(request)

    with WireServer(refuses) as other, pytest.raises(Rejected, match=r"Not now\."):
        complete(replace(client, base_url=other.url), key)
    assert TAMARA.get_payment(client, key).awaits_completion


def test_what_was_cancelled_in_part_is_left_to_us(client: WireClient, wire: TamaraWire) -> None:
    key = approved(client, wire)
    wire.orders[key]["status"] = "updated"
    assert not TAMARA.get_payment(client, key).awaits_completion
    assert complete(client, key).status is S.AUTHORISED


def test_a_part_is_captured_and_refunds_add_up_to_it(client: WireClient, wire: TamaraWire, server: WireServer) -> None:
    key = authorised(client, wire)
    done = capture(client, key, "5.00")
    assert (done.status, done.amount_captured) == (S.CAPTURED, Decimal("5.00"))

    first = refund(client, key, "2.00", "r1")
    assert (first.status, first.amount, first.currency) == ("succeeded", Decimal("2.00"), "AED")
    sent = calls(server, key)[0].json()
    assert (sent["merchant_refund_id"], sent["comment"]) == ("r1", "Refund r1")
    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.amount_refunded) == (S.PARTIALLY_REFUNDED, Decimal("2.00"))
    with pytest.raises(Rejected, match=r"More than was captured\."):
        refund(client, key, "3.01", "r2")
    assert refund(client, key, None, "r3").amount == Decimal("3.00")
    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.amount_refunded) == (S.REFUNDED, Decimal("5.00"), Decimal("5.00"))


def test_no_more_is_captured_than_there_is(client: WireClient, wire: TamaraWire) -> None:
    key = authorised(client, wire)
    capture(client, key, "12.50")
    with pytest.raises(Rejected) as refused:
        capture(client, key, "1.00")
    assert refused.value.provider_code == "wrong_status"


@pytest.mark.parametrize("status", ["approved", "authorised"])
def test_what_nobody_has_captured_can_be_made_void(
    client: WireClient, wire: TamaraWire, server: WireServer, status: str
) -> None:
    key = create(client, order()).provider_reference
    wire.approve(key)
    wire.orders[key]["status"] = status
    for _ in range(2):  # what is void already may be made void again
        done = TAMARA.void_payment(client, key, idempotency_key="v")
        assert (done.status, done.amount_captured) == (S.CANCELLED, Decimal(0))
    assert wire.orders[key]["canceled"] == Decimal("12.50")
    assert not calls(server, "/payments/capture")


def test_what_was_captured_or_is_not_approved_cannot_be_made_void(client: WireClient, wire: TamaraWire) -> None:
    captured = authorised(client, wire)
    capture(client, captured, "12.50")
    for key in (captured, create(client, order()).provider_reference):
        with pytest.raises(Rejected, match="Only what is authorised"):
            TAMARA.void_payment(client, key, idempotency_key="v")


@pytest.mark.parametrize(("end", "status", "code"), [("decline", S.FAILED, "declined"), ("expire", S.CANCELLED, "")])
def test_a_customer_may_be_declined_or_turn_back(
    client: WireClient, wire: TamaraWire, end: str, status: PaymentStatus, code: str
) -> None:
    key = create(client, order()).provider_reference
    getattr(wire, end)(key)
    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.failure_code, seen.amount_captured) == (status, code, Decimal(0))


@pytest.mark.parametrize(
    ("status", "captured", "refunded", "read"),
    [
        ("new", "0", "0", S.REQUIRES_ACTION),
        ("on_hold", "0", "0", S.PENDING),
        ("authorised", "0", "0", S.AUTHORISED),
        ("updated", "0", "0", S.AUTHORISED),
        ("partially_captured", "5.00", "0", S.CAPTURED),
        ("fully_captured", "12.50", "0", S.CAPTURED),
        ("partially_refunded", "12.50", "5.00", S.PARTIALLY_REFUNDED),
        ("fully_refunded", "12.50", "12.50", S.REFUNDED),
        ("fully_refunded", "5.00", "5.00", S.REFUNDED),
        ("declined", "0", "0", S.FAILED),
        ("canceled", "0", "0", S.CANCELLED),
        ("expired", "0", "0", S.CANCELLED),
    ],
)
def test_each_status_is_read(
    client: WireClient, wire: TamaraWire, status: str, captured: str, refunded: str, read: PaymentStatus
) -> None:
    key = create(client, order(capture=False)).provider_reference
    wire.orders[key] |= {"status": status, "captured": Decimal(captured), "refunded": Decimal(refunded)}

    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.amount_refunded) == (read, Decimal(captured), Decimal(refunded))


@pytest.mark.parametrize(
    "damage",
    [
        {"status": "mysterious"},
        {"status": "fully_captured"},
        {"status": ["approved"]},
        {"total_amount": {"amount": "much", "currency": "AED"}},
        {"total_amount": {"amount": True, "currency": "AED"}},
        {"total_amount": {"amount": 12.505, "currency": "AED"}},
        {"total_amount": None},
        {"captured_amount": {"amount": 1, "currency": "SAR"}},
        {"captured_amount": {"amount": -1, "currency": "AED"}},
        {"order_id": None},
    ],
    ids=str,
)
def test_an_order_that_tamara_does_not_document_is_never_read_as_paid(
    client: WireClient, wire: TamaraWire, damage: dict[str, Any]
) -> None:
    key = create(client, order(capture=False)).provider_reference
    odd = {**json.loads(json.dumps(TAMARA.get_payment(client, key).raw, default=float)), **damage}
    with WireServer(lambda request: WireAnswer(200, odd)) as other, pytest.raises(InvalidResponse):
        TAMARA.get_payment(replace(client, base_url=other.url), key)


@pytest.mark.parametrize(
    "odd",
    [{}, {"order_id": "1", "status": "new"}, {"order_id": "1", "checkout_url": "https://c", "status": "odd"}],
    ids=str,
)
def test_a_checkout_or_refund_that_tamara_does_not_document_is_in_doubt(
    client: WireClient, odd: dict[str, Any]
) -> None:
    with WireServer(lambda request: WireAnswer(200, odd)) as other:
        elsewhere = replace(client, base_url=other.url)
        with pytest.raises(InvalidResponse):
            create(elsewhere, order())
        with pytest.raises(InvalidResponse):
            refund(elsewhere, "key", "1.00")


def find(client: WireClient, request: PaymentRequest) -> PaymentResult | None:
    return TAMARA.find_payment(client, request, idempotency_key="key-create")


def test_an_order_is_found_by_our_reference(client: WireClient, wire: TamaraWire) -> None:
    assert find(client, order()) is None

    key = approved(client, wire)
    found = find(client, order())
    assert found is not None
    assert (found.provider_reference, found.status, found.awaits_completion) == (key, S.PENDING, True)


def test_a_new_order_whose_page_nobody_knows_gets_another(client: WireClient, wire: TamaraWire) -> None:
    lost = create(client, order()).provider_reference
    found = find(client, order())

    assert found is not None
    assert found.provider_reference != lost
    assert found.redirect_url


def test_a_new_order_is_found_as_it_is_where_tamara_makes_no_other(client: WireClient, wire: TamaraWire) -> None:
    lost = create(client, order()).provider_reference

    def refuses(request: WireRequest) -> WireAnswer:
        refusal = {"message": "Duplicate.", "errors": [{"error_code": "duplicate"}]}
        return WireAnswer(400, refusal) if request.path == "/checkout" else wire.answer(request)

    with WireServer(refuses) as other:
        found = find(replace(client, base_url=other.url), order())
    assert found is not None
    assert (found.provider_reference, found.status, found.redirect_url) == (lost, S.REQUIRES_ACTION, "")


def test_a_search_that_is_refused_is_no_absence(client: WireClient) -> None:
    refusal = WireAnswer(400, {"message": "No.", "errors": []})
    with WireServer(lambda request: refusal) as other, pytest.raises(Rejected):
        find(replace(client, base_url=other.url), order())


def test_a_refusal_is_quoted_with_its_first_code() -> None:
    body = {
        "message": "Validation failed.",
        "errors": [{"error_code": "total_amount_invalid", "description": "It does not add up."}, "odd"],
    }
    assert TAMARA.error_details(body) == ("total_amount_invalid", "Validation failed. It does not add up.")


def test_a_webhook_is_registered_once_and_kept_up_to_date(client: WireClient, wire: TamaraWire) -> None:
    for _ in range(2):
        TAMARA.register_webhook(client, "https://hub.example/webhooks/1/", KEY)
        (hook,) = wire.hooks
        assert hook["events"] == list(TAMARA.event_types)
        hook["events"] = ["order_approved"]
    refusal = WireAnswer(400, {"message": "No.", "errors": [{"error_code": "bad_url"}]})
    with WireServer(lambda request: refusal) as other, pytest.raises(Rejected):
        TAMARA.register_webhook(replace(client, base_url=other.url), "https://hub.example/", KEY)


URL = "https://hub.example/webhooks/1/"


def signed(token: str, *, in_query: bool = False) -> InboundRequest:
    body = (EVENTS / "order_approved.json").read_bytes()
    headers = {} if in_query else {"authorization": f"Bearer {token}"}
    return InboundRequest(body, headers, time.time(), url=f"{URL}?tamaraToken={token}" if in_query else URL)


def a_token(key: str = KEY, *, algorithm: str = "HS256", age: int = 0) -> str:
    """As PyJWT makes it, with the claims that https://docs.tamara.co/docs/transaction-authorisation shows."""
    now = int(time.time()) - age
    return jwt.encode({"exp": now + 900, "iat": now, "iss": "Tamara"}, key, algorithm)


def test_a_token_that_another_library_makes_is_accepted_in_the_header_and_in_the_address() -> None:
    for request in (signed(a_token()), signed(a_token(), in_query=True)):
        TAMARA.signature.verify(request, [KEY])


@pytest.mark.parametrize(
    "token",
    [
        a_token(KEY.replace("sample", "another")),
        a_token(algorithm="HS512"),
        a_token(age=1000),
        jwt.encode({"iss": "Tamara", "exp": 9_999_999_999}, None, "none"),
        # Of Tamara's own documentation; it ended in 2023, and its key was never told.
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJleHAiOjE2ODEyMTY0NDMsImlhdCI6MTY4MTIxNTU0MywiaXNzIjoiVGFtYXJhIn0"
        ".oD9V-HhWrAUTpti342QduaBeapncZBZ1apSY9dH8vfs",
    ],
)
def test_a_token_that_is_forged_or_old_is_refused(token: str) -> None:
    for in_query in (False, True):
        with pytest.raises(SignatureRefused):
            TAMARA.signature.verify(signed(token, in_query=in_query), [KEY])


def test_what_we_sign_is_what_another_library_reads() -> None:
    bare = InboundRequest(b"{}", {}, time.time(), url=URL)
    headers = TAMARA.signature.sign_request(bare, KEY, event_id="", timestamp=int(time.time())).headers
    claims = jwt.decode(headers["authorization"].removeprefix("Bearer "), KEY, ["HS256"])
    assert claims["exp"] - claims["iat"] == 900


def test_a_webhook_never_tells_the_payment_s_state_by_itself() -> None:
    for path in sorted(EVENTS.glob("*.json")):
        (event,) = TAMARA.parse_events(json.loads(path.read_bytes()), {})
        assert event.payment is None
        assert event.payment_id in (OURS, f"{OURS[:-1]}2", "")


def test_the_two_notices_of_one_approval_are_one_event() -> None:
    of_account = json.loads((EVENTS / "order_approved.json").read_bytes())
    of_order = {**{name: told for name, told in of_account.items() if name != "event_type"}, "order_status": "approved"}
    assert TAMARA.identify_event(of_account, {}) == TAMARA.identify_event(of_order, {})


def test_items_that_do_not_add_up_go_as_one(client: WireClient, server: WireServer) -> None:
    create(client, order(items=(Item("Abaya", 1, Decimal("10.00")),)))
    (item,) = server.requests[0].json()["items"]
    assert (item["name"], item["type"], item["total_amount"]["amount"]) == ("order-1", "Physical", 12.5)
