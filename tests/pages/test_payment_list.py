"""The list of payments: what is looked for is found, added up, and shown to those who may see it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Organization, Payment
from integrations.models.base import first_uuid7
from integrations.operations import payment_search
from integrations.pages import payments as payments_page
from tests.factories import ConnectionFactory, PaymentFactory
from tests.slow_rows import read_slowly


@pytest.fixture
def live(organization: Organization) -> Connection:
    return ConnectionFactory(
        organization=organization, connection_name="Till", environment=Connection.Environment.PRODUCTION
    )


def found(client: Client, **query: Any) -> list[str]:
    response = client.get(reverse("payments"), query)
    assert response.status_code == 200, response.context["form"].errors
    return sorted(payment.reference for payment in response.context["stretch"].rows)


@pytest.mark.parametrize("text", ["amal had", "AMAL@example.com", "501234567"])
def test_a_payment_is_found_by_its_customer(administrator: Client, live: Connection, text: str) -> None:
    customer = {"name": "Amal Haddad", "email": "amal@example.com", "phone": "+971501234567"}
    PaymentFactory(connection=live, reference="hers", customer=customer)
    PaymentFactory(connection=live, reference="another's", customer={"name": "Omar"})
    assert found(administrator, q=text) == ["hers"]


def test_an_arabic_name_is_found(administrator: Client, live: Connection) -> None:
    PaymentFactory(connection=live, reference="his", customer={"name": "خالد المنصوري"})
    PaymentFactory(connection=live, reference="another's", customer={"name": "Omar"})
    assert found(administrator, q="المنصوري") == ["his"]


@pytest.mark.parametrize("text", ["ORDER-10", "order-1001", "1001"])
def test_a_part_of_a_reference_finds_it_in_whatever_case(administrator: Client, live: Connection, text: str) -> None:
    PaymentFactory(connection=live, reference="ORDER-1001")
    PaymentFactory(connection=live, reference="ORDER-2002")
    assert found(administrator, q=text) == ["ORDER-1001"]


def test_a_payment_is_found_by_its_id_and_by_its_reference_as_payers_read_it_out(
    administrator: Client, live: Connection
) -> None:
    payment = PaymentFactory(connection=live, reference="this", provider_reference="RF847K3M9Q2XTB")
    PaymentFactory(connection=live, reference="another")
    for text in (str(payment.pk), str(payment.pk).upper(), "RF847K3M9Q2XTB", "RF84 7K3M 9Q2X TB"):
        assert found(administrator, q=text) == ["this"]


def test_a_method_is_chosen_by_the_name_that_payers_know(administrator: Client, live: Connection) -> None:
    PaymentFactory(connection=live, reference="by phone", method="apple_pay")
    PaymentFactory(connection=live, reference="by card", method="card")
    page = administrator.get(reverse("payments"), {"method": "apple_pay"})
    assert '<option value="apple_pay" selected>Apple Pay</option>' in page.text
    assert found(administrator, method="apple_pay") == ["by phone"]
    PaymentFactory(connection=live, reference="told of", method="naps")
    assert found(administrator, method="naps") == ["told of"]


@pytest.mark.parametrize("text", ["order-7", "pi_77"])
def test_a_whole_reference_is_what_is_meant_whoever_else_is_called_so(
    administrator: Client, live: Connection, text: str
) -> None:
    PaymentFactory(connection=live, reference="order-7", provider_reference="pi_77")
    PaymentFactory(connection=live, reference="order-8", customer={"name": text})
    assert found(administrator, q=text) == ["order-7"]


@pytest.mark.parametrize(
    ("query", "references"),
    [
        ({"status": "captured"}, ["a"]),
        ({"currency": "kwd"}, ["b"]),
        ({"method": "mada"}, ["c"]),
        ({"least": "50", "most": "70"}, ["b"]),
        ({"difference": "any"}, ["c"]),
        ({"difference": "missing"}, ["c"]),
        ({"difference": "amount"}, []),
        ({"mode": "live"}, ["a", "c"]),
        ({"mode": "test"}, ["b"]),
        ({"mode": "live", "method": "mada", "difference": "any"}, ["c"]),
    ],
)
def test_filters_fit_alone_and_together(
    administrator: Client, live: Connection, query: dict[str, str], references: list[str]
) -> None:
    test = ConnectionFactory(organization=live.organization)
    PaymentFactory(connection=live, reference="a", status="captured", amount="10")
    PaymentFactory(connection=test, reference="b", currency="KWD", amount="60")
    PaymentFactory(connection=live, reference="c", method="mada", difference="missing", amount="90")
    assert found(administrator, **query) == references


def test_a_connection_is_chosen_among_ones_own(administrator: Client, live: Connection) -> None:
    PaymentFactory(connection=live, reference="ours")
    theirs = PaymentFactory(reference="theirs")
    assert found(administrator, connection=str(live.pk)) == ["ours"]
    answer = administrator.get(reverse("payments"), {"connection": str(theirs.connection_id)})
    assert answer.status_code == 400
    assert "theirs" not in answer.text


def test_days_are_dubais_and_both_included(administrator: Client, live: Connection) -> None:
    zone = ZoneInfo("Asia/Dubai")
    for reference, moment in {
        "before": datetime(2026, 3, 1, 23, 59, 59, tzinfo=zone),
        "first": datetime(2026, 3, 2, 0, 0, tzinfo=zone),
        "last": datetime(2026, 3, 3, 23, 59, 59, tzinfo=zone),
        "after": datetime(2026, 3, 4, 0, 0, tzinfo=zone),
    }.items():
        PaymentFactory(pk=first_uuid7(moment), connection=live, reference=reference)
    assert found(administrator, since="02/03/2026", until="03/03/2026") == ["first", "last"]


@pytest.mark.parametrize(
    "query",
    [
        {"since": "31/02/2026"},
        {"since": "04/03/2026", "until": "03/03/2026"},
        {"least": "ten"},
        {"least": "9", "most": "8"},
        {"status": "shredded"},
        {"connection": "nonsense"},
        {"q": "x" * 300},
    ],
)
def test_what_makes_no_sense_is_said_and_shows_nothing_else(
    administrator: Client, live: Connection, query: dict[str, str]
) -> None:
    PaymentFactory(connection=live, reference="our-order")
    answer = administrator.get(reverse("payments"), query)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "our-order" not in answer.text


def test_characters_that_no_row_holds_break_nothing(administrator: Client, live: Connection) -> None:
    assert found(administrator, q="\x00", currency="\x00") == []


def test_sums_are_those_of_what_was_found_by_currency_dirhams_first(administrator: Client, live: Connection) -> None:
    for amount, currency, captured in (("10.50", "AED", "10.50"), ("4.50", "AED", "0"), ("2.125", "BHD", "2.125")):
        PaymentFactory(connection=live, amount=amount, currency=currency, amount_captured=captured)
    PaymentFactory(connection=live, amount="999", status="failed")
    sums = administrator.get(reverse("payments"), {"status": "pending"}).context["sums"]
    assert [(row["currency"], row["amount"], row["captured"], row["payments"]) for row in sums.rows] == [
        ("AED", Decimal("15.00"), Decimal("10.50"), 2),
        ("BHD", Decimal("2.125"), Decimal("2.125"), 1),
    ]
    assert sums.is_whole


def test_sums_that_tests_are_in_say_so(viewer: Client, organization: Organization, live: Connection) -> None:
    told, address = "Test payments are in these sums.", reverse("payments")
    PaymentFactory(connection=live)
    assert told not in viewer.get(address).text
    trial = ConnectionFactory(organization=organization, environment=Connection.Environment.STAGING)
    page = viewer.get(address, {"currency": "AED"}).text
    assert told in page
    assert 'href="?currency=AED&amp;mode=live"' in page
    for query in ({"mode": "live"}, {"mode": "test"}, {"connection": str(trial.pk)}):
        assert told not in viewer.get(address, query).text


def test_of_too_many_the_newest_are_added_up_and_that_is_said(
    administrator: Client, live: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_search, "ADDED_UP_AT_MOST", 3)
    for _ in range(5):
        PaymentFactory(connection=live)
    answer = administrator.get(reverse("payments"))
    assert not answer.context["sums"].is_whole
    assert "The sums are those of the newest" in answer.text


def test_filters_are_kept_from_page_to_page(administrator: Client, live: Connection) -> None:
    for number in range(120):
        PaymentFactory(connection=live, reference=f"kept-{number}", method="mada")
        if number % 10 == 0:
            PaymentFactory(connection=live, reference=f"other-{number}")
    seen: list[str] = []
    address = f"{reverse('payments')}?method=mada"
    while address:
        answer = administrator.get(address)
        seen += [payment.reference for payment in answer.context["stretch"].rows]
        older = answer.context["stretch"].older
        assert not older or f"method=mada&amp;before={older}" in answer.text
        assert ('href="?method=mada"' in answer.text) == bool(address and "before" in address), "and back"
        address = f"{reverse('payments')}?method=mada&before={older}" if older else ""
    assert seen == [f"kept-{number}" for number in reversed(range(120))]


def test_a_page_of_many_costs_what_a_page_of_few_does(
    administrator: Client, live: Connection, django_assert_max_num_queries: Any
) -> None:
    rows = [Payment(organization=live.organization, connection=live, reference=str(n), amount=1, currency="AED")
            for n in range(5000)]  # fmt: skip
    Payment.objects.bulk_create(rows, batch_size=1000)
    with django_assert_max_num_queries(20):
        answer = administrator.get(reverse("payments"))
    assert len(answer.context["stretch"].rows) == 50
    assert answer.context["sums"].payments == 5000


def test_a_search_that_lasts_too_long_is_ended_and_says_so(
    administrator: Client, live: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    PaymentFactory(connection=live)
    monkeypatch.setattr(payments_page, "_SECONDS", 0.2)
    read_slowly("payments", seconds=20)
    answer = administrator.get(reverse("payments"))
    assert answer.status_code == 200
    assert "The search took too long" in answer.text
    assert administrator.get(reverse("connections")).status_code == 200


def test_a_difference_and_a_test_are_seen_in_the_list(viewer: Client, organization: Organization) -> None:
    PaymentFactory(connection=ConnectionFactory(organization=organization), difference="missing")
    text = viewer.get(reverse("payments")).text
    assert "hub-badge--test" in text
    assert "hub-badge--danger" in text


def test_a_viewer_is_offered_no_export(viewer: Client, organization: Organization) -> None:
    PaymentFactory(connection=ConnectionFactory(organization=organization))
    assert "export." not in viewer.get(reverse("payments")).text
