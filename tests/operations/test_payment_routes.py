"""Rules of routing: what makes sense is kept and written down, what never could hold is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import Conflict, InvalidRequest
from integrations.models import Connection, Organization, PaymentRoute
from integrations.operations import payment_routes
from integrations.operations.payment_routes import create_route, delete_route, move_route, update_route
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, OrganizationFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection(organization: Organization) -> Connection:
    made: Connection = ConnectionFactory(organization=organization, connection_name="till", slug="sandbox")
    return made


def make(connection: Connection, name: str = "rule", **parts: Any) -> PaymentRoute:
    return create_route(connection.organization, name=name, connection=connection, **parts)


def names(organization: Organization) -> list[str]:
    return list(PaymentRoute.objects.filter(organization=organization).values_list("name", flat=True))


def actions() -> list[str]:
    return list(AuditLog.objects.order_by("id").values_list("action", flat=True))


def test_a_rule_keeps_its_parts_and_its_amounts_as_the_currency_has_them(connection: Connection) -> None:
    made = make(
        connection, " Kuwait ", country="KW", currency="KWD", method="card", min_amount="1.5",
        max_amount=Decimal("10.0000"),
    )  # fmt: skip
    made.refresh_from_db()
    assert (made.name, made.country, made.currency, made.method) == ("Kuwait", "KW", "KWD", "card")
    assert (made.min_amount, made.max_amount) == (Decimal("1.500"), Decimal("10.000"))
    entry = AuditLog.objects.get(action="payment_route.created")
    assert entry.organization == connection.organization
    assert (entry.changes["connection"], entry.changes["min_amount"]) == (str(connection.pk), "1.5")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"position": -1}, "position"),
        ({"position": 32_768}, "position"),
        ({"environment": "moon"}, "environment"),
        ({"environment": "production"}, "environment"),
        ({"country": "XX"}, "country"),
        ({"country": "FR"}, "country"),
        ({"currency": "AEX"}, "currency"),
        ({"currency": "CHF"}, "currency"),
        ({"method": "crad"}, "method"),
        ({"method": "knet"}, "method"),
        ({"min_amount": "1"}, "currency"),
        ({"currency": "AED", "min_amount": "1.005"}, "min_amount"),
        ({"currency": "AED", "max_amount": "-1"}, "max_amount"),
        ({"currency": "AED", "max_amount": "NaN"}, "max_amount"),
        ({"currency": "AED", "min_amount": "2", "max_amount": "1.99"}, "max_amount"),
        ({"colour": "blue"}, "colour"),
    ],
    ids=str,
)
def test_a_rule_that_could_never_hold_is_refused_and_its_field_named(
    connection: Connection, parts: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make(connection, **parts)
    assert refused.value.field == field
    made = make(connection, "kept")
    with pytest.raises(InvalidRequest):
        update_route(made, **parts)
    assert names(connection.organization) == ["kept"]
    assert actions() == ["payment_route.created"]


def test_only_an_own_payment_connection_takes_payments(organization: Organization) -> None:
    shipping = ConnectionFactory(organization=organization, provider_type="shipping")
    for other in (ConnectionFactory(organization=OrganizationFactory()), shipping):
        with pytest.raises(InvalidRequest) as refused:
            create_route(organization, name="rule", connection=other)
        assert refused.value.field == "connection"


def test_a_change_of_currency_is_held_against_the_amounts_that_are_there(connection: Connection) -> None:
    made = make(connection, currency="KWD", min_amount="1.125")
    with pytest.raises(InvalidRequest, match="more"):
        update_route(made, currency="AED")
    with pytest.raises(InvalidRequest, match="currency"):
        update_route(made, currency="")
    assert update_route(made, currency="AED", min_amount="1.10").min_amount == Decimal("1.10")
    assert AuditLog.objects.latest("id").changes == {"currency": ["KWD", "AED"], "min_amount": ["1.125", "1.1"]}


def test_what_changes_nothing_is_not_written_down(connection: Connection) -> None:
    made = make(connection, currency="AED", min_amount="5")
    update_route(made, currency="AED", min_amount="5.00", is_active=True)
    assert actions() == ["payment_route.created"]


def test_a_new_rule_comes_last_and_rules_change_places(connection: Connection) -> None:
    organization = connection.organization
    first, second, third = (make(connection, name) for name in ("first", "second", "third"))
    assert names(organization) == ["first", "second", "third"]
    move_route(third, "up")
    assert names(organization) == ["first", "third", "second"]
    move_route(first, "down")
    assert names(organization) == ["third", "first", "second"]
    for edge, direction in ((third, "up"), (second, "down")):
        move_route(edge, direction)  # type: ignore[arg-type]
    assert names(organization) == ["third", "first", "second"]
    assert actions().count("payment_route.moved") == 2


def test_rules_that_share_a_position_change_places_all_the_same(connection: Connection) -> None:
    make(connection, "first", position=5)
    second = make(connection, "second", position=5)
    move_route(second, "up")
    assert names(connection.organization) == ["second", "first"]


def test_a_deleted_rule_is_gone_once(connection: Connection) -> None:
    made = make(connection)
    delete_route(made)
    delete_route(made)
    move_route(made, "up")
    assert names(connection.organization) == []
    assert actions() == ["payment_route.created", "payment_route.deleted"]


def test_there_are_not_more_than_a_payment_can_ask(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payment_routes, "MOST_ROUTES", 1)
    make(connection)
    with pytest.raises(Conflict):
        make(connection)
    make(ConnectionFactory(organization=OrganizationFactory()))
