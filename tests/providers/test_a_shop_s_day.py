"""What a shop and a payer do in a day, through the operations, at gateways that find a payment by our reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from integrations.errors import InvalidRequest, Unavailable
from integrations.models import Connection, PaymentOperation
from integrations.operations.payments import capture_payment, refund_payment, sync_payment, void_payment
from tests.factories import ConnectionFactory
from tests.providers.paymob import wire as paymob
from tests.providers.paytabs import wire as paytabs
from tests.providers.shop_story import order, stands
from tests.wire import WireAnswer, WireRequest, WireServer

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Gateway:
    """`books` has `pay` and `of`, by our reference; `asks` tells the calls that only ask."""

    slug: str
    wire: ModuleType
    books: Callable[[], Any]
    asks: Callable[[WireRequest], bool]


GATEWAYS = (
    Gateway(
        "paymob",
        paymob,
        paymob.Account,
        asks=lambda request: not request.path.startswith(("/v1/intention", "/api/acceptance/")),
    ),
    Gateway("paytabs", paytabs, paytabs.Profile, asks=lambda request: request.path == "/payment/query"),
)


@pytest.fixture(params=GATEWAYS, ids=lambda gateway: gateway.slug)
def gateway(request: pytest.FixtureRequest) -> Gateway:
    chosen: Gateway = request.param
    return chosen


@pytest.fixture
def books(gateway: Gateway) -> Any:
    return gateway.books()


@pytest.fixture
def server(books: Any, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(books.answer) as server:
        yield server


@pytest.fixture
def connection(gateway: Gateway, server: WireServer) -> Connection:
    configuration = {**gateway.wire.CONFIGURATION, "base_url": server.url}
    return ConnectionFactory(slug=gateway.slug, credentials=gateway.wire.CREDENTIALS, configuration=configuration)


@pytest.fixture
def lose_answers(gateway: Gateway, books: Any, server: WireServer) -> Callable[[], None]:
    """From then on the work is done and the answer to it is lost; questions are answered."""

    def answer(request: WireRequest) -> WireAnswer:
        answered: WireAnswer = books.answer(request)
        return answered if gateway.asks(request) else WireAnswer(502, {})

    return lambda: setattr(server, "answer", answer)


def test_an_authorisation_is_captured_in_part_and_refunded_in_parts(connection: Connection, books: Any) -> None:
    payment = order(connection, capture=False)
    books.pay(str(payment.pk))
    assert sync_payment(payment).status == "authorised"
    capture_payment(payment, amount="10.00")
    refund_payment(payment, amount="3.00")
    refund_payment(payment, amount="2.50")
    assert stands(payment) == ("partially_refunded", "10.00", "5.50")
    with pytest.raises(InvalidRequest, match="more than the"):
        refund_payment(payment, amount="4.51")
    refund_payment(payment)
    assert stands(payment) == ("refunded", "10.00", "10.00")


def test_a_void_lets_an_authorisation_go(connection: Connection, books: Any) -> None:
    payment = order(connection, capture=False)
    books.pay(str(payment.pk))
    sync_payment(payment)
    assert void_payment(payment).status == "cancelled"


def test_a_payment_whose_answer_was_lost_is_found_by_our_reference(
    connection: Connection, books: Any, server: WireServer, lose_answers: Callable[[], None]
) -> None:
    lose_answers()
    payment = order(connection)
    assert (payment.status, payment.provider_reference) == ("pending", "")
    server.answer = books.answer
    books.pay(str(payment.pk))
    assert sync_payment(payment).status == "captured"
    assert len(books.of(str(payment.pk))) == 1


def test_a_refund_whose_answer_was_lost_is_settled_by_the_totals(
    connection: Connection, books: Any, server: WireServer, lose_answers: Callable[[], None]
) -> None:
    payment = order(connection)
    books.pay(str(payment.pk))
    sync_payment(payment)
    lose_answers()
    with pytest.raises(Unavailable):
        refund_payment(payment, amount="5.00")
    server.answer = books.answer
    sync_payment(payment)
    assert stands(payment) == ("partially_refunded", "12.50", "5.00")
    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.SUCCEEDED


def test_a_refund_whose_first_question_failed_was_never_asked_for(
    connection: Connection, gateway: Gateway, books: Any, server: WireServer
) -> None:
    payment = order(connection)
    books.pay(str(payment.pk))
    sync_payment(payment)

    def refuse_inquiries(request: WireRequest) -> WireAnswer:
        is_inquiry = "inquiry" in request.path or request.path == "/payment/query"
        answered: WireAnswer = WireAnswer(502, {}) if is_inquiry else books.answer(request)
        return answered

    server.answer = refuse_inquiries
    with pytest.raises(Unavailable):
        refund_payment(payment, amount="5.00")
    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.FAILED
    assert len(books.of(str(payment.pk))) == 1
