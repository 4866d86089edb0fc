"""What is PayTabs' own: one cart of many transactions, letters for states, and the server key that signs as well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    InvalidResponse,
    NotSupported,
    Rejected,
    SignatureRefused,
    Unavailable,
)
from integrations.providers.payment.paytabs import HOSTS, PayTabs
from integrations.providers.results import (
    Address,
    Customer,
    PaymentRequest,
    PaymentResult,
    PaymentStatus,
    RefundResult,
)
from integrations.providers.signatures import InboundRequest, SortedFields
from tests.providers.paytabs.wire import (
    BAD_CREDENTIALS,
    CONFIGURATION,
    CREDENTIALS,
    DECLINED_TOKEN,
    REDIRECTED_TOKEN,
    SERVER_KEY,
    TOKEN,
    Profile,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

EVENTS = Path(__file__).parent / "events"
CART = "01980000-0000-7000-8000-0000000000c1"


@pytest.fixture
def profile() -> Profile:
    return Profile()


@pytest.fixture
def server(profile: Profile) -> Iterator[WireServer]:
    with WireServer(profile.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(PayTabs(), server.url, CREDENTIALS, configuration=CONFIGURATION)


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    given = {"payment_id": CART, "success_url": "https://hub.example/pay/1/return/", **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, reference="order-1", **given)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return PayTabs().create_payment(client, request, idempotency_key="key-1")


def get(client: WireClient) -> PaymentResult:
    return PayTabs().get_payment(client, CART)


def capture(client: WireClient, amount: str | None, currency: str = "AED") -> PaymentResult:
    value = None if amount is None else Decimal(amount)
    return PayTabs().capture_payment(client, CART, amount=value, currency=currency, idempotency_key="key-2")


def refund(client: WireClient, amount: str | None, currency: str = "AED") -> RefundResult:
    value = None if amount is None else Decimal(amount)
    return PayTabs().refund_payment(client, CART, amount=value, currency=currency, idempotency_key="key-3")


def void(client: WireClient) -> PaymentResult:
    return PayTabs().void_payment(client, CART, idempotency_key="key-4")


def totals(result: PaymentResult) -> tuple[str, str, str]:
    return result.status.value, str(result.amount_captured), str(result.amount_refunded)


def test_a_sale_is_paid_on_a_page_and_refunded_in_parts(client: WireClient, profile: Profile) -> None:
    opened = create(client, order())
    assert (opened.status, opened.provider_reference) == (PaymentStatus.REQUIRES_ACTION, CART)
    assert opened.redirect_url.startswith("https://secure.paytabs.com/payment/page/")
    assert totals(get(client)) == ("requires_action", "0.00", "0.00")

    profile.pay(CART)
    assert totals(get(client)) == ("captured", "12.50", "0.00")
    assert get(client).method == "card"

    assert (refund(client, "5.00").status, refund(client, "2.50").status) == ("succeeded", "succeeded")
    assert totals(get(client)) == ("partially_refunded", "12.50", "7.50")
    with pytest.raises(Rejected) as refused:
        refund(client, "5.01")
    assert refused.value.provider_code == "311"
    refund(client, "5.00")
    assert totals(get(client)) == ("refunded", "12.50", "12.50")


@pytest.mark.parametrize(("amount", "status"), [("12.50", "captured"), ("5.00", "captured")])
def test_an_authorisation_is_captured_and_its_capture_refunded(
    client: WireClient, profile: Profile, amount: str, status: str
) -> None:
    create(client, order(capture=False))
    profile.pay(CART)
    assert totals(get(client)) == ("authorised", "0.00", "0.00")

    assert totals(capture(client, amount)) == (status, amount, "0.00")
    refund(client, "1.00")
    assert totals(get(client)) == ("partially_refunded", amount, "1.00")
    captured, refunded = profile.transactions[1:]
    assert refunded["previous_tran_ref"] == captured["tran_ref"]


def test_an_authorisation_is_let_go(client: WireClient, profile: Profile) -> None:
    create(client, order(capture=False))
    profile.pay(CART)

    assert totals(void(client)) == ("cancelled", "0.00", "0.00")
    assert totals(get(client)) == ("cancelled", "0.00", "0.00")


def test_an_authorisation_that_is_marked_as_voided_has_taken_nothing(client: WireClient, profile: Profile) -> None:
    create(client, order(capture=False))
    profile.pay(CART)
    void(client)
    profile.of(CART)[0]["payment_result"]["response_status"] = "V"
    assert totals(get(client)) == ("cancelled", "0.00", "0.00")


@pytest.mark.parametrize("method", ["knet", "omannet", "valu", "stc_pay", "samsung_pay", "paypal"])
def test_a_method_that_only_sells_is_not_asked_to_authorise(
    client: WireClient, server: WireServer, method: str
) -> None:
    with pytest.raises(NotSupported, match="captured later") as refused:
        create(client, order(method=method, capture=False))
    assert refused.value.field == "capture"
    assert not server.requests


def test_what_nobody_has_paid_on_is_neither_captured_voided_nor_refunded(
    client: WireClient, server: WireServer
) -> None:
    create(client, order(capture=False))
    for change, error in ((lambda: capture(client, None), Conflict), (lambda: refund(client, None), Conflict)):
        with pytest.raises(error):
            change()
    with pytest.raises(NotSupported, match="expires"):
        void(client)
    assert [request.path for request in server.requests].count("/payment/request") == 1


@pytest.mark.parametrize(
    ("letter", "status"),
    [
        ("A", "captured"),
        ("H", "pending"),
        ("P", "pending"),
        ("D", "failed"),
        ("E", "failed"),
        ("V", "cancelled"),
        ("X", "cancelled"),
        ("C", "cancelled"),
    ],
)
def test_a_sale_s_letter_is_the_payment_s_status(
    client: WireClient, profile: Profile, letter: str, status: str
) -> None:
    profile.open(CART)
    profile.pay(CART, letter)

    result = get(client)
    assert (result.status, result.amount_captured) == (status, Decimal("12.50" if letter == "A" else "0.00"))
    assert result.failure_message == {"D": "Do not honour", "E": "Acquirer failed"}.get(letter, "")
    assert bool(result.failure_code) == (status == "failed")


def test_a_payer_who_was_declined_may_pay_after_all(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    profile.pay(CART, "D")
    assert get(client).status == PaymentStatus.FAILED
    profile.pay(CART, "A", method="mada")
    assert totals(get(client)) == ("captured", "12.50", "0.00")
    assert get(client).method == "mada"


def test_the_last_try_says_how_it_ended(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    profile.pay(CART, "D")
    profile.pay(CART, "X")
    assert get(client).status == PaymentStatus.CANCELLED


def test_a_sale_that_was_voided_is_money_given_back(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    profile.pay(CART)
    voided = profile.open(CART, kind="Void")
    voided["payment_result"] = {"response_status": "A"}
    assert totals(get(client)) == ("refunded", "12.50", "12.50")


def test_what_two_pages_took_is_told_in_full(client: WireClient, profile: Profile) -> None:
    """More than the order's amount: the ledger refuses it, and a person looks."""
    for _ in range(2):
        profile.open(CART)
        profile.pay(CART)
    assert totals(get(client)) == ("captured", "25.00", "0.00")


