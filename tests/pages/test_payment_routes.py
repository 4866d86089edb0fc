from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Organization, PaymentRoute
from integrations.operations import track_record
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, MembershipFactory

LIST = "/integrations/payments/routes/"
TRIAL = {"amount": "12.50", "currency": "aed", "country": "ae", "method": "card", "environment": ""}


@pytest.fixture
def till(organization: Organization) -> Connection:
    track_record.forget()
    made: Connection = ConnectionFactory(organization=organization, connection_name="Till", slug="sandbox")
    return made


def rule(connection: Connection, name: str, position: int = 10, **parts: Any) -> PaymentRoute:
    return PaymentRoute.objects.create(
        organization=connection.organization, connection=connection, name=name, position=position, **parts
    )


def test_a_rule_is_made_changed_switched_moved_and_deleted_in_the_browser(
    administrator: Client, till: Connection
) -> None:
    given = {"name": "Kuwait", "connection": str(till.pk), "currency": "kwd", "min_amount": "1.5", "is_active": "on"}
    assert administrator.post(reverse("payment-route-new"), given).status_code == 302
    made = PaymentRoute.objects.get()
    assert (made.name, made.currency, str(made.min_amount), made.is_active) == ("Kuwait", "KWD", "1.5000", True)
    page = administrator.get(reverse("payment-route", args=[made.pk])).content.decode()
    assert 'value="1.5"' in page
    administrator.post(reverse("payment-route", args=[made.pk]), {**given, "name": "Gulf", "min_amount": ""})
    administrator.post(reverse("payment-route-toggle", args=[made.pk]), {"is_active": "0"})
    made.refresh_from_db()
    assert (made.name, made.min_amount, made.is_active) == ("Gulf", None, False)
    rule(till, "Later", 99)
    administrator.post(reverse("payment-route-move", args=[made.pk, "down"]))
    assert [route.name for route in administrator.get(LIST).context["routes"]] == ["Later", "Gulf"]
    administrator.post(reverse("payment-route-delete", args=[made.pk]))
    assert [route.name for route in PaymentRoute.objects.all()] == ["Later"]
    actions = set(AuditLog.objects.values_list("action", flat=True))
    assert {f"payment_route.{done}" for done in ("created", "updated", "moved", "deleted")} <= actions


def test_what_is_wrong_is_said_beside_its_field(administrator: Client, till: Connection) -> None:
    given = {"name": "Odd", "connection": str(till.pk), "currency": "AED", "min_amount": "2", "max_amount": "1"}
    answer = administrator.post(reverse("payment-route-new"), given)
    assert answer.status_code == 400
    assert answer.context["form"].errors == {"max_amount": ["The lowest amount is above the highest."]}
    assert not PaymentRoute.objects.exists()


def test_a_trial_shows_the_order_with_its_reasons_and_why_others_are_left_out(
    administrator: Client, organization: Organization, till: Connection
) -> None:
    named = {"organization": organization, "slug": "sandbox"}
    ConnectionFactory(**named, connection_name="Primary", is_primary=True)
    ConnectionFactory(**named, connection_name="Third", health_status="degraded")
    ConnectionFactory(**named, connection_name="Broken", health_status="down")
    ConnectionFactory(**named, connection_name="Asleep", status="inactive")
    ConnectionFactory(**named, connection_name="Trial", environment="staging", status="testing")
    rule(till, "Ours first", country="AE")
    answer = administrator.get(LIST, TRIAL)
    trial = answer.context["trial"]
    places = [(place.candidate.connection.connection_name, place.reason) for place in trial.places]
    assert places == [("Till", "rule"), ("Primary", "primary"), ("Third", "primary")]
    assert [one.connection.connection_name for one in trial.passed_over] == ["Broken"]
    assert [(one.connection.connection_name, one.part) for one in trial.misfits] == [
        ("Asleep", "status"),
        ("Trial", "status"),
    ]
    text = answer.content.decode()
    for told in ("by rule", "Ours first", "by being primary or not", "It is not active: Inactive."):
        assert told in text


def test_a_trial_leaves_out_those_that_have_to_be_asked_for_as_routing_does(
    administrator: Client, organization: Organization, till: Connection
) -> None:
    courier = ConnectionFactory(organization=organization, connection_name="Courier", slug="cash_on_delivery")
    plain = {**TRIAL, "method": ""}
    trial = administrator.get(LIST, plain).context["trial"]
    assert [place.candidate.connection for place in trial.places] == [till]
    assert [(one.connection, one.part) for one in trial.misfits] == [(courier, "unasked")]
    assert "has to be asked for" in administrator.get(LIST, plain).text
    rule(courier, "Cash first")
    trial = administrator.get(LIST, plain).context["trial"]
    assert [place.candidate.connection for place in trial.places] == [courier, till]


