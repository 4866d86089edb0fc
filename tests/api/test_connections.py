from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from integrations.circuit import FAILURES_UNTIL_OPEN, record_failure
from integrations.models import Connection, Credential, Organization, Payment
from tests.factories import ConnectionFactory, PaymentFactory, RateLimitFactory, catalogue_row
from tests.operations.stripe_wire import StripeWire, refuses_the_key

from .client import ApiClient, error_of

CANARY = "sk_test_canary_not_a_key"
PUBLISHABLE = {"credential_key": "publishable_key", "value": "pk_test_sample_not_a_key"}


@pytest.fixture
def given(wire: StripeWire, organization: Organization) -> dict[str, Any]:
    catalogue_row("stripe")
    return {
        "provider": "stripe",
        "connection_name": "Shop",
        "environment": "development",
        "configuration": {"base_url": wire.url},
        "credentials": {"api_key": CANARY},
        "is_primary": True,
    }


def test_a_connection_is_made_tested_and_switched_on_and_off(api: ApiClient, given: dict[str, Any]) -> None:
    response = api.post("connections/", given)
    assert response.status_code == 201
    made = response.json()
    assert (made["provider"], made["status"], made["is_primary"]) == ("stripe", "pending", True)
    assert [credential["credential_key"] for credential in made["credentials"]] == ["api_key"]
    path = f"connections/{made['id']}/"
    tested = api.post(f"{path}test/").json()
    assert (tested["ok"], tested["http_status"], tested["error_code"]) == (True, 200, "")
    assert api.post(f"{path}activate/").json()["status"] == "active"
    assert api.get(path).json()["connected_at"]
    assert api.post(f"{path}deactivate/").json()["status"] == "inactive"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_no_answer_holds_the_secret(api: ApiClient, given: dict[str, Any], wire: StripeWire) -> None:
    wire.override = refuses_the_key
    answers = [api.post("connections/", given)]
    path = f"connections/{answers[0].json()['id']}/"
    answers += [
        api.post("connections/", {**given, "environment": "moon", "credentials": {"api_key": CANARY, "pin": CANARY}}),
        api.post("connections/", {**given, "credentials": {"api_key": f"{CANARY} and more"}}),
        api.post("connections/", {**given, "credentials": {"api_key": [CANARY]}}),
        api.post("connections/", {**given, "credentials": CANARY}),
        api.post(f"{path}test/"),
        api.post(f"{path}activate/"),
        api.get(f"{path}proxy/v1/balance"),
        api.get(path),
        api.get("connections/"),
        api.get(f"{path}credentials/"),
        api.post(f"{path}credentials/", {"credential_key": "api_key", "value": CANARY}),
        api.get("logs/"),
        *(api.get(f"logs/{row['id']}/") for row in api.get("logs/").json()["results"]),
        api.get("audit-logs/"),
    ]
    assert not [answer for answer in answers if CANARY.encode() in answer.content]
    assert Credential.objects.get().reveal() == CANARY


def test_a_refused_key_is_told_by_the_test_and_raised_by_activation(
    api: ApiClient, given: dict[str, Any], wire: StripeWire
) -> None:
    wire.override = refuses_the_key
    path = f"connections/{api.post('connections/', given).json()['id']}/"
    tested = api.post(f"{path}test/")
    assert tested.status_code == 200
    assert (tested.json()["ok"], tested.json()["error_code"]) == (False, "authentication_failed")
    activated = api.post(f"{path}activate/")
    assert (activated.status_code, error_of(activated)["code"]) == (502, "authentication_failed")
    assert api.get(path).json()["status"] == "error"


def test_a_connection_is_changed_in_part(api: ApiClient, connection: Connection) -> None:
    response = api.patch(f"connections/{connection.pk}/", {"connection_name": "Online shop", "region": "dubai"})
    assert response.status_code == 200
    assert (response.json()["connection_name"], response.json()["region"]) == ("Online shop", "dubai")
    assert response.json()["configuration"] == connection.configuration


@pytest.mark.parametrize("field", ["provider", "environment", "status", "credentials", "id", "colour"])
def test_what_cannot_be_changed_is_refused(field: str, api: ApiClient, connection: Connection) -> None:
    response = api.patch(f"connections/{connection.pk}/", {"connection_name": "New", field: "x"})
    assert (response.status_code, error_of(response)["field"]) == (400, field)
    connection.refresh_from_db()
    assert connection.connection_name != "New"


def test_a_new_primary_takes_the_place_of_the_old(api: ApiClient, given: dict[str, Any]) -> None:
    first = api.post("connections/", given).json()["id"]
    second = api.post("connections/", given).json()["id"]
    shown = {row["id"]: row["is_primary"] for row in api.get("connections/").json()["results"]}
    assert shown == {second: True, first: False}


