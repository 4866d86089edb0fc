"""What a lender's customer has agreed to is taken once, by whoever looks, and never once it was given up here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from django.db import connection as database

from integrations.errors import ConnectionNotReady, InvalidResponse, Rejected, Unavailable
from integrations.models import Connection, Payment, PaymentOperation
from integrations.operations.payment_reconciliation import reconcile_payment
from integrations.operations.payments import create_payment, sync_payment
from tests.providers import lender_story as story
from tests.providers.tabby import wire as tabby
from tests.providers.tamara import wire as tamara
from tests.wire import WireAnswer, WireRequest, WireServer

pytestmark = pytest.mark.django_db(transaction=True)
S = Payment.Status


@dataclass(frozen=True)
class Lender:
    """`books` of its wire, by our reference there: `agreed` and `held` are their states before anything is taken.

    `steps` are the calls that take the money, the last of which does.
    """

    slug: str
    module: ModuleType
    wire: Callable[[], Any]
    books: Callable[[Any], dict[str, Any]]
    agree: Callable[[Any, str], None]
    taken: Callable[[dict[str, Any]], Decimal]
    total: str
    agreed: str
    held: str
    steps: tuple[str, ...]


LENDERS = (
    Lender(
        "tabby",
        tabby,
        tabby.TabbyWire,
        books=lambda wire: wire.payments,
        agree=lambda wire, key: wire.pay(key),
        taken=lambda book: sum((Decimal(one["amount"]) for one in book["captures"]), Decimal(0)),
        total="amount",
        agreed="AUTHORIZED",
        held="AUTHORIZED",
        steps=("/captures",),
    ),
    Lender(
        "tamara",
        tamara,
        tamara.TamaraWire,
        books=lambda wire: wire.orders,
        agree=lambda wire, key: wire.approve(key),
        taken=lambda book: book["captured"],
        total="total",
        agreed="approved",
        held="authorised",
        steps=("/authorise", "/payments/capture"),
    ),
)
STEPS = [pytest.param(lender, step, id=f"{lender.slug}{step}") for lender in LENDERS for step in lender.steps]


@pytest.fixture(params=LENDERS, ids=lambda lender: lender.slug)
def lender(request: pytest.FixtureRequest) -> Lender:
    chosen: Lender = request.param
    return chosen


@pytest.fixture
def wire(lender: Lender) -> Any:
    return lender.wire()


@pytest.fixture
def server(wire: Any, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def connection(lender: Lender, server: WireServer) -> Connection:
    return story.connect(lender.slug, server.url, lender.module)


@pytest.fixture
def lend(connection: Connection, lender: Lender, wire: Any) -> Callable[..., Payment]:
    """A payment whose customer has just agreed; nobody here has looked yet."""

    def lend(**fields: Any) -> Payment:
        payment = create_payment(connection.organization, story.an_order(**fields))
        lender.agree(wire, payment.provider_reference)
        return payment

    return lend


@pytest.fixture
def state(lender: Lender, wire: Any) -> Callable[[Payment], str]:
    """How the payment stands in the lender's own books."""
    return lambda payment: str(lender.books(wire)[payment.provider_reference]["status"])


Lend = Callable[..., Payment]
State = Callable[[Payment], str]


def taken(lender: Lender, wire: Any) -> list[Decimal]:
    return [lender.taken(book) for book in lender.books(wire).values()]


def test_a_look_while_another_completes_takes_the_money_once(
    lend: Lend, lender: Lender, wire: Any, server: WireServer
) -> None:
    payment = lend()
    both_have_looked = threading.Barrier(2, timeout=10)

    def wait_for_the_other(request: WireRequest) -> WireAnswer:
        if request.path.endswith(lender.steps[0]):
            both_have_looked.wait()
        answered: WireAnswer = wire.answer(request)
        return answered

    server.answer = wait_for_the_other

    def look(_: int) -> str:
        try:
            return str(sync_payment(payment).status)
        finally:
            database.close()

    with ThreadPoolExecutor(2) as twins:
        assert list(twins.map(look, range(2))) == [S.CAPTURED, S.CAPTURED]
    assert Payment.objects.get().amount_captured == Decimal("12.50")
    assert taken(lender, wire) == [Decimal("12.50")]


