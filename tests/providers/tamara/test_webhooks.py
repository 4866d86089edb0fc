"""Tamara's webhooks: registered, proven by its token, telling no state."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import jwt
import pytest

from integrations.errors import Rejected, SignatureRefused
from integrations.providers.results import Item
from integrations.providers.signatures import InboundRequest
from tests.providers.tamara.wire import CREDENTIALS, TamaraWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import OURS, TAMARA, create, order

EVENTS = Path(__file__).parent / "events"


KEY = CREDENTIALS["notification_token"]


def test_a_webhook_is_registered_once_and_kept_up_to_date(client: WireClient, wire: TamaraWire) -> None:
    for _ in range(2):
        TAMARA.register_webhook(client, "https://hub.example/webhooks/1/", KEY)
        (hook,) = wire.hooks
        assert hook["events"] == list(TAMARA.event_types)
        hook["events"] = ["order_approved"]
    refusal = WireAnswer(400, {"message": "No.", "errors": [{"error_code": "bad_url"}]})
    with WireServer(lambda request: refusal) as other, pytest.raises(Rejected):
        TAMARA.register_webhook(replace(client, base_url=other.url), "https://hub.example/", KEY)


URL = "https://hub.example/webhooks/1/"


def signed(token: str, *, in_query: bool = False) -> InboundRequest:
    body = (EVENTS / "order_approved.json").read_bytes()
    headers = {} if in_query else {"authorization": f"Bearer {token}"}
    return InboundRequest(body, headers, time.time(), url=f"{URL}?tamaraToken={token}" if in_query else URL)


def a_token(key: str = KEY, *, algorithm: str = "HS256", age: int = 0) -> str:
    """As PyJWT makes it, with the claims that https://docs.tamara.co/docs/transaction-authorisation shows."""
    now = int(time.time()) - age
    return jwt.encode({"exp": now + 900, "iat": now, "iss": "Tamara"}, key, algorithm)


def test_a_token_that_another_library_makes_is_accepted_in_the_header_and_in_the_address() -> None:
    for request in (signed(a_token()), signed(a_token(), in_query=True)):
        TAMARA.signature.verify(request, [KEY])


@pytest.mark.parametrize(
    "token",
    [
        a_token(KEY.replace("sample", "another")),
        a_token(algorithm="HS512"),
        a_token(age=1000),
        jwt.encode({"iss": "Tamara", "exp": 9_999_999_999}, None, "none"),
        # Of Tamara's own documentation; it ended in 2023, and its key was never told.
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJleHAiOjE2ODEyMTY0NDMsImlhdCI6MTY4MTIxNTU0MywiaXNzIjoiVGFtYXJhIn0"
        ".oD9V-HhWrAUTpti342QduaBeapncZBZ1apSY9dH8vfs",
    ],
)
def test_a_token_that_is_forged_or_old_is_refused(token: str) -> None:
    for in_query in (False, True):
        with pytest.raises(SignatureRefused):
            TAMARA.signature.verify(signed(token, in_query=in_query), [KEY])


def test_what_we_sign_is_what_another_library_reads() -> None:
    bare = InboundRequest(b"{}", {}, time.time(), url=URL)
    headers = TAMARA.signature.sign_request(bare, KEY, event_id="", timestamp=int(time.time())).headers
    claims = jwt.decode(headers["authorization"].removeprefix("Bearer "), KEY, ["HS256"])
    assert claims["exp"] - claims["iat"] == 900


def test_a_webhook_never_tells_the_payment_s_state_by_itself() -> None:
    for path in sorted(EVENTS.glob("*.json")):
        (event,) = TAMARA.parse_events(json.loads(path.read_bytes()), {})
        assert event.payment is None
        assert event.payment_id in (OURS, f"{OURS[:-1]}2", "")


def test_the_two_notices_of_one_approval_are_one_event() -> None:
    of_account = json.loads((EVENTS / "order_approved.json").read_bytes())
    of_order = {**{name: told for name, told in of_account.items() if name != "event_type"}, "order_status": "approved"}
    assert TAMARA.identify_event(of_account, {}) == TAMARA.identify_event(of_order, {})


def test_items_that_do_not_add_up_go_as_one(client: WireClient, server: WireServer) -> None:
    create(client, order(items=(Item("Abaya", 1, Decimal("10.00")),)))
    (item,) = server.requests[0].json()["items"]
    assert (item["name"], item["type"], item["total_amount"]["amount"]) == ("order-1", "Physical", 12.5)
