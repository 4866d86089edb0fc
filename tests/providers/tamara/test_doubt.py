"""What was never asked for is in no doubt: the look before a capture changes nothing, and must be readable."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import Unavailable
from integrations.providers.payment.tamara import Tamara
from tests.providers.tamara.wire import AUTHORISED, CONFIGURATION, CREDENTIALS, TamaraWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer


@pytest.mark.parametrize("answer", [WireAnswer(200, b"<html>"), WireAnswer(200, {}), WireAnswer(503, {})])
def test_a_capture_whose_first_question_fails_is_not_in_doubt(answer: Any) -> None:
    wire = TamaraWire()
    wire.seed()

    def broken(request: WireRequest) -> WireAnswer:
        return answer if request.method == "GET" else wire.answer(request)

    with WireServer(broken) as server:
        client = WireClient(Tamara(), server.url, CREDENTIALS, configuration=CONFIGURATION)
        with pytest.raises(Unavailable) as failed:
            Tamara().capture_payment(
                client, AUTHORISED, amount=Decimal("5.00"), currency="AED", idempotency_key="key-1"
            )
    assert not failed.value.may_have_taken_effect
    assert not wire.orders[AUTHORISED]["captured"]