def test_a_rule_names_its_method_as_payers_know_it(administrator: Client, till: Connection) -> None:
    rule(till, "Wallets", method="apple_pay")
    for address in (LIST, reverse("payment-route-new")):
        page = administrator.get(address).text
        assert "Apple Pay" in page
        assert ">apple_pay<" not in page


@pytest.mark.parametrize(
    ("change", "part"),
    [({"country": "FR"}, "country"), ({"method": "knet"}, "method"), ({"currency": "CHF"}, "currency")],
    ids=str,
)
def test_a_trial_that_nobody_would_take_says_what_of_it(
    administrator: Client, till: Connection, change: dict[str, str], part: str
) -> None:
    answer = administrator.get(LIST, {**TRIAL, **change})
    assert [one.part for one in answer.context["trial"].misfits] == [part]
    assert "No connection would take this payment." in answer.content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "abc"}, "amount"),
        ({"amount": "1.234"}, "amount"),
        ({"amount": ""}, "amount"),
        ({"currency": "ZZZ"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"country": "1"}, "country"),
        ({"method": "telepathy"}, "method"),
    ],
    ids=str,
)
def test_a_trial_that_cannot_be_says_why(
    administrator: Client, till: Connection, change: dict[str, str], field: str
) -> None:
    answer = administrator.get(LIST, {**TRIAL, **change})
    assert answer.status_code == 200
    assert answer.context["trial"] is None
    assert list(answer.context["form"].errors) == [field]


@pytest.mark.parametrize("role", ["viewer", "staff"])
def test_who_is_no_administrator_looks_and_tries_and_changes_nothing(
    client: Client, organization: Organization, till: Connection, role: str
) -> None:
    client.force_login(MembershipFactory(organization=organization, role=role).user)
    made = rule(till, "Kept")
    answer = client.get(LIST, TRIAL)
    assert answer.context["trial"].places
    assert "payments/routes/new/" not in answer.content.decode()
    addresses = [reverse("payment-route-new"), reverse("payment-route", args=[made.pk])]
    addresses += [reverse(f"payment-route-{what}", args=[made.pk]) for what in ("toggle", "delete")]
    addresses.append(reverse("payment-route-move", args=[made.pk, "up"]))
    assert {client.post(address, {"name": "Taken"}).status_code for address in addresses} == {403}
    assert [(route.name, route.is_active) for route in PaymentRoute.objects.all()] == [("Kept", True)]


def test_another_organization_s_rules_and_connections_are_not_found(
    administrator: Client, organization: Organization
) -> None:
    theirs = rule(ConnectionFactory(connection_name="Foreign"), "Foreign rule")
    assert administrator.get(reverse("payment-route", args=[theirs.pk])).status_code == 404
    for what in ("toggle", "delete"):
        assert administrator.post(reverse(f"payment-route-{what}", args=[theirs.pk])).status_code == 404
    assert administrator.post(reverse("payment-route-move", args=[theirs.pk, "up"])).status_code == 404
    given = {"name": "Mine", "connection": str(theirs.connection_id)}
    assert administrator.post(reverse("payment-route-new"), given).status_code == 400
    assert "Foreign" not in administrator.get(LIST, TRIAL).content.decode()


def test_a_rule_of_the_admin_goes_the_same_way(administrator: Client, till: Connection) -> None:
    add = reverse("admin:integrations_paymentroute_add")
    given = {"name": "Of admin", "connection": str(till.pk), "position": "5", "is_active": "on", "currency": "AED"}
    refused = administrator.post(add, {**given, "min_amount": "1.005"})
    assert list(refused.context["adminform"].form.errors) == ["min_amount"]
    assert not PaymentRoute.objects.exists()
    assert administrator.post(add, {**given, "min_amount": "1.50"}).status_code == 302
    made = PaymentRoute.objects.get()
    change = reverse("admin:integrations_paymentroute_change", args=[made.pk])
    assert administrator.post(change, {**given, "name": "Renamed", "min_amount": ""}).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.min_amount, made.connection) == ("Renamed", None, till)
    delete = reverse("admin:integrations_paymentroute_delete", args=[made.pk])
    assert administrator.post(delete, {"post": "yes"}).status_code == 302
    written = AuditLog.objects.filter(action__startswith="payment_route.").order_by("id")
    assert [entry.action for entry in written] == [
        "payment_route.created",
        "payment_route.updated",
        "payment_route.deleted",
    ]


@pytest.mark.parametrize("model", ["paymentmovement", "paymentdispute", "paymentsettlement"])
def test_the_books_are_edited_by_nobody(super_admin: Client, model: str) -> None:
    assert super_admin.get(reverse(f"admin:integrations_{model}_changelist")).status_code == 200
    assert super_admin.get(reverse(f"admin:integrations_{model}_add")).status_code == 403
