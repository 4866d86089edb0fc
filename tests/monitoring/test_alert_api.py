"""Programs manage rules, channels and silences, and acknowledge alerts; an address is never read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.models import Connection
from monitoring.models import Alert, AlertChannel, AlertRule
from tests.api.client import ApiClient
from tests.factories import ConnectionFactory, OrganizationFactory, token_for
from tests.wire import WireAnswer, WireServer

from .alert_steps import become, channel_to, look, send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _open_loopback(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]


@pytest.fixture
def wire() -> Iterator[WireServer]:
    with WireServer(lambda request: WireAnswer(200)) as server:
        yield server


@pytest.fixture
def shop() -> Connection:
    made: Connection = ConnectionFactory(organization=OrganizationFactory(), connection_name="Shop")
    return made


def test_a_channel_by_rest_keeps_its_address_to_itself(shop: Connection, wire: WireServer) -> None:
    api = ApiClient(token_for(shop.organization))
    url = f"json://user:sample-secret@127.0.0.1:{wire.port}/"
    made = api.post("alert-channels/", {"name": "Desk", "url": url})
    assert made.status_code == 201, made.content
    key = made.json()["id"]
    tested = api.post(f"alert-channels/{key}/test/")
    assert (tested.status_code, tested.json()["status"]) == (200, "sent")
    changed = api.patch(f"alert-channels/{key}/", {"name": "Counter", "is_active": False})
    assert (changed.status_code, changed.json()["is_active"]) == (200, False)
    for answer in (made, tested, changed, api.get("alert-channels/"), api.get(f"alert-channels/{key}/")):
        assert "sample-secret" not in json.dumps(answer.json())
        assert "url" not in answer.json()
    assert api.delete(f"alert-channels/{key}/").status_code == 204
    assert not AlertChannel.objects.exists()


def test_an_address_that_may_not_be_reached_names_no_secret(shop: Connection) -> None:
    api = ApiClient(token_for(shop.organization))
    inside = api.post("alert-channels/", {"name": "In", "url": "jsons://10.0.0.1/sample-secret"})
    assert (inside.status_code, inside.json()["error"]["code"]) == (403, "egress_refused")
    odd = api.post("alert-channels/", {"name": "Odd", "url": "dbus://sample-secret"})
    assert (odd.status_code, odd.json()["error"]["code"]) == (400, "invalid_request")
    assert "sample-secret" not in json.dumps([inside.json(), odd.json()])


def test_a_rule_and_a_silence_by_rest(shop: Connection, wire: WireServer) -> None:
    api = ApiClient(token_for(shop.organization))
    channel = channel_to(wire, shop.organization)
    rule = {"kind": "error_rate", "threshold": "10", "connection": str(shop.pk), "channels": [str(channel.pk)]}
    made = api.post("alert-rules/", {**rule, "tells_all_channels": False})
    assert made.status_code == 201, made.content
    key = made.json()["id"]
    assert (made.json()["threshold"], made.json()["channels"]) == ("10.00", [str(channel.pk)])
    changed = api.patch(f"alert-rules/{key}/", {"for_minutes": 15, "channels": []})
    assert (changed.json()["for_minutes"], changed.json()["channels"]) == (15, [])
    assert api.patch(f"alert-rules/{key}/", {"threshold": "101"}).status_code == 400
    assert api.get("alert-rules/", {"connection": str(shop.pk)}).json()["results"][0]["id"] == key
    assert api.delete(f"alert-rules/{key}/").status_code == 204
    assert not AlertRule.objects.filter(pk=key).exists()

    weekly = {"name": "Nights", "weekdays": [0], "start_time": "22:00", "end_time": "06:00"}
    silence = api.post("alert-silences/", weekly)
    assert silence.status_code == 201, silence.content
    assert api.post("alert-silences/", {"name": "Half", "weekdays": [0]}).status_code == 400
    off = api.patch(f"alert-silences/{silence.json()['id']}/", {"is_active": False})
    assert off.json()["is_active"] is False
    assert api.delete(f"alert-silences/{silence.json()['id']}/").status_code == 204


def test_a_program_acknowledges(shop: Connection, wire: WireServer) -> None:
    channel_to(wire, shop.organization)
    become("down", shop)
    look()
    send()
    api = ApiClient(token_for(shop.organization))
    (row,) = api.get("alerts/", {"is_open": "true", "is_acknowledged": "false"}).json()["results"]
    done = api.post(f"alerts/{row['id']}/acknowledge/")
    assert (done.status_code, done.json()["acknowledged_by"] != "") == (200, True)
    assert api.get("alerts/", {"is_acknowledged": "false"}).json()["results"] == []
    detail = api.get(f"alerts/{row['id']}/").json()
    assert [(one["kind"], one["status"]) for one in detail["notifications"]] == [("opened", "sent")]
    Alert.objects.update(resolved_at=Alert.objects.get().opened_at)
    assert api.post(f"alerts/{row['id']}/acknowledge/").status_code == 409


def test_a_token_that_may_only_read_manages_nothing(shop: Connection) -> None:
    api = ApiClient(token_for(shop.organization, "read"))
    for path in ("alert-rules/", "alert-channels/", "alert-silences/"):
        assert api.get(path).status_code == 200
        assert api.post(path, {}).status_code == 403