def test_a_connection_with_payments_is_not_deleted(api: ApiClient, connection: Connection) -> None:
    PaymentFactory(connection=connection)
    response = api.delete(f"connections/{connection.pk}/")
    assert (response.status_code, error_of(response)["code"]) == (409, "conflict")
    assert Payment.objects.count() == Connection.objects.count() == 1


def test_connections_are_filtered(api: ApiClient, organization: Organization) -> None:
    stripe = ConnectionFactory(organization=organization, is_primary=True)
    sandbox = ConnectionFactory(organization=organization, slug="sandbox", status="error")

    def found(**query: str) -> set[str]:
        return {row["id"] for row in api.get("connections/", query).json()["results"]}

    assert found(provider="stripe") == found(status="active") == found(is_primary="true") == {str(stripe.pk)}
    assert found(status="error") == found(is_primary="false") == {str(sandbox.pk)}
    assert found(type="payment", environment="development") == {str(stripe.pk), str(sandbox.pk)}
    assert found(type="shipping") == set()


def test_pages_follow_each_other_newest_first_and_lead_back(api: ApiClient, organization: Organization) -> None:
    newest_first = [str(ConnectionFactory(organization=organization).pk) for _ in range(5)][::-1]
    first = api.get("connections/", {"page_size": "2"}).json()
    assert first["previous"] is None
    second = api.get(first["next"].partition("testserver")[2]).json()
    ConnectionFactory(organization=organization)  # comes meanwhile, shifts nothing
    third = api.get(second["next"].partition("testserver")[2]).json()
    assert third["next"] is None
    seen = [row["id"] for page in (first, second, third) for row in page["results"]]
    assert seen == newest_first
    back = api.get(third["previous"].partition("testserver")[2]).json()
    assert back["results"] == second["results"]


def test_a_list_costs_the_same_however_long(
    api: ApiClient, organization: Organization, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        ConnectionFactory(organization=organization)
    api.get("connections/")
    with django_assert_max_num_queries(8):
        assert len(api.get("connections/").json()["results"]) == 20


def test_credentials_are_added_rotated_and_deactivated_but_never_read(api: ApiClient, connection: Connection) -> None:
    path = f"connections/{connection.pk}/credentials/"
    added = api.post(path, PUBLISHABLE)
    assert added.status_code == 201
    assert added.json()["encryption_method"]
    old = next(row for row in api.get(path).json()["results"] if row["credential_key"] == "api_key")
    rotated = api.post(f"{path}{old['id']}/rotate/", {"value": CANARY, "overlap_hours": 1})
    assert rotated.status_code == 201
    assert rotated.json()["fingerprint"] != old["fingerprint"]
    assert rotated.json()["last_rotated"]
    shown = api.get(path)
    assert len([row for row in shown.json()["results"] if row["credential_key"] == "api_key"]) == 2
    assert CANARY.encode() not in shown.content + rotated.content + added.content
    off = api.post(f"{path}{rotated.json()['id']}/deactivate/")
    assert off.json()["is_active"] is False


def test_a_rotation_that_the_provider_refuses_changes_nothing(
    api: ApiClient, connection: Connection, wire: StripeWire
) -> None:
    path = f"connections/{connection.pk}/credentials/"
    (old,) = api.get(path).json()["results"]
    wire.override = refuses_the_key
    for address, body in (
        (f"{path}{old['id']}/rotate/", {"value": CANARY}),
        (f"{path}rotate/", {"values": {"api_key": CANARY}}),
    ):
        refused = api.post(address, body)
        assert refused.status_code == 502
        assert refused.json()["error"]["code"] == "authentication_failed"
        assert CANARY not in refused.content.decode()
        assert [row["id"] for row in api.get(path).json()["results"]] == [old["id"]]
    assert api.post(f"{path}{old['id']}/rotate/", {"value": CANARY, "untested": True}).status_code == 201


def test_credentials_are_rotated_together(api: ApiClient, connection: Connection) -> None:
    path = f"connections/{connection.pk}/credentials/"
    answer = api.post(f"{path}rotate/", {"values": {"api_key": CANARY}, "overlap_hours": 0})
    assert answer.status_code == 201
    (rotated,) = answer.json()
    assert rotated["credential_key"] == "api_key"
    assert CANARY not in answer.content.decode()
    wrong = api.post(f"{path}rotate/", {"values": {"password": "x"}})
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("price", "status"), [("0.05", 200), ("0", 200), (None, 200), ("-1", 400), ("free", 400), ("0.0000001", 400)]
)
def test_a_connection_has_a_price_per_call(
    api: ApiClient, connection: Connection, price: str | None, status: int
) -> None:
    changed = api.patch(f"connections/{connection.pk}/", {"price_per_call_aed": price})
    assert changed.status_code == status
    connection.refresh_from_db()
    assert connection.price_per_call_aed == (Decimal(price) if price and status == 200 else None)