@pytest.mark.parametrize(("lender", "step"), STEPS, indirect=["lender"])
def test_a_step_whose_answer_is_lost_is_done_once(
    lend: Lend, lender: Lender, wire: Any, server: WireServer, step: str
) -> None:
    """As with a process that died after it: nothing of it is written down here."""
    payment = lend()

    def loses(request: WireRequest) -> WireAnswer:
        answer: WireAnswer = wire.answer(request)
        return WireAnswer(502, b"") if request.path.endswith(step) else answer

    server.answer = loses
    with pytest.raises(Unavailable):
        sync_payment(payment)
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == (S.REQUIRES_ACTION, 0)

    server.answer = wire.answer
    assert sync_payment(payment).status == S.CAPTURED
    assert taken(lender, wire) == [Decimal("12.50")]


def test_a_refused_step_is_tried_again_by_the_next_look(
    lend: Lend, lender: Lender, wire: Any, server: WireServer
) -> None:
    payment = lend()
    refusal = WireAnswer(409, {"status": "error", "errorType": "conflict", "error": "not now", "message": "Not now."})
    server.answer = lambda request: refusal if request.path.endswith(lender.steps[-1]) else wire.answer(request)
    with pytest.raises(Rejected):
        sync_payment(payment)

    server.answer = wire.answer
    assert sync_payment(payment).status == S.CAPTURED


def test_while_a_void_is_under_way_nothing_is_taken(lend: Lend, lender: Lender, state: State) -> None:
    payment = lend()
    PaymentOperation.objects.create(
        organization_id=payment.organization_id, payment=payment, kind=PaymentOperation.Kind.VOID
    )
    assert sync_payment(payment).amount_captured == 0
    assert state(payment) == lender.agreed


def test_what_was_given_up_is_never_taken(lend: Lend, lender: Lender, state: State) -> None:
    """By a person here, or since its time was over, however often it is looked at."""
    for given_up in ({"status": S.CANCELLED}, {"status": S.FAILED, "failure_code": "expired"}):
        payment = lend()
        Payment.objects.filter(pk=payment.pk).update(**given_up)
        for _ in range(3):
            assert sync_payment(payment).amount_captured == 0
        assert state(payment) == lender.agreed


def test_what_a_payer_agreed_to_after_its_time_is_not_taken(
    connection: Connection, lender: Lender, wire: Any, state: State
) -> None:
    payment = create_payment(connection.organization, story.an_order())
    long_ago = payment.created_at - timedelta(hours=2)
    Payment.objects.filter(pk=payment.pk).update(created_at=long_ago)
    assert reconcile_payment(Payment.objects.get()).failure_code == "expired"

    sync_payment(payment)
    lender.agree(wire, payment.provider_reference)
    for _ in range(3):
        assert sync_payment(payment).amount_captured == 0
    assert state(payment) == lender.agreed


def test_another_amount_than_was_ordered_is_not_taken(lend: Lend, lender: Lender, wire: Any, state: State) -> None:
    payment = lend()
    book = lender.books(wire)[payment.provider_reference]
    book[lender.total] = type(book[lender.total])("1.00")
    with pytest.raises(InvalidResponse, match="another amount"):
        sync_payment(payment)
    assert state(payment) == lender.agreed


def test_a_connection_that_was_switched_off_takes_nothing_and_sees_what_is_held(
    connection: Connection, lend: Lend, lender: Lender, wire: Any
) -> None:
    at_once, held = lend(), lend(capture=False)
    lender.books(wire)[held.provider_reference]["status"] = lender.held
    Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.INACTIVE)
    with pytest.raises(ConnectionNotReady):
        sync_payment(at_once)
    assert sync_payment(held).status == S.AUTHORISED