@pytest.mark.parametrize(
    ("letter", "status"), [("A", "succeeded"), ("P", "pending"), ("H", "pending"), ("D", "failed"), ("E", "failed")]
)
def test_a_refund_may_wait_for_the_bank_or_be_declined(
    client: WireClient, profile: Profile, letter: str, status: str
) -> None:
    profile.open(CART)
    profile.pay(CART)
    profile.follow_up_status = letter
    result = refund(client, "5.00")

    assert (result.status, result.amount) == (status, Decimal("5.00"))
    assert bool(result.failure_message) == (status == "failed")
    assert get(client).amount_refunded == (Decimal("5.00") if letter == "A" else Decimal(0))


@pytest.mark.parametrize(
    ("letter", "status"), [("A", "succeeded"), ("P", "pending"), ("H", "pending"), ("D", "failed"), ("V", "failed")]
)
def test_a_look_tells_how_each_refund_stands(client: WireClient, profile: Profile, letter: str, status: str) -> None:
    profile.open(CART)
    profile.pay(CART)
    made = refund(client, "5.00")
    profile.transactions[-1]["payment_result"]["response_status"] = letter
    (told,) = get(client).refunds
    assert (told.provider_reference, told.status, told.amount) == (made.provider_reference, status, Decimal("5.00"))


