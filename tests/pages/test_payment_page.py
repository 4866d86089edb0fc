"""A payment's page: how it stands in plain words, and money that moves only after it was confirmed."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Organization, Payment, PaymentDispute, PaymentOperation
from integrations.operations.payments import PaymentOrder, create_payment
from integrations.sandbox.validation import TOKEN
from integrations.templatetags.payments import advice, cannot, explained, lacks
from tests.factories import ConnectionFactory, PaymentFactory, catalogue_row


@pytest.fixture
def till(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, environment=Connection.Environment.PRODUCTION)


@pytest.fixture
def sandbox(transactional_db: None, live_server: Any, settings: Any, organization: Organization) -> Connection:
    settings.PUBLIC_URL = live_server.url
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    connection: Connection = ConnectionFactory(
        organization=organization, slug="sandbox", credentials={"api_key": "sk_sandbox_pages"}
    )
    return connection


def paid(connection: Connection, *, capture: bool = True) -> Payment:
    order = PaymentOrder(
        amount="20.00", currency="AED", reference="order-1", capture=capture, payment_token=TOKEN,
        connection_id=connection.pk,
    )  # fmt: skip
    return create_payment(connection.organization, order)


def shown(client: Client, payment: Payment) -> str:
    return client.get(reverse("payment", args=[payment.pk])).content.decode()


def confirm(client: Client, payment: Payment, kind: str, **given: str) -> Any:
    return client.post(reverse("payment-confirm-change", args=[payment.pk, kind]), given)


def hidden(answer: Any) -> dict[str, str]:
    """What the confirmation's form would send."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.content.decode())
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


def mistake_in(answer: Any) -> str:
    """What is said beside the form that was refused, and there alone."""
    assert not list(answer.context["messages"])
    found = re.search(r'<p class="hub-field__error" role="alert"[^>]*>.*?</span>(.*?)</p>', answer.text, re.DOTALL)
    return found[1].strip() if found else ""


def test_a_refund_is_confirmed_with_its_amount_and_note_before_any_money_moves(
    sandbox: Connection, administrator: Client
) -> None:
    payment = paid(sandbox)
    asked = confirm(administrator, payment, "refund", amount="5.50", reason="one sleeve   too short")
    assert "AED\N{NO-BREAK SPACE}5.50" in asked.text
    assert "AED\N{NO-BREAK SPACE}14.50" in asked.text
    payment.refresh_from_db()
    assert payment.amount_refunded == 0
    form = hidden(asked)
    for _ in range(2):
        administrator.post(reverse("payment-change", args=[payment.pk, "refund"]), form)
    payment.refresh_from_db()
    assert payment.amount_refunded == Decimal("5.50")
    refund = payment.operations.get(kind=PaymentOperation.Kind.REFUND)
    assert refund.raw["reason"] == "one sleeve too short"
    assert "one sleeve too short" in shown(administrator, payment)


def test_left_empty_the_amount_is_all_that_is_left(sandbox: Connection, administrator: Client) -> None:
    payment = paid(sandbox, capture=False)
    asked = confirm(administrator, payment, "capture", amount="")
    assert "AED\N{NO-BREAK SPACE}20.00" in asked.text
    administrator.post(reverse("payment-change", args=[payment.pk, "capture"]), hidden(asked))
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == (Payment.Status.CAPTURED, Decimal(20))


def test_a_payment_is_cancelled_after_confirmation(sandbox: Connection, administrator: Client) -> None:
    payment = paid(sandbox, capture=False)
    asked = confirm(administrator, payment, "void")
    administrator.post(reverse("payment-change", args=[payment.pk, "void"]), hidden(asked))
    payment.refresh_from_db()
    assert payment.status == Payment.Status.CANCELLED


@pytest.mark.parametrize("amount", ["20.01", "0", "-1", "1.001", "ten", "1,5", "٥"])
def test_an_amount_that_cannot_be_goes_no_further_and_stays_to_be_mended(
    sandbox: Connection, administrator: Client, amount: str
) -> None:
    payment = paid(sandbox)
    answer = confirm(administrator, payment, "refund", amount=amount, reason="too short")
    assert mistake_in(answer)
    assert answer.status_code == 400
    assert re.search(rf'<details[^>]* open>.* value="{re.escape(amount)}".* value="too short"', answer.text, re.DOTALL)
    payment.refresh_from_db()
    assert payment.amount_refunded == 0


