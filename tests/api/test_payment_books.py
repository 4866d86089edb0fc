"""What is read of payments beside the payments: who can take them, disputes, days; and how payments are found."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Connection, Organization, Payment, PaymentDispute, PaymentSettlement
from integrations.models.base import first_uuid7
from integrations.operations.catalogue import sync_catalogue
from tests.factories import ConnectionFactory, PaymentFactory

from .client import ApiClient, error_of


@pytest.fixture
def till(organization: Organization) -> Connection:
    made: Connection = ConnectionFactory(organization=organization, connection_name="till", is_primary=True)
    return made


def test_who_can_take_a_payment_is_told_with_the_connections_that_would(api: ApiClient, till: Connection) -> None:
    sync_catalogue()
    answer = api.get("payments/providers/", {"capability": "card", "country": "ae", "currency": "AED"}).json()
    stripe, *others = answer["results"]
    (sandbox,) = [one for one in others if one["slug"] == "sandbox"]
    assert (stripe["slug"], sandbox["slug"], sandbox["connections"]) == ("stripe", "sandbox", [])
    assert stripe["connections"] == [
        {
            "position": 1, "id": str(till.pk), "connection_name": "till", "environment": "development",
            "is_primary": True, "health_status": "unknown",
        }
    ]  # fmt: skip
    assert api.get("payments/providers/", {"capability": "mada", "country": "FR"}).json() == {"results": []}


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"country": "SA"}, "capability"),
        ({"capability": "mada"}, "country"),
        ({"capability": "mda", "country": "SA"}, "capability"),
        ({"capability": "mada", "country": "SAU"}, "country"),
        ({"capability": "mada", "country": "XX"}, "country"),
        ({"capability": "mada", "country": "SA", "currency": "SAX"}, "currency"),
        ({"capability": "mada", "country": "SA", "curency": "SAR"}, "curency"),
        ({"capability": "\x00", "country": "SA"}, "capability"),
    ],
    ids=str,
)
def test_a_question_that_cannot_be_answered_says_what_is_wrong_with_it(
    api: ApiClient, question: dict[str, str], field: str
) -> None:
    refused = api.get("payments/providers/", question)
    assert (refused.status_code, error_of(refused)["field"]) == (400, field)


def dispute(payment: Payment, **fields: Any) -> PaymentDispute:
    return PaymentDispute.objects.create(
        organization=payment.organization, payment=payment, provider_reference=f"dp_{payment.reference}",
        amount=Decimal(5), currency="AED", **fields,
    )  # fmt: skip


def test_disputes_are_listed_filtered_and_part_of_their_payment(api: ApiClient, till: Connection) -> None:
    first, second = PaymentFactory(connection=till), PaymentFactory(connection=till)
    opened, lost = dispute(first, reason="fraudulent"), dispute(second, status="lost")

    def found(**query: str) -> list[str]:
        return [row["id"] for row in api.get("payment-disputes/", query).json()["results"]]

    assert found() == found(connection=str(till.pk)) == [str(lost.pk), str(opened.pk)]
    assert found(status="open") == found(payment=str(first.pk)) == [str(opened.pk)]
    shown = api.get(f"payment-disputes/{opened.pk}/").json()
    assert (shown["amount"], shown["reason"], shown["reference"]) == ("5.00", "fraudulent", first.reference)
    assert api.get(f"payments/{first.pk}/").json()["disputes"] == [shown]
    assert api.post("payment-disputes/", {}).status_code == 405


def test_days_are_listed_newest_first_and_filtered(api: ApiClient, till: Connection) -> None:
    own: dict[str, Any] = {"organization": till.organization, "connection": till}
    for day, currency in ((1, "AED"), (2, "KWD"), (3, "AED")):
        PaymentSettlement.objects.create(**own, day=date(2026, 11, day), currency=currency, net=Decimal("1.5"))

    def found(**query: str) -> list[tuple[str, str]]:
        return [(row["day"][-2:], row["net"]) for row in api.get("payment-settlements/", query).json()["results"]]

    assert found() == [("03", "1.50"), ("02", "1.500"), ("01", "1.50")]
    assert found(currency="AED", connection=str(till.pk)) == [("03", "1.50"), ("01", "1.50")]
    assert found(since="2026-11-02", until="2026-11-02") == [("02", "1.500")]
    assert api.get("payment-settlements/", {"since": "soon"}).status_code == 400


@pytest.fixture
def find(api: ApiClient) -> Any:
    def found(**query: str) -> list[str]:
        return [row["reference"] for row in api.get("payments/", query).json()["results"]]

    return found


def test_payments_are_found_by_what_people_remember_of_them(find: Any, till: Connection) -> None:
    customer = {"name": "Aisha Noor", "email": "Aisha@Example.com"}
    PaymentFactory(connection=till, reference="ORD-1", provider_reference="pi_100%", customer=customer)
    PaymentFactory(connection=till, reference="ORD-2", customer={"name": "Aisha Karim"})
    assert find(q="ORD-") == find(q="aisha") == ["ORD-2", "ORD-1"]
    assert find(q="pi_100%") == find(q="aisha@example.com") == find(q="AISHA N") == find(q="ORD-1") == ["ORD-1"]
    assert find(q="pi_1") == find(q="%") == find(q="isha") == find(q="nobody") == []
    assert find(q="aisha", status="pending", currency="AED") == ["ORD-2", "ORD-1"]
    assert find(q="aisha", status="captured") == []


def test_payments_that_differ_are_found_all_or_by_kind(find: Any, api: ApiClient, till: Connection) -> None:
    for kind in ("", "captured", "missing"):
        PaymentFactory(connection=till, reference=kind or "alike", difference=kind)
    assert find(difference="any") == ["missing", "captured"]
    assert find(difference="captured") == ["captured"]
    assert error_of(api.get("payments/", {"difference": "odd"}))["field"] == "difference"


def test_payments_are_found_by_country_and_by_when_they_were_made(find: Any, till: Connection) -> None:
    for country, age in (("SA", 2), ("AE", 1)):
        made = PaymentFactory(connection=till, reference=country, country=country)
        then = timezone.now() - timedelta(days=age)
        Payment.objects.filter(pk=made.pk).update(id=first_uuid7(then), created_at=then)
    middle = (datetime.now(UTC) - timedelta(days=1.5)).isoformat()
    assert find() == ["AE", "SA"]
    assert find(country="SA") == find(until=middle) == ["SA"]
    assert find(since=middle) == find(country="AE") == ["AE"]