def test_a_capture_that_is_declined_is_an_error_and_one_undecided_stays_in_doubt(
    client: WireClient, profile: Profile
) -> None:
    profile.open(CART, kind="Auth")
    profile.pay(CART)
    profile.follow_up_status = "D"
    with pytest.raises(Rejected, match="Do not honour"):
        capture(client, "5.00")
    profile.follow_up_status = "P"
    with pytest.raises(Unavailable) as undecided:
        capture(client, "5.00")
    assert undecided.value.may_have_taken_effect
    assert get(client).status == PaymentStatus.AUTHORISED


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [
        ("12.50", "AED", b'"cart_amount": 12.50,'),
        ("12.5", "SAR", b'"cart_amount": 12.50,'),
        ("1.234", "KWD", b'"cart_amount": 1.234,'),
        ("5.1", "OMR", b'"cart_amount": 5.100,'),
        ("2.050", "JOD", b'"cart_amount": 2.050,'),
        ("500", "JPY", b'"cart_amount": 500,'),
    ],
)
def test_money_is_a_number_with_the_currency_s_decimals(
    client: WireClient, server: WireServer, profile: Profile, amount: str, currency: str, sent: bytes
) -> None:
    result = create(client, order(amount, currency))

    assert sent in server.requests[0].body
    assert (result.amount, result.currency) == (Decimal(amount), currency)
    profile.pay(CART)
    assert refund(client, amount, currency).amount == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), [("1.234", "AED"), ("1.2345", "KWD"), ("1.5", "JPY")])
def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest):
        create(client, order(amount, currency))
    assert not server.requests


def test_a_token_of_the_managed_form_pays_at_once_unless_the_bank_wants_a_page(
    client: WireClient, profile: Profile
) -> None:
    assert create(client, order(payment_token=TOKEN)).status == PaymentStatus.CAPTURED
    profile.transactions.clear()
    declined = create(client, order(payment_token=DECLINED_TOKEN))
    assert (declined.status, declined.failure_message) == (PaymentStatus.FAILED, "Do not honour")
    profile.transactions.clear()
    assert create(client, order(payment_token=REDIRECTED_TOKEN)).redirect_url


def test_what_the_order_knows_spares_the_payer_the_form(client: WireClient, server: WireServer) -> None:
    at = Address("Street 1", "Flat 2", "Dubai", "DU", "12345", "AE")
    payer = Customer("Sample Payer", "payer@example.com", "+971500000000")
    create(client, order(customer=payer, billing_address=at, shipping_address=at, language="ar", method="apple_pay"))

    body = server.requests[0].json()
    assert body["customer_details"] == body["shipping_details"]
    assert body["customer_details"]["street1"] == "Street 1, Flat 2"
    assert (body["paypage_lang"], body["payment_methods"]) == ("ar", ["applepay"])


def test_the_callback_is_told_where_there_is_one_that_it_would_come_to(client: WireClient, server: WireServer) -> None:
    create(client, order(webhook_url="https://hub.example/webhooks/1/"))
    create(client, order(webhook_url="http://hub.example/webhooks/1/"))

    secured, plain = (request.json() for request in server.requests)
    assert secured["callback"] == "https://hub.example/webhooks/1/"
    assert "callback" not in plain


def test_a_method_that_it_does_not_have_is_refused_before_anything_is_sent(
    client: WireClient, server: WireServer
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(method="benefit"))
    assert refused.value.field == "method"
    assert not server.requests


def test_a_payment_made_twice_within_two_minutes_is_in_doubt(client: WireClient, profile: Profile) -> None:
    profile.is_forgetful = False
    create(client, order())
    with pytest.raises(Unavailable) as doubt:
        create(client, order())
    assert doubt.value.may_have_taken_effect
    assert len(profile.transactions) == 1


