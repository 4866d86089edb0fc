from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from integrations.models import SandboxPayment
from tests.sandbox.test_api import call, create

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(path: str, body: dict[str, Any], *keys: str) -> list[tuple[int, dict[str, Any]]]:
    def send(key: str) -> tuple[int, dict[str, Any]]:
        try:
            return call(path, body, idempotency_key=key)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(keys)) as threads:
        return list(threads.map(send, keys))


def test_one_key_sent_many_times_at_once_makes_one_payment() -> None:
    answers = at_once("payments", {"amount": "12.50", "currency": "AED", "reference": "order-1"}, *["once"] * 6)

    assert SandboxPayment.objects.count() == 1
    assert all(answer == answers[0] for answer in answers)


def test_refunds_at_once_give_back_no_more_than_was_paid() -> None:
    payment = create()
    answers = at_once(f"payments/{payment['id']}/refunds", {"amount": "5.00"}, *[f"refund-{n}" for n in range(6)])

    assert sorted(status for status, _ in answers) == [201, 201, 422, 422, 422, 422]
    assert call(f"payments/{payment['id']}")[1]["amount_refunded"] == "10.00"
