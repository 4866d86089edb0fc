from __future__ import annotations

import pytest
from django.test import Client

from integrations.models import SandboxPayment
from tests.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


def awaiting(amount: str = "12.50", **fields: str) -> SandboxPayment:
    ways = {"success_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/basket"}
    order = {"account": "a" * 64, "amount": amount, "currency": "AED", "reference": "order-1"}
    return SandboxPayment.objects.create(**{**order, **ways, **fields})


def address(payment: SandboxPayment) -> str:
    return f"/sandbox/pay/{payment.id}/"


def test_the_payer_pays_and_returns_to_the_shop() -> None:
    payment = awaiting()
    answer = Client().post(address(payment), {"choice": "pay"})

    payment.refresh_from_db()
    assert payment.status == SandboxPayment.Status.CAPTURED
    assert answer["Location"] == "https://shop.example/thanks"


def test_the_payer_declines_and_returns_to_the_basket() -> None:
    payment = awaiting()
    answer = Client().post(address(payment), {"choice": "decline"})

    payment.refresh_from_db()
    assert (payment.status, payment.failure_code) == (SandboxPayment.Status.FAILED, "declined_by_payer")
    assert answer["Location"] == "https://shop.example/basket"


def test_a_marked_amount_is_declined_although_the_payer_would_pay() -> None:
    payment = awaiting("12.02", cancel_url="")
    answer = Client().post(address(payment), {"choice": "pay"}, follow=True)

    assert "insufficient funds" in answer.content.decode()


def test_a_second_choice_changes_nothing() -> None:
    payment = awaiting()
    Client().post(address(payment), {"choice": "pay"})
    Client().post(address(payment), {"choice": "decline"})

    payment.refresh_from_db()
    assert payment.status == SandboxPayment.Status.CAPTURED


def test_a_choice_without_the_page_s_own_token_is_refused() -> None:
    payment = awaiting()
    answer = Client(enforce_csrf_checks=True).post(address(payment), {"choice": "pay"})

    payment.refresh_from_db()
    assert answer.status_code == 403
    assert payment.status == SandboxPayment.Status.AWAITING_PAYER


def test_the_page_reads_from_right_to_left_in_arabic() -> None:
    answer = Client().get(address(awaiting()), headers={"Accept-Language": "ar"})

    assert '<html lang="ar" dir="rtl">' in answer.content.decode()


def test_the_page_works_for_a_person_who_is_signed_in() -> None:
    client, user = Client(), UserFactory()
    MembershipFactory(user=user)
    client.force_login(user)

    assert client.get(address(awaiting())).status_code == 200


def test_a_reference_is_shown_as_text() -> None:
    answer = Client().get(address(awaiting(reference="<script>alert(1)</script>")))

    assert "<script>" not in answer.content.decode()


def test_an_unknown_payment_has_no_page() -> None:
    assert Client().get("/sandbox/pay/01890000-0000-7000-8000-000000000000/").status_code == 404


def test_a_browser_may_say_where_the_choice_comes_from() -> None:
    """With no referrer it would send `Origin: null`, which the protection against forged forms refuses."""
    answer = Client().get(address(awaiting()))

    assert answer["Referrer-Policy"] == "same-origin"
    assert 'name="referrer"' not in answer.content.decode()