def test_the_same_refund_twice_within_two_minutes_is_not_done(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    profile.pay(CART)
    profile.is_forgetful = False
    refund(client, "5.00")
    with pytest.raises(Rejected, match="two minutes") as refused:
        refund(client, "5.00")
    assert (refused.value.provider_code, refused.value.provider_status) == ("4", 409)
    assert get(client).amount_refunded == Decimal("5.00")


def test_a_payment_is_found_by_its_cart(client: WireClient, profile: Profile) -> None:
    find = PayTabs().find_payment
    assert find(client, order(), idempotency_key="key-1") is None
    profile.open(CART)
    profile.pay(CART)
    found = find(client, order(), idempotency_key="key-1")
    assert found
    assert totals(found) == ("captured", "12.50", "0.00")


@pytest.mark.parametrize("body", [[], b"null"])
def test_a_cart_with_nothing_in_it_is_no_payment_yet(client: WireClient, server: WireServer, body: Any) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    assert PayTabs().find_payment(client, order(), idempotency_key="key-1") is None
    with pytest.raises(Rejected, match="nobody has tried"):
        get(client)


def good(**changes: Any) -> dict[str, Any]:
    transaction = {"tran_ref": "TST1", "tran_type": "Sale", "cart_id": CART, "cart_currency": "AED"}
    return {**transaction, "cart_amount": "12.50", "payment_result": {"response_status": "A"}, **changes}


@pytest.mark.parametrize(
    "body",
    [
        [good(payment_result={"response_status": "Z"})],
        [good(payment_result={"response_status": 7})],
        [good(payment_result=[7])],
        [good(tran_type="Mystery")],
        [good(cart_amount="a lot")],
        [good(cart_amount="12.505")],
        [good(cart_amount=None)],
        [good(cart_currency="ZZZ")],
        [good(tran_ref="")],
        [good(cart_id="another")],
        [good(), good(cart_currency="SAR")],
        [good(tran_type="Refund")],
        [7],
        "text",
        {},
        b"<html>",
        b"",
    ],
    ids=str,
)
def test_an_answer_that_paytabs_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, body: Any
) -> None:
    server.answer = lambda request: WireAnswer(200, body if isinstance(body, bytes) else json.dumps(body).encode())
    with pytest.raises(InvalidResponse):
        get(client)


def test_a_page_that_is_neither_opened_nor_paid_is_an_invalid_response(client: WireClient, server: WireServer) -> None:
    server.answer = lambda request: WireAnswer(200, good(payment_result=None))
    with pytest.raises(InvalidResponse):
        create(client, order())


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"code": 1, "message": "Authentication failed. Check authentication header."}, AuthenticationFailed),
        (200, {"code": 1, "message": "Authentication failed. Check authentication header."}, AuthenticationFailed),
        (400, {"code": 206, "message": "Invalid currency code"}, Rejected),
        (200, {"code": 206, "message": "Invalid currency code"}, Rejected),
        (500, {}, Unavailable),
    ],
)
def test_an_error_is_one_whatever_its_http_status(
    client: WireClient, server: WireServer, status: int, body: dict[str, Any], error: type[Exception]
) -> None:
    server.answer = lambda request: WireAnswer(status, {**body, "trace": "PMNT0402"})
    for ask in (lambda: create(client, order()), lambda: get(client)):
        with pytest.raises(error):
            ask()


@pytest.mark.parametrize(
    ("answer", "is_good"),
    [
        (WireAnswer(200, []), True),
        (WireAnswer(404, {"code": 400, "message": "No such cart"}), True),
        (WireAnswer(400, {"code": 2, "message": "Invalid profile"}), False),
        (WireAnswer(200, {"code": 2, "message": "Invalid profile"}), False),
        (WireAnswer(200, {"code": 400, "message": "No such cart"}), True),
        (WireAnswer(404, {}), False),
    ],
)
def test_the_probe_knows_a_good_key_by_what_is_complained_of(
    client: WireClient, server: WireServer, answer: WireAnswer, is_good: bool
) -> None:
    server.answer = lambda request: answer
    if is_good:
        assert PayTabs().check(client).ok
    else:
        with pytest.raises(Rejected):
            PayTabs().check(client)


def test_a_bad_key_is_none_whatever_the_http_status(client: WireClient, server: WireServer) -> None:
    server.answer = lambda request: WireAnswer(200, {"code": 1, "message": "Authentication failed."})
    with pytest.raises(AuthenticationFailed):
        PayTabs().check(client)


def test_the_region_says_the_host() -> None:
    provider = PayTabs()
    assert provider.base_url("production", {"region": "SAU"}) == "https://secure.paytabs.sa"
    assert provider.base_url("development", {"region": "OMN"}) == "https://secure-oman.paytabs.com"
    assert provider.base_url("production", {}) == "https://secure.paytabs.com"
    (region,) = [one for one in provider.configuration if one.key == "region"]
    assert set(region.choices) == set(HOSTS)


