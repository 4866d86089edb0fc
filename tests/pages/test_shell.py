from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from integrations.membership import SESSION_KEY
from integrations.models import Organization
from integrations.templatetags.hub import ago, money, outcome_name, tone, when, when_exactly
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory, PaymentFactory, UserFactory

PAGES = ["setup-step", "connections", "payments"]


def _address(name: str) -> str:
    return reverse(name, args=["provider"]) if name == "setup-step" else reverse(name)


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_is_sent_to_sign_in_and_back(client: Client, name: str) -> None:
    answer = client.get(_address(name))
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{reverse('admin:login')}?next={_address(name)}"


def test_a_fragment_sends_the_whole_window_to_sign_in(client: Client) -> None:
    answer = client.get(reverse("connections"), headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, reverse("admin:login"))


def test_who_comes_by_its_address_to_what_a_button_does_is_told_so(administrator: Client) -> None:
    response = administrator.get(reverse("webhook-replay-new"))
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "A button leads here." in response.text


@pytest.mark.parametrize("name", ["dashboard", "connections", "admin:index", "admin:integrations_payment_changelist"])
def test_readers_of_screens_find_the_main_part_and_headings_in_order(administrator: Client, name: str) -> None:
    ConnectionFactory(organization=Organization.objects.get())
    page = administrator.get(reverse(name)).text
    assert page.count('role="main"') == 1
    assert page.index('role="main"') < page.index("<h1")
    levels = [int(level) for level in re.findall(r"<h(\d)", page[page.index("<h1") :])]
    assert all(deeper <= before + 1 for before, deeper in pairwise(levels)), levels


def test_somebody_without_an_organization_is_told_so(client: Client, db: None) -> None:
    client.force_login(UserFactory())
    assert "No organization yet" in client.get(reverse("connections")).content.decode()


@pytest.mark.parametrize(("name", "status"), [("setup-step", 403), ("connections", 200), ("payments", 200)])
def test_a_viewer_looks_and_does_not_touch(viewer: Client, name: str, status: int) -> None:
    assert viewer.get(_address(name)).status_code == status


@pytest.mark.parametrize("action", ["test", "activate", "deactivate", "delete"])
def test_a_viewer_cannot_act_on_a_connection(viewer: Client, organization: Organization, action: str) -> None:
    connection = ConnectionFactory(organization=organization)
    assert viewer.post(reverse(f"connection-{action}", args=[connection.pk])).status_code == 403


def test_another_organizations_connection_and_payment_are_not_found(administrator: Client) -> None:
    payment = PaymentFactory()
    assert administrator.get(reverse("payment", args=[payment.pk])).status_code == 404
    assert administrator.get(reverse("connection", args=[payment.connection.pk])).status_code == 404
    assert administrator.post(reverse("connection-delete", args=[payment.connection.pk])).status_code == 404


def test_lists_and_details_show_what_is_ours_alone(administrator: Client, organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization, connection_name="ours")
    payment = PaymentFactory(connection=connection, reference="our-order")
    PaymentFactory(connection=ConnectionFactory(connection_name="theirs"), reference="their-order")
    shown = [
        administrator.get(reverse("connections")),
        administrator.get(reverse("connection", args=[connection.pk])),
        administrator.get(reverse("payments")),
        administrator.get(reverse("payment", args=[payment.pk])),
    ]
    assert [answer.status_code for answer in shown] == [200] * 4
    text = "".join(answer.content.decode() for answer in shown)
    assert "ours" in text
    assert "our-order" in text
    assert "their" not in text


def test_older_payments_follow_page_by_page(administrator: Client, organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization)
    for _ in range(51):
        PaymentFactory(connection=connection)
    first = administrator.get(reverse("payments"))
    older = first.context["stretch"].older
    second = administrator.get(reverse("payments"), {"before": older})
    assert (len(first.context["stretch"].rows), len(second.context["stretch"].rows)) == (50, 1)


def test_one_switches_between_ones_own_organizations(administrator: Client, organization: Organization) -> None:
    other = OrganizationFactory(name="Second")
    person = MembershipFactory(organization=organization).user
    MembershipFactory(organization=other, user=person)
    administrator.force_login(person)
    administrator.post(
        reverse("switch-organization"), {"organization": str(other.pk), "next": "/integrations/payments/"}
    )
    assert administrator.session[SESSION_KEY] == str(other.pk)
    assert administrator.get(reverse("connections")).context["organization"] == other


@pytest.mark.parametrize("given", ["", "nonsense", "another's"])
def test_nobody_switches_to_an_organization_that_is_not_theirs(administrator: Client, given: str) -> None:
    wanted = str(OrganizationFactory().pk) if given == "another's" else given
    assert administrator.post(reverse("switch-organization"), {"organization": wanted}).status_code == 404
    assert SESSION_KEY not in administrator.session


def test_the_switch_leads_to_no_other_site(administrator: Client, organization: Organization) -> None:
    given = {"organization": str(organization.pk), "next": "https://evil.example.com/"}
    assert administrator.post(reverse("switch-organization"), given).headers["Location"] == "/integrations/"


def test_arabic_turns_the_page_around(administrator: Client) -> None:
    administrator.cookies["django_language"] = "ar"
    assert 'dir="rtl"' in administrator.get(reverse("connections")).content.decode()


def test_amounts_follow_currency_and_language() -> None:
    assert money(Decimal("1234.5"), "AED") == "AED\N{NO-BREAK SPACE}1,234.50"
    assert money(Decimal("1.2345"), "KWD") == "KWD\N{NO-BREAK SPACE}1.234"
    assert money(None) == "–"
    with translation.override("ar"):
        assert "د.إ." in money(Decimal("12.5"), "AED")
        for currency, symbol in (("USD", "US$"), ("JPY", "JP¥")):
            kept_together = f"{symbol}\N{LEFT-TO-RIGHT MARK}"
            assert money(Decimal(12), currency).endswith(kept_together), "the sign does not go to the other side"


def test_an_attempt_that_failed_reads_otherwise_than_a_number_of_them() -> None:
    with translation.override("ar"):
        assert outcome_name("failed") == "فشل"
        assert translation.gettext("failed") == translation.pgettext("count", "Failed") == "الفاشلة"


def test_times_are_dubais() -> None:
    assert when_exactly(datetime(2026, 3, 1, 20, 30, 9, tzinfo=UTC)) == "02/03/2026 00:30:09"
    assert when(datetime(2026, 3, 1, 20, 30, tzinfo=UTC)) == "02/03/2026 00:30"
    assert (when(None), ago(None)) == ("–", "never")


def test_an_unknown_state_has_no_colour() -> None:
    assert (tone("active"), tone("down"), tone("whatever")) == ("success", "danger", "neutral")