def test_what_no_api_renews_is_said(api: ApiClient, connection: Connection) -> None:
    path = f"connections/{connection.pk}/credentials/"
    (old,) = api.get(path).json()["results"]
    answer = api.post(f"{path}{old['id']}/renew/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_supported")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"credential_key": "api_key", "value": CANARY}, 409, "credential_key"),
        ({"credential_key": "pin", "value": "1"}, 400, "credential_key"),
        ({"credential_key": "publishable_key"}, 400, "value"),
        ({"credential_key": "publishable_key", "value": "nonsense"}, 400, "value"),
        ({**PUBLISHABLE, "expires_at": "2001-01-01T00:00:00Z"}, 400, "expires_at"),
        ({**PUBLISHABLE, "rotation_policy": "never"}, 400, "rotation_policy"),
        ({**PUBLISHABLE, "encrypted_value": "x"}, 400, "encrypted_value"),
    ],
)  # fmt: skip
def test_a_credential_that_cannot_be_is_refused(
    body: dict[str, Any], status: int, field: str, api: ApiClient, connection: Connection
) -> None:
    response = api.post(f"connections/{connection.pk}/credentials/", body)
    assert (response.status_code, error_of(response)["field"]) == (status, field)
    assert CANARY not in json.dumps(response.json())
    assert Credential.objects.count() == 1


def test_rate_limits_are_set_and_told(api: ApiClient, connection: Connection) -> None:
    path = f"connections/{connection.pk}/rate-limits/"
    made = api.post(path, {"limit_type": "per_minute", "max_requests": 3})
    assert made.status_code == 201
    assert api.get(path).json()["results"][0]["max_requests"] == 3
    api.get(f"connections/{connection.pk}/proxy/v1/balance")
    window = _window(api, connection)
    assert (window["max_requests"], window["remaining"], window["allowed"]) == (3, 2, True)
    assert window["reset_at"]
    api.patch(f"{path}{made.json()['id']}/", {"max_requests": 1})
    assert _window(api, connection)["allowed"] is False
    refused = api.get(f"connections/{connection.pk}/proxy/v1/balance")
    assert (refused.status_code, error_of(refused)["code"]) == (429, "rate_limited")
    assert int(refused["Retry-After"]) == error_of(refused)["retry_after"] >= 1


def _window(api: ApiClient, connection: Connection) -> dict[str, Any]:
    windows = api.get(f"connections/{connection.pk}/rate-limits/check/").json()
    return next(window for window in windows if window["limit_type"] == "per_minute")


def test_a_second_limit_of_a_type_is_a_conflict(api: ApiClient, connection: Connection) -> None:
    RateLimitFactory(connection=connection, limit_type="per_day")
    response = api.post(f"connections/{connection.pk}/rate-limits/", {"limit_type": "per_day", "max_requests": 5})
    assert (response.status_code, error_of(response)["field"]) == (409, "limit_type")


@pytest.mark.parametrize("max_requests", [0, -1, 2**31, 1.5, "many", None, True])
def test_a_limit_is_a_whole_positive_number(max_requests: Any, api: ApiClient, connection: Connection) -> None:
    body = {"limit_type": "per_hour", "max_requests": max_requests}
    response = api.post(f"connections/{connection.pk}/rate-limits/", body)
    assert (response.status_code, error_of(response)["field"]) == (400, "max_requests")


def test_an_open_circuit_is_shown_and_closed_by_hand(api: ApiClient, connection: Connection, wire: StripeWire) -> None:
    closed = {"state": "closed", "failures": 0, "opened_at": None, "retry_at": None, "paused": False}
    assert api.get(f"connections/{connection.pk}/").json()["circuit"] == closed
    for _ in range(FAILURES_UNTIL_OPEN):
        record_failure(connection)
    shown = api.get(f"connections/{connection.pk}/").json()["circuit"]
    assert (shown["state"], shown["failures"], shown["paused"]) == ("open", FAILURES_UNTIL_OPEN, False)
    refused = api.get(f"connections/{connection.pk}/proxy/v1/balance")
    assert refused.status_code == 503
    assert error_of(refused)["code"] == "circuit_open"
    assert 0 < int(refused["Retry-After"]) <= 30
    assert api.post(f"connections/{connection.pk}/circuit/reset/").json()["circuit"] == closed