def test_what_the_gateway_refuses_stays_to_be_mended(sandbox: Connection, administrator: Client) -> None:
    payment = paid(sandbox, capture=False)
    Payment.objects.filter(pk=payment.pk).update(amount="30.00")  # more than the gateway has
    form = hidden(confirm(administrator, payment, "capture", amount="25.00"))
    answer = administrator.post(reverse("payment-change", args=[payment.pk, "capture"]), form)
    assert mistake_in(answer)
    assert 'value="25.00"' in answer.text


def test_a_note_that_is_too_long_is_refused_and_not_cut(sandbox: Connection, administrator: Client) -> None:
    payment = paid(sandbox)
    change = reverse("payment-change", args=[payment.pk, "refund"])
    for address in (reverse("payment-confirm-change", args=[payment.pk, "refund"]), change):
        answer = administrator.post(address, {"reason": "x" * 501, "once": "a"}, follow=True)
        assert mistake_in(answer)
    payment.refresh_from_db()
    assert payment.amount_refunded == 0


@pytest.mark.parametrize("reason", ["card 4242 4242 4242 4242", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"])
def test_a_card_number_in_the_note_does_not_come_as_far_as_to_be_confirmed(
    sandbox: Connection, administrator: Client, reason: str
) -> None:
    answer = confirm(administrator, paid(sandbox), "refund", reason=reason)
    assert answer.status_code == 400
    assert "looks like a card number" in mistake_in(answer)


def test_a_refusal_whose_form_is_gone_is_told_all_the_same(sandbox: Connection, administrator: Client) -> None:
    """Two people refund all of it: the second is told why that came to nothing."""
    payment = paid(sandbox)
    forms = [hidden(confirm(administrator, payment, "refund")) for _ in range(2)]
    answers = [administrator.post(reverse("payment-change", args=[payment.pk, "refund"]), form) for form in forms]
    assert [answer.status_code for answer in answers] == [302, 400]
    assert [message.level_tag for message in answers[1].context["messages"]] == ["success", "error"]
    payment.refresh_from_db()
    assert payment.amount_refunded == payment.amount_captured == Decimal(20)


def test_refunds_under_way_are_taken_off_what_is_offered(administrator: Client, till: Connection) -> None:
    payment = PaymentFactory(
        connection=till, amount="20", amount_captured="20", amount_refunded="5", status="partially_refunded"
    )
    PaymentOperation.objects.create(
        organization=till.organization, payment=payment, kind="refund", amount="4", status="pending"
    )
    (change,) = administrator.get(reverse("payment", args=[payment.pk])).context["changes"]
    assert change.left == Decimal("11.00")


def test_what_a_payment_is_in_no_state_for_is_not_offered_and_cannot_be_confirmed(
    administrator: Client, till: Connection
) -> None:
    payment = PaymentFactory(connection=till, status="failed")
    assert administrator.get(reverse("payment", args=[payment.pk])).context["possible"] == []
    answer = confirm(administrator, payment, "refund")
    assert answer.headers["Location"] == reverse("payment", args=[payment.pk])
    assert confirm(administrator, payment, "shred").status_code == 404


def test_a_viewer_sees_no_buttons_and_a_masked_customer(viewer: Client, till: Connection) -> None:
    payment = PaymentFactory(
        connection=till, status="captured", amount_captured="12.50",
        customer={"name": "Amal Haddad", "email": "amal@example.com", "phone": "+971501234567"},
    )  # fmt: skip
    text = shown(viewer, payment)
    assert reverse("payment-confirm-change", args=[payment.pk, "refund"]) not in text
    assert reverse("payment-change", args=[payment.pk, "sync"]) not in text
    assert "a***@example.com" in text
    for secret in ("Amal", "amal@", "501234567"):
        assert secret not in text
    assert confirm(viewer, payment, "refund").status_code == 403


def test_who_may_change_payments_sees_who_pays(administrator: Client, till: Connection) -> None:
    payment = PaymentFactory(connection=till, customer={"name": "Amal Haddad", "email": "amal@example.com"})
    text = shown(administrator, payment)
    assert "Amal Haddad" in text
    assert "amal@example.com" in text


def test_the_payers_link_is_there_while_the_payment_is_open(administrator: Client, till: Connection) -> None:
    link = "https://pay.example.com/p/1"
    payment = PaymentFactory(connection=till, status="requires_action", redirect_url=link)
    assert f'data-copy="{link}"' in shown(administrator, payment)
    Payment.objects.filter(pk=payment.pk).update(status="captured")
    assert link not in shown(administrator, payment)


def test_another_organizations_payment_cannot_be_confirmed(administrator: Client) -> None:
    assert confirm(administrator, PaymentFactory(), "void").status_code == 404


@pytest.mark.parametrize("status", Payment.Status.values)
def test_each_state_is_said_in_plain_words(viewer: Client, till: Connection, status: str) -> None:
    text = shown(viewer, PaymentFactory(connection=till, status=status))
    assert explained(status)
    assert explained(status).replace("'", "&#x27;") in text


@pytest.mark.parametrize("difference", Payment.Difference.values)
def test_each_difference_comes_with_what_to_do(viewer: Client, till: Connection, difference: str) -> None:
    payment = PaymentFactory(connection=till, difference=difference, difference_seen_at=timezone.now())
    assert advice(difference)
    assert advice(difference).replace("'", "&#x27;") in shown(viewer, payment)


def test_a_dispute_says_until_when_it_is_to_be_answered(viewer: Client, till: Connection) -> None:
    payment = PaymentFactory(connection=till, status="disputed")
    due = timezone.now() + timedelta(days=7)
    PaymentDispute.objects.create(
        organization=till.organization, payment=payment, provider_reference="dp_1", amount="12.50", currency="AED",
        reason="fraudulent", respond_by=due,
    )  # fmt: skip
    text = shown(viewer, payment)
    assert timezone.localtime(due).strftime("%d/%m/%Y %H:%M") in text
    assert "fraudulent" in text


def test_a_dispute_that_waits_for_an_answer_stands_above_those_that_are_over(viewer: Client, till: Connection) -> None:
    payment = PaymentFactory(connection=till, status="disputed")
    for reference, status in (("dp_open", "open"), ("dp_won", "won")):
        PaymentDispute.objects.create(
            organization=till.organization, payment=payment, provider_reference=reference, status=status
        )
    text = shown(viewer, payment)
    assert text.index("dp_open") < text.index("dp_won")


def test_a_fee_that_the_gateway_has_not_told_is_not_nought(viewer: Client, till: Connection) -> None:
    assert "Fee, not told yet" in shown(viewer, PaymentFactory(connection=till))
    payment = PaymentFactory(connection=till, fee="0.66", fee_currency="USD")
    assert "$0.66" in shown(viewer, payment)


def test_a_payment_with_a_long_story_costs_what_a_short_one_does(
    administrator: Client, till: Connection, django_assert_max_num_queries: Any
) -> None:
    payment = PaymentFactory(connection=till, status="captured", amount_captured="12.50")
    PaymentOperation.objects.bulk_create(
        PaymentOperation(organization=till.organization, payment=payment, kind="event", raw={"status": "captured"})
        for _ in range(300)
    )
    with django_assert_max_num_queries(16):
        assert len(administrator.get(reverse("payment", args=[payment.pk])).context["operations"]) == 100


def test_the_catalogue_says_what_a_gateway_lacks(db: None) -> None:
    row = catalogue_row("stripe")
    row.supported_currencies = ["USD", "EUR"]
    assert lacks(row, "AED")
    assert not lacks(row, "USD")
    assert not lacks(row, "")
    assert cannot(catalogue_row("sandbox")) == []


def test_what_a_gateway_refused_is_told_in_the_reader_s_language(till: Connection, administrator: Client) -> None:
    words = "The provider has asked us to slow down."
    failed = PaymentFactory(connection=till, status=Payment.Status.FAILED, failure_message=words)
    assert words in shown(administrator, failed)
    administrator.cookies["django_language"] = "ar"
    assert "طلب المزوّد إبطاء الطلبات." in shown(administrator, failed)