def test_a_card_s_token_is_not_kept(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    token = profile.pay(CART)["token"]
    assert token not in json.dumps(get(client).raw)


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return payload


@pytest.mark.parametrize(
    ("name", "status", "captured"),
    [
        ("sale.A", "captured", "12.50"),
        ("sale.A__three_decimals", "captured", "1.234"),
        ("sale.A__after_a_payment_request", "captured", "12.50"),
        ("sale.H", "pending", "0.00"),
        ("sale.D", "failed", "0.00"),
        ("auth.A", "authorised", "0.00"),
        ("auth.E", "failed", "0.00"),
    ],
)
def test_a_notice_of_the_payment_itself_carries_its_state(name: str, status: str, captured: str) -> None:
    (told,) = PayTabs().parse_events(event(name), {})
    assert told.payment
    assert (told.payment.status, str(told.payment.amount_captured)) == (status, captured)
    assert told.payment.amount_refunded is None
    assert told.payment_id == told.subject == "01980000-0000-7000-8000-00000000000a"


@pytest.mark.parametrize("name", ["capture.A", "void.A", "release.A", "refund.A", "refund.D", "sale.X", "auth.V"])
def test_any_other_makes_the_operation_look(name: str) -> None:
    (told,) = PayTabs().parse_events(event(name), {})
    assert (told.subject, told.payment) == ("01980000-0000-7000-8000-00000000000a", None)


def test_the_signature_is_over_the_body_as_it_came_with_the_server_key() -> None:
    """By openssl: `printf '{"tran_ref":"TST1"}' | openssl dgst -sha256 -hmac SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ`."""
    body, key = b'{"tran_ref":"TST1"}', "SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ"
    digest = "cc54b81a0b0e433cafc04cd66b7ffc7b63045944e5fcd5613aa8b5802946257e"
    request = InboundRequest(body, {"signature": digest}, received_at=0)
    assert PayTabs.signature
    PayTabs.signature.verify(request, [key])
    for altered in (InboundRequest(body + b" ", {"signature": digest}, 0), InboundRequest(body, {}, 0)):
        with pytest.raises(SignatureRefused):
            PayTabs.signature.verify(altered, [key])
    with pytest.raises(SignatureRefused):
        PayTabs.signature.verify(request, [SERVER_KEY])


def test_the_browser_s_form_is_signed_as_paytabs_published_it() -> None:
    """https://support.paytabs.com/en/support/solutions/articles/60000718961: key, form and signature are theirs."""
    form = (
        b"acquirerMessage=&acquirerRRN=&cartId=cart_11111&customerEmail=email%40domain.com&respCode=G84718"
        b"&respMessage=Authorised&respStatus=A&token=&tranRef=TST2215201242166"
        b"&signature=7a181a32c768621eb6966107752ee70205a01f1c4403a3d13c0ff604f591f988"
    )
    headers = {"content-type": "application/x-www-form-urlencoded"}
    SortedFields().verify(InboundRequest(form, headers, 0), ["SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ"])
    forged = form.replace(b"respStatus=A", b"respStatus=D")
    with pytest.raises(SignatureRefused):
        SortedFields().verify(InboundRequest(forged, headers, 0), ["SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ"])


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    """Otherwise what is proven by it proves nothing."""
    body: dict[str, Any] = {
        "profile_id": 98765,
        "tran_type": "sale",
        "tran_class": "ecom",
        "cart_id": CART,
        "cart_currency": "AED",
        "cart_amount": Decimal("12.50"),
        "cart_description": "order-1",
        "paypage_lang": "en",
        "hide_shipping": True,
    }
    client.post("/payment/request", json=body)
    for bad in (
        {"cart_amount": "12.50"},
        {"cart_amount": Decimal("12.505")},
        {"cart_currency": "aed"},
        {"profile_id": "98765"},
        {"cart_id": "x" * 65},
        {"tran_class": "web"},
        {"order_id": "1"},
        {"payment_methods": ["bitcoin"]},
    ):
        with pytest.raises(Rejected):
            client.post("/payment/request", json={**body, **bad})
    for query in ({}, {"tran_ref": "TST1", "cart_id": CART}):
        with pytest.raises(Rejected):
            client.post("/payment/query", json={"profile_id": 98765, **query})
    client.credentials = BAD_CREDENTIALS
    with pytest.raises(AuthenticationFailed):
        client.post("/payment/request", json=body)
