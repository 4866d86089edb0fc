"""PayTabs' notices: what they tell, signed by the server key."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import (
    AuthenticationFailed,
    Rejected,
    SignatureRefused,
)
from integrations.providers.payment.paytabs import PayTabs
from integrations.providers.signatures import InboundRequest, SortedFields
from tests.providers.paytabs.wire import (
    BAD_CREDENTIALS,
    SERVER_KEY,
)
from tests.providers.wire_client import WireClient

from .calls import CART

EVENTS = Path(__file__).parent / "events"


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return payload


@pytest.mark.parametrize(
    ("name", "status", "captured"),
    [
        ("sale.A", "captured", "12.50"),
        ("sale.A__three_decimals", "captured", "1.234"),
        ("sale.A__after_a_payment_request", "captured", "12.50"),
        ("sale.H", "pending", "0.00"),
        ("sale.D", "failed", "0.00"),
        ("auth.A", "authorised", "0.00"),
        ("auth.E", "failed", "0.00"),
    ],
)
def test_a_notice_of_the_payment_itself_carries_its_state(name: str, status: str, captured: str) -> None:
    (told,) = PayTabs().parse_events(event(name), {})
    assert told.payment
    assert (told.payment.status, str(told.payment.amount_captured)) == (status, captured)
    assert told.payment.amount_refunded is None
    assert told.payment_id == told.subject == "01980000-0000-7000-8000-00000000000a"


@pytest.mark.parametrize("name", ["capture.A", "void.A", "release.A", "refund.A", "refund.D", "sale.X", "auth.V"])
def test_any_other_makes_the_operation_look(name: str) -> None:
    (told,) = PayTabs().parse_events(event(name), {})
    assert (told.subject, told.payment) == ("01980000-0000-7000-8000-00000000000a", None)


def test_the_signature_is_over_the_body_as_it_came_with_the_server_key() -> None:
    """By openssl: `printf '{"tran_ref":"TST1"}' | openssl dgst -sha256 -hmac SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ`."""
    body, key = b'{"tran_ref":"TST1"}', "SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ"
    digest = "cc54b81a0b0e433cafc04cd66b7ffc7b63045944e5fcd5613aa8b5802946257e"
    request = InboundRequest(body, {"signature": digest}, received_at=0)
    assert PayTabs.signature
    PayTabs.signature.verify(request, [key])
    for altered in (InboundRequest(body + b" ", {"signature": digest}, 0), InboundRequest(body, {}, 0)):
        with pytest.raises(SignatureRefused):
            PayTabs.signature.verify(altered, [key])
    with pytest.raises(SignatureRefused):
        PayTabs.signature.verify(request, [SERVER_KEY])


def test_the_browser_s_form_is_signed_as_paytabs_published_it() -> None:
    """https://support.paytabs.com/en/support/solutions/articles/60000718961: key, form and signature are theirs."""
    form = (
        b"acquirerMessage=&acquirerRRN=&cartId=cart_11111&customerEmail=email%40domain.com&respCode=G84718"
        b"&respMessage=Authorised&respStatus=A&token=&tranRef=TST2215201242166"
        b"&signature=7a181a32c768621eb6966107752ee70205a01f1c4403a3d13c0ff604f591f988"
    )
    headers = {"content-type": "application/x-www-form-urlencoded"}
    SortedFields().verify(InboundRequest(form, headers, 0), ["SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ"])
    forged = form.replace(b"respStatus=A", b"respStatus=D")
    with pytest.raises(SignatureRefused):
        SortedFields().verify(InboundRequest(forged, headers, 0), ["SGJNZ96JLG-JDMKHGRWT9-RWRK2KJNRJ"])


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    """Otherwise what is proven by it proves nothing."""
    body: dict[str, Any] = {
        "profile_id": 98765,
        "tran_type": "sale",
        "tran_class": "ecom",
        "cart_id": CART,
        "cart_currency": "AED",
        "cart_amount": Decimal("12.50"),
        "cart_description": "order-1",
        "paypage_lang": "en",
        "hide_shipping": True,
    }
    client.post("/payment/request", json=body)
    for bad in (
        {"cart_amount": "12.50"},
        {"cart_amount": Decimal("12.505")},
        {"cart_currency": "aed"},
        {"profile_id": "98765"},
        {"cart_id": "x" * 65},
        {"tran_class": "web"},
        {"order_id": "1"},
        {"payment_methods": ["bitcoin"]},
    ):
        with pytest.raises(Rejected):
            client.post("/payment/request", json={**body, **bad})
    for query in ({}, {"tran_ref": "TST1", "cart_id": CART}):
        with pytest.raises(Rejected):
            client.post("/payment/query", json={"profile_id": 98765, **query})
    client.credentials = BAD_CREDENTIALS
    with pytest.raises(AuthenticationFailed):
        client.post("/payment/request", json=body)
