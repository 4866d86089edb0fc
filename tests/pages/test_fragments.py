"""Pieces of a page, which htmx fetches: whoever comes to the address of one without it gets the whole page."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Organization
from tests.factories import ConnectionFactory, PaymentFactory

HTMX = {"HX-Request": "true"}
WENT_BACK = {"HX-Request": "true", "HX-History-Restore-Request": "true"}


def pieces(organization: Organization) -> list[str]:
    connection = ConnectionFactory(organization=organization)
    payment = PaymentFactory(organization=organization, connection=connection)
    return [
        reverse("connection-health", args=[connection.pk]),
        reverse("payment-trail", args=[payment.pk]),
        f"{reverse('log-statistics')}?period=7d&q=refunds",
        f"{reverse('webhook-event-choices')}?connection={connection.pk}",
    ]


def test_a_piece_leads_to_its_place_on_the_whole_page(administrator: Client, organization: Organization) -> None:
    for address in pieces(organization):
        assert "<html" not in administrator.get(address, headers=HTMX).content.decode()
        answer = administrator.get(address)
        assert answer.status_code == 302
        to = urlsplit(answer.headers["Location"])
        assert to.query == urlsplit(address).query
        whole = administrator.get(f"{to.path}?{to.query}")
        assert whole.status_code == 200
        assert "<html" in whole.content.decode()
        assert f'id="{to.fragment}"' in whole.content.decode()


def test_it_is_for_those_who_may_see_the_piece(client: Client, viewer: Client, organization: Organization) -> None:
    assert viewer.get(reverse("webhook-event-choices")).status_code == 403
    assert (
        Client().get(reverse("connection-health", args=[uuid.uuid4()])).headers["Location"].startswith("/admin/login")
    )


@pytest.mark.parametrize("name", ["alerts", "health", "webhooks", "costs", "analytics", "dashboard", "logs"])
def test_a_reader_who_goes_back_gets_the_page_and_not_a_piece(administrator: Client, name: str) -> None:
    assert "<html" not in administrator.get(reverse(name), headers=HTMX).content.decode()
    assert "<html" in administrator.get(reverse(name), headers=WENT_BACK).content.decode()
