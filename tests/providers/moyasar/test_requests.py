"""What Moyasar is asked for: amounts in the smallest unit, metadata; and what is refused before it is sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integrations.errors import InvalidRequest, NotSupported
from tests.providers.moyasar.wire import ORDER
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

from .calls import create, order


def test_moyasar_s_page_cannot_only_authorise(client: WireClient, server: WireServer) -> None:
    with pytest.raises(NotSupported) as refused:
        create(client, order(capture=False))
    assert refused.value.field == "capture"
    assert not server.requests


@pytest.mark.parametrize(("amount", "currency"), [("0.99", "SAR"), ("0.099", "KWD"), ("99", "JPY")])
@pytest.mark.parametrize("token", ["", "token_sample"])
def test_less_than_moyasar_takes_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, amount: str, currency: str, token: str
) -> None:
    with pytest.raises(InvalidRequest, match="at least") as refused:
        create(client, order(amount, currency, payment_token=token))
    assert refused.value.field == "amount"
    assert not server.requests


@pytest.mark.parametrize(
    ("amount", "currency", "units"), [("12.50", "SAR", 1250), ("1.5", "KWD", 1500), ("500", "JPY", 500)]
)
def test_money_is_counted_in_the_smallest_unit(
    client: WireClient, server: WireServer, amount: str, currency: str, units: int
) -> None:
    result = create(client, order(amount, currency))
    assert server.requests[0].json()["amount"] == units
    assert (result.amount, result.currency) == (Decimal(amount), currency)


def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(client: WireClient, server: WireServer) -> None:
    for amount, currency in (("1.234", "SAR"), ("1.5", "JPY")):
        with pytest.raises(InvalidRequest):
            create(client, order(amount, currency))
    assert not server.requests


def test_the_page_ends_leads_back_to_us_and_carries_our_id(client: WireClient, server: WireServer) -> None:
    create(client, order(metadata={"tailor": "7"}, webhook_url="https://hub.example/hooks", description="Abaya"))
    body = server.requests[0].json()
    assert (body["success_url"], body["back_url"]) == (ORDER["success_url"], ORDER["cancel_url"])
    assert body["metadata"] == {"tailor": "7", "reference": "order-1", "payment_id": "ours"}
    assert body["expired_at"].endswith("Z")
    assert body["description"] == "Abaya"
    assert "callback_url" not in body


@pytest.mark.parametrize("metadata", [{f"k{n}": "v" for n in range(29)}, {"k" * 41: "v"}, {"k": "v" * 501}])
def test_metadata_that_moyasar_would_refuse_is_refused_here(
    client: WireClient, server: WireServer, metadata: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(metadata=metadata))
    assert refused.value.field == "metadata"
    assert not server.requests
