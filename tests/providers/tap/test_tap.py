"""What is Tap's own: amounts as numbers, sources, captures that are charges, and refunds that are asked for apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import InvalidRequest, InvalidResponse, NotSupported, Rejected, SignatureRefused, Unavailable
from integrations.providers.payment.tap import Tap
from integrations.providers.results import Customer, PaymentRequest, PaymentResult, PaymentStatus, RefundStatus
from integrations.providers.signatures import InboundRequest
from tests.providers.tap.wire import AUTHORISED, CREDENTIALS, ORDER, PAYMENT, TapWire, seeded
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

EVENTS = Path(__file__).parent / "events"
OURS = "01980000-0000-7000-8000-000000000001"


@pytest.fixture
def wire() -> TapWire:
    return seeded()


@pytest.fixture
def server(wire: TapWire) -> Iterator[WireServer]:
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(Tap(), server.url, CREDENTIALS)


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    told = {"reference": "order-1", "payment_id": OURS, **ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **told)


def create(client: WireClient, request: PaymentRequest, key: str = "key-1") -> PaymentResult:
    return Tap().create_payment(client, request, idempotency_key=key)


def capture(client: WireClient, reference: str, amount: str, currency: str = "AED") -> PaymentResult:
    some = {"amount": Decimal(amount), "currency": currency, "idempotency_key": "key-capture"}
    return Tap().capture_payment(client, reference, **some)


def refund(client: WireClient, reference: str, amount: str, key: str, currency: str = "AED") -> Any:
    return Tap().refund_payment(
        client, reference, amount=Decimal(amount), currency=currency, idempotency_key=f"refund-{key}"
    )


def test_a_payer_pays_on_tap_s_page_and_is_given_back_part_by_part(client: WireClient, wire: TapWire) -> None:
    opened = create(client, order("10.500", "KWD", method="knet"))
    assert (opened.status, opened.redirect_url) == ("requires_action", "https://pay.tap.example/chg_3")
    wire.pay(opened.provider_reference, "CAPTURED")
    paid = Tap().get_payment(client, opened.provider_reference)
    assert (paid.status, paid.method, str(paid.amount_captured), str(paid.amount_refunded)) == (
        "captured", "knet", "10.500", "0.000",
    )  # fmt: skip

    refund(client, paid.provider_reference, "0.250", "1", "KWD")
    refund(client, paid.provider_reference, "4.250", "2", "KWD")
    partly = Tap().get_payment(client, paid.provider_reference)
    assert (partly.status, str(partly.amount_refunded)) == ("partially_refunded", "4.500")
    with pytest.raises(Rejected, match="more than") as refused:
        refund(client, paid.provider_reference, "6.001", "3", "KWD")
    assert refused.value.provider_code == "1124"
    refund(client, paid.provider_reference, "6.000", "4", "KWD")
    assert Tap().get_payment(client, paid.provider_reference).status == PaymentStatus.REFUNDED


def test_an_authorisation_is_captured_in_part_by_a_charge_of_its_own(client: WireClient, wire: TapWire) -> None:
    held = create(client, order(capture=False))
    wire.pay(held.provider_reference, "AUTHORIZED")
    authorised = Tap().get_payment(client, held.provider_reference)
    assert (authorised.status, authorised.amount_captured) == ("authorised", Decimal("0.00"))

    taken = capture(client, held.provider_reference, "10.00")
    assert (taken.provider_reference, taken.status) == (held.provider_reference, "captured")
    assert (str(taken.amount), str(taken.amount_captured)) == ("12.50", "10.00")
    refund(client, held.provider_reference, "4.00", "1")
    seen = Tap().get_payment(client, held.provider_reference)
    assert (seen.status, str(seen.amount_captured), str(seen.amount_refunded)) == (
        "partially_refunded", "10.00", "4.00",
    )  # fmt: skip
    with pytest.raises(Rejected):
        Tap().void_payment(client, held.provider_reference, idempotency_key="key-void")


def test_a_capture_takes_our_id_and_the_addresses_along(client: WireClient, wire: TapWire) -> None:
    held = create(client, order(capture=False, metadata={"tailor": "7"}))
    wire.pay(held.provider_reference, "AUTHORIZED")
    capture(client, held.provider_reference, "12.50")
    refund(client, held.provider_reference, "12.50", "1")

    charge = next(one for one in wire.objects.values() if one["source"]["id"] == held.provider_reference)
    assert charge["reference"]["transaction"] == OURS
    assert (charge["metadata"], charge["post"]) == ({"tailor": "7"}, {"url": "https://hub.example/hooks"})
    (made,) = wire.refunds.values()
    assert (made["reference"]["merchant"], made["post"]) == (OURS, {"url": "https://hub.example/hooks"})


def test_a_capture_that_tap_has_not_marked_yet_is_seen_by_its_charge(client: WireClient, wire: TapWire) -> None:
    capture(client, AUTHORISED, "12.50")
    wire.objects[AUTHORISED]["status"] = "AUTHORIZED"
    assert Tap().get_payment(client, AUTHORISED).status == PaymentStatus.CAPTURED


def test_a_captured_authorisation_without_a_charge_is_not_guessed_at(client: WireClient, wire: TapWire) -> None:
    wire.objects[AUTHORISED]["status"] = "CAPTURED"
    with pytest.raises(InvalidResponse, match="no charge"):
        Tap().get_payment(client, AUTHORISED)


@pytest.mark.parametrize(
    ("status", "error"), [("DECLINED", Rejected), ("FAILED", Rejected), ("IN_PROGRESS", Unavailable)]
)
def test_a_capture_that_does_not_take_the_money_is_none(
    client: WireClient, wire: TapWire, status: str, error: type[Exception]
) -> None:
    wire.capture_status = status
    with pytest.raises(error) as failure:
        capture(client, AUTHORISED, "12.50")
    assert getattr(failure.value, "may_have_taken_effect", False) == (error is Unavailable)


def test_only_an_authorisation_is_captured_or_voided(client: WireClient, server: WireServer) -> None:
    with pytest.raises(NotSupported):
        capture(client, PAYMENT, "1.00")
    with pytest.raises(NotSupported):
        Tap().void_payment(client, PAYMENT, idempotency_key="key")
    assert not server.requests


def test_a_voided_authorisation_stays_so(client: WireClient) -> None:
    assert Tap().void_payment(client, AUTHORISED, idempotency_key="key").status == PaymentStatus.CANCELLED
    assert Tap().get_payment(client, AUTHORISED).status == PaymentStatus.CANCELLED


def test_asked_twice_under_one_key_it_is_one_charge_and_one_refund(client: WireClient, wire: TapWire) -> None:
    first, second = create(client, order()), create(client, order())
    assert first.provider_reference == second.provider_reference
    assert create(client, order(), "key-2").provider_reference != first.provider_reference
    refund(client, PAYMENT, "5.00", "once")
    refund(client, PAYMENT, "5.00", "once")
    assert len(wire.refunds) == 1


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [("12.5", "AED", "12.50"), ("0.100", "KWD", "0.100"), ("7", "BHD", "7.000"), ("100", "SAR", "100.00")],
)
def test_an_amount_is_a_number_with_the_currency_s_decimals(
    client: WireClient, server: WireServer, amount: str, currency: str, sent: str
) -> None:
    assert str(create(client, order(amount, currency)).amount) == sent
    assert f'"amount": {sent},'.encode() in server.requests[0].body


def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order("1.234", "AED"))
    assert refused.value.field == "amount"
    assert not server.requests


@pytest.mark.parametrize(
    ("method", "currency", "source"),
    [
        ("", "AED", "src_all"),
        ("card", "AED", "src_card"),
        ("mada", "SAR", "src_sa.mada"),
        ("knet", "KWD", "src_kw.knet"),
        ("benefit", "BHD", "src_bh.benefit"),
        ("omannet", "OMR", "src_om.omannet"),
        ("qpay", "QAR", "src_qa.qpay"),
        ("fawry", "EGP", "src_eg.fawry"),
        ("apple_pay", "AED", "src_apple_pay"),
        ("stc_pay", "SAR", "src_all"),
    ],
)
def test_each_method_has_its_source(
    client: WireClient, server: WireServer, method: str, currency: str, source: str
) -> None:
    create(client, order("10.00", currency, method=method))
    assert server.requests[0].json()["source"] == {"id": source}


def test_what_cannot_be_authorised_is_not_asked_for(client: WireClient, server: WireServer) -> None:
    with pytest.raises(NotSupported):
        create(client, order("10.000", "BHD", method="benefit", capture=False))
    assert not server.requests


@pytest.mark.parametrize(
    ("phone", "code", "number"),
    [
        ("+971501234567", "971", "501234567"),
        ("+201001234567", "20", "1001234567"),
        ("+12025550123", "1", "2025550123"),
        ("+971 (50) 123-45.67", "971", "501234567"),
        ("00966500000001", "966", "500000001"),
    ],
)
def test_a_phone_number_is_split_after_its_calling_code(
    client: WireClient, server: WireServer, phone: str, code: str, number: str
) -> None:
    create(client, order(customer=Customer(name="Sample", phone=phone)))
    assert server.requests[0].json()["customer"]["phone"] == {"country_code": code, "number": number}


@pytest.mark.parametrize(
    "customer",
    [
        Customer(),
        Customer(name="Sample"),
        Customer(name="  ", email="payer@example.com"),
        Customer(email="payer@example.com"),
        Customer(name="X", phone="?"),
        Customer(name="X", phone="0501234567"),  # of which country?
        Customer(name="X", phone="501234567"),
        Customer(name="X", phone="+0501234567"),
    ],
)
def test_a_customer_that_tap_would_refuse_is_refused_here(
    client: WireClient, server: WireServer, customer: Customer
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(customer=customer))
    assert refused.value.field.startswith("customer")
    assert not server.requests


def test_what_the_connection_and_the_order_say_is_sent(client: WireClient, server: WireServer) -> None:
    client.configuration = {"merchant_id": "1234567"}
    create(client, order(language="ar", description="Abaya"))
    sent = server.requests[0]
    body = sent.json()
    assert sent.headers["lang_code"] == "ar"
    assert (body["merchant"], body["post"], body["description"]) == (
        {"id": "1234567"}, {"url": "https://hub.example/hooks"}, "Abaya",
    )  # fmt: skip
    assert body["reference"] == {"transaction": OURS, "order": "order-1", "idempotent": "key-1"}


def test_no_webhook_address_is_sent_where_there_is_none(client: WireClient, server: WireServer) -> None:
    create(client, order(webhook_url=""))
    assert "post" not in server.requests[0].json()


@pytest.mark.parametrize(
    ("paid", "status"),
    [("CAPTURED", "captured"), ("DECLINED", "failed"), ("INITIATED", "requires_action"), ("IN_PROGRESS", "pending")],
)
def test_a_token_pays_at_once_or_wants_the_payer_once_more(
    client: WireClient, wire: TapWire, paid: str, status: str
) -> None:
    wire.token_status = paid
    result = create(client, order(payment_token="tok_sample"))
    assert result.status == status
    assert bool(result.redirect_url) == (status == "requires_action")
    assert bool(result.failure_message) == (status == "failed")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("INITIATED", "requires_action"),
        ("IN_PROGRESS", "pending"),
        ("UNKNOWN", "pending"),
        ("INVENTED", "pending"),
        ("CAPTURED", "captured"),
        ("AUTHORIZED", "authorised"),
        ("FAILED", "failed"),
        ("DECLINED", "failed"),
        ("RESTRICTED", "failed"),
        ("TIMEDOUT", "failed"),
        ("CANCELLED", "cancelled"),
        ("ABANDONED", "cancelled"),
        ("VOID", "cancelled"),
    ],
)
def test_each_status_of_a_charge_is_ours(client: WireClient, wire: TapWire, word: str, status: str) -> None:
    wire.objects[PAYMENT]["status"] = word
    seen = Tap().get_payment(client, PAYMENT)
    assert seen.status == status
    assert bool(seen.amount_captured) == (word == "CAPTURED")


def test_fawry_s_number_is_on_a_page_that_stays_open(client: WireClient, wire: TapWire) -> None:
    opened = create(client, order("10.00", "EGP", method="fawry"))
    wire.objects[opened.provider_reference]["status"] = "IN_PROGRESS"
    seen = Tap().get_payment(client, opened.provider_reference)
    assert (seen.status, bool(seen.redirect_url)) == ("requires_action", True)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", "pending"),
        ("IN_PROGRESS", "pending"),
        ("ACCEPTED", "pending"),
        ("INVENTED", "pending"),
        ("REFUNDED", "succeeded"),
        ("DECLINED", "failed"),
        ("TIMED_OUT", "failed"),
        ("CANCELLED", "cancelled"),
    ],
)
def test_each_status_of_a_refund_is_ours(client: WireClient, wire: TapWire, word: str, status: str) -> None:
    wire.refund_status = word
    made = refund(client, PAYMENT, "5.00", "1")
    assert made.status == status
    assert bool(made.failure_message) == (status in ("failed", "cancelled"))
    seen = Tap().get_payment(client, PAYMENT).amount_refunded
    assert seen == (Decimal("5.00") if made.status is RefundStatus.SUCCEEDED else 0)


def test_more_refunds_than_a_page_holds_are_all_counted(client: WireClient, wire: TapWire) -> None:
    wire.page_size = 2
    for number in range(5):
        refund(client, PAYMENT, "1.00", str(number))
    assert Tap().get_payment(client, PAYMENT).amount_refunded == Decimal("5.00")


def test_a_refund_in_the_merchant_s_own_currency_is_no_total(client: WireClient, wire: TapWire) -> None:
    refund(client, PAYMENT, "5.00", "1")
    next(iter(wire.refunds.values()))["currency"] = "USD"
    assert Tap().get_payment(client, PAYMENT).amount_refunded is None


def test_a_list_that_fails_has_changed_nothing(client: WireClient, server: WireServer) -> None:
    tap = server.answer
    server.answer = lambda request: WireAnswer(503) if request.path.endswith("/list") else tap(request)
    with pytest.raises(Unavailable) as failure:
        refund(client, AUTHORISED, "1.00", "1")
    assert not failure.value.may_have_taken_effect


@pytest.mark.parametrize("operation", ["capture", "refund"])
@pytest.mark.parametrize("first", ["GET", "/list"])
def test_a_change_whose_first_question_is_answered_oddly_was_never_asked_for(
    client: WireClient, server: WireServer, operation: str, first: str
) -> None:
    def odd(request: WireRequest) -> WireAnswer:
        is_first = first == "GET" if request.method == "GET" else request.path.endswith(first)
        return WireAnswer(200, {"charges": "none"}) if is_first else tap(request)

    if (operation, first) in (("capture", "/list"), ("refund", "GET")):
        pytest.skip("it does not ask that")
    tap, server.answer = server.answer, odd
    some = {"amount": Decimal("1.00"), "currency": "AED", "idempotency_key": "key"}
    with pytest.raises(Unavailable) as failure:
        getattr(Tap(), f"{operation}_payment")(client, AUTHORISED, **some)
    assert not failure.value.may_have_taken_effect
    assert [request.path for request in server.requests if request.path in ("/charges", "/refunds")] == []


def test_a_void_that_is_not_decided_yet_stays_in_doubt(client: WireClient, server: WireServer, wire: TapWire) -> None:
    undecided = json.dumps({**wire.objects[AUTHORISED], "status": "IN_PROGRESS"}, default=float).encode()
    server.answer = lambda request: WireAnswer(200, undecided)
    with pytest.raises(Unavailable) as failure:
        Tap().void_payment(client, AUTHORISED, idempotency_key="key")
    assert failure.value.may_have_taken_effect


def never_ending(request: Any) -> WireAnswer:
    charge = json.dumps(seeded().objects[PAYMENT], default=float).encode()
    row = {"id": "re_1", "charge_id": PAYMENT, "amount": 1, "currency": "AED", "status": "REFUNDED"}
    return WireAnswer(200, {"refunds": [row], "has_more": True} if request.method == "POST" else charge)


@pytest.mark.parametrize(
    "answer",
    [
        never_ending,
        lambda request: WireAnswer(200, {"id": PAYMENT, "status": "CAPTURED", "amount": "much", "currency": "AED"}),
        lambda request: WireAnswer(200, {"id": PAYMENT, "status": "CAPTURED", "amount": 1, "currency": "ZZZ"}),
        lambda request: WireAnswer(200, {"id": PAYMENT, "status": "CAPTURED", "amount": 1.001, "currency": "AED"}),
        lambda request: WireAnswer(200, {"id": 7, "status": "FAILED", "amount": 1, "currency": "AED"}),
        lambda request: WireAnswer(200, {"id": PAYMENT, "status": ["CAPTURED"], "amount": 1, "currency": "AED"}),
        lambda request: WireAnswer(200, {}),
        lambda request: WireAnswer(200, []),
        lambda request: WireAnswer(200, b"<html>"),
    ],
)
def test_an_answer_that_tap_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, answer: Callable[[Any], WireAnswer]
) -> None:
    server.answer = answer
    with pytest.raises(InvalidResponse):
        Tap().get_payment(client, PAYMENT)


def test_a_key_that_has_taken_nothing_yet_is_good(client: WireClient, wire: TapWire) -> None:
    wire.objects.clear()
    assert Tap().check(client).ok


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        Tap().get_payment(client, "../refunds/re_1?x=")
    assert server.requests[0].path == "/charges/..%2Frefunds%2Fre_1%3Fx%3D"


# The text of a public PHP test of Tap's format, with its digest by openssl: Tap itself publishes none with its key.
CHARGE = (
    '{"id": "chg_1", "object": "charge", "amount": %s, "currency": "KWD", "status": "CAPTURED",'
    ' "reference": {"gateway": "gw", "payment": "py"}, "transaction": {"created": "1700"}}'
)
HASH = "69485ac24bba9295ec86001f7cf0fb7f426b758136eeafa5eb94864fb8b8f514"


def test_an_independent_signature_is_accepted_however_the_amount_is_written() -> None:
    for amount in ("1.5", "1.500"):
        Tap.signature.verify(InboundRequest((CHARGE % amount).encode(), {"hashstring": HASH}, 0), ["test-secret"])
    with pytest.raises(SignatureRefused):
        Tap.signature.verify(InboundRequest((CHARGE % "15").encode(), {"hashstring": HASH}, 0), ["test-secret"])


def test_a_refund_is_signed_with_its_own_time_of_creation() -> None:
    body = (EVENTS / "refund.REFUNDED.json").read_bytes()
    signed = Tap.signature.sign_request(InboundRequest(body, {}, 0), "key", event_id="", timestamp=0)
    Tap.signature.verify(signed, ["key"])
    later = InboundRequest(body.replace(b'"created": "17', b'"created": "18'), signed.headers, 0)
    with pytest.raises(SignatureRefused):
        Tap.signature.verify(later, ["key"])


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("charge.CAPTURED", "chg_sample"),
        ("capture.CAPTURED", "auth_sample"),
        ("authorize.AUTHORIZED", "auth_sample"),
        ("refund.REFUNDED", "chg_sample"),
    ],
)
def test_an_event_names_the_payment_and_leaves_its_state_to_be_asked_for(name: str, subject: str) -> None:
    payload = json.loads((EVENTS / f"{name}.json").read_bytes())
    (told,) = Tap().parse_events(payload, {})
    assert (told.subject, told.payment, told.payment_id) == (subject, None, OURS)
    assert told.occurred_at
    assert Tap().identify_event(payload, {}).event_id == f"{payload['id']}:{payload['status']}"


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    """Otherwise what is proven by it proves nothing."""
    good: dict[str, Any] = {
        "amount": Decimal("12.50"), "currency": "AED", "customer_initiated": True, "threeDSecure": True,
        "customer": {"first_name": "X", "email": "x@example.com"}, "source": {"id": "src_all"},
        "redirect": {"url": "https://hub.example/"}, "reference": {"idempotent": "1"},
    }  # fmt: skip
    arabic = {"lang_code": "ar"}
    client.post("/charges", json=good, headers=arabic)
    for number, bad in enumerate(
        [
            {"source": {"id": "src_sa.mada"}},
            {"amount": 1250},
            {"amount": "12.50"},
            {"amount": Decimal("12.5")},
            {"fils": 1},
            {"source": {"id": "src_x"}},
        ]
    ):
        with pytest.raises(Rejected):
            client.post("/charges", json={**good, **bad, "reference": {"idempotent": f"bad-{number}"}}, headers=arabic)
    with pytest.raises(Rejected, match="key"):
        client.post("/charges", json={**good, "reference": {}}, headers=arabic)


def test_a_look_tells_how_each_refund_stands(client: WireClient, wire: TapWire) -> None:
    key = create(client, order()).provider_reference
    wire.pay(key, "CAPTURED")
    made = [refund(client, key, "1.00", f"key-{number}").provider_reference for number in range(3)]
    for reference, status in zip(made, ("PENDING", "DECLINED", "REFUNDED"), strict=True):
        wire.refunds[reference]["status"] = status

    told = {one.provider_reference: one.status.value for one in Tap().get_payment(client, key).refunds}
    assert told == dict(zip(made, ("pending", "failed", "succeeded"), strict=True))
