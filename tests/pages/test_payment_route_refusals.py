"""What the form of a routing rule, and that of a payment that is only thought of, refuse and how they say it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.errors import InvalidRequest
from integrations.models import Connection, Organization, PaymentRoute
from integrations.operations.payment_routes import create_route
from tests.factories import ConnectionFactory

LIST = "/integrations/payments/routes/"


@pytest.fixture
def till(organization: Organization) -> Connection:
    made: Connection = ConnectionFactory(organization=organization, connection_name="تابي", slug="tabby")
    return made


def refused(client: Client, till: Connection, **parts: str) -> dict[str, list[str]]:
    answer = client.post(reverse("payment-route-new"), {"name": "Rule", "connection": str(till.pk), **parts})
    assert answer.status_code == 400
    assert not PaymentRoute.objects.exists()
    return {name: list(told) for name, told in answer.context["form"].errors.items()}


@pytest.mark.parametrize(
    "parts",
    [{"currency": "USD"}, {"country": "OM"}, {"method": "knet"}, {"environment": "production"}],
    ids=str,
)
def test_a_refusal_has_no_word_of_ours_that_would_stay_english(till: Connection, parts: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        create_route(till.organization, name="Rule", connection=till, **parts)
    assert refusal.value.field == next(iter(parts))
    assert refusal.value.values == {"connection": "تابي"}


@pytest.mark.parametrize("name", ["\N{RIGHT-TO-LEFT OVERRIDE}elur", "Rule\x07"])
def test_a_name_with_signs_that_nobody_sees_is_refused(administrator: Client, till: Connection, name: str) -> None:
    assert "name" in refused(administrator, till, name=name)


def test_all_that_is_wrong_with_a_rule_is_told_at_once(administrator: Client, till: Connection) -> None:
    told = refused(administrator, till, name="", country="ZZ", currency="QQQ", min_amount="x", max_amount="-1")
    assert set(told) == {"name", "country", "currency", "min_amount", "max_amount"}


def test_all_that_is_wrong_with_a_trial_is_told_at_once_and_stays_as_typed(
    administrator: Client, till: Connection
) -> None:
    answer: Any = administrator.get(LIST, {"amount": "abc", "currency": "qqq", "country": "<b", "method": "telepathy"})
    assert answer.context["trial"] is None
    assert set(answer.context["form"].errors) == {"amount", "currency", "country", "method"}
    assert all(f'value="{typed}"' in answer.text for typed in ("abc", "qqq", "&lt;b"))
