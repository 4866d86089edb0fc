"""What is only made here is made once under a key; payments have tests of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.db import connection as database

from integrations.models import Connection, Organization
from tests.factories import catalogue_row, token_for
from webhooks.models import WebhookEndpoint

from .client import ApiClient, error_of

BODY = {
    "provider": "stripe",
    "connection_name": "Shop",
    "environment": "development",
    "credentials": {"api_key": "sk_test_canary_not_a_key"},
}


@pytest.fixture(autouse=True)
def _catalogue(organization: Organization) -> None:
    catalogue_row("stripe")


def test_the_same_key_makes_one_connection(api: ApiClient) -> None:
    first = api.post("connections/", BODY, Idempotency_Key="setup-1")
    again = api.post("connections/", BODY, Idempotency_Key="setup-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Connection.objects.count() == 1


def test_without_a_key_each_call_makes_one(api: ApiClient) -> None:
    assert {api.post("connections/", BODY).status_code for _ in range(2)} == {201}
    assert Connection.objects.count() == 2


def test_a_key_is_for_one_request_alone(api: ApiClient) -> None:
    api.post("connections/", BODY, Idempotency_Key="setup-1")
    response = api.post("connections/", {**BODY, "connection_name": "Other"}, Idempotency_Key="setup-1")
    assert (response.status_code, error_of(response)["field"]) == (409, "idempotency_key")
    assert Connection.objects.count() == 1


def test_a_refused_request_does_not_use_up_its_key(api: ApiClient) -> None:
    assert api.post("connections/", {**BODY, "provider": "nobody"}, Idempotency_Key="setup-1").status_code == 400
    assert api.post("connections/", BODY, Idempotency_Key="setup-1").status_code == 201


def test_a_key_is_an_organizations_own(api: ApiClient, other: Organization) -> None:
    mine = api.post("connections/", BODY, Idempotency_Key="setup-1").json()["id"]
    theirs = ApiClient(token_for(other)).post("connections/", BODY, Idempotency_Key="setup-1")
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine


def test_what_was_made_and_deleted_since_is_not_found(api: ApiClient) -> None:
    made = api.post("connections/", BODY, Idempotency_Key="setup-1").json()["id"]
    api.delete(f"connections/{made}/")
    assert api.post("connections/", BODY, Idempotency_Key="setup-1").status_code == 404


def test_an_endpoint_is_made_and_its_secret_rotated_once(api: ApiClient, connection: Connection) -> None:
    body = {"connection": str(connection.pk)}
    made = [api.post("webhook-endpoints/", body, Idempotency_Key="hook-1").json() for _ in range(2)]
    assert made[0] == made[1]
    assert WebhookEndpoint.objects.count() == 1
    path = f"webhook-endpoints/{made[0]['id']}/rotate-secret/"
    secrets = [api.post(path, Idempotency_Key="turn-1").json()["webhook_secret"] for _ in range(2)]
    assert secrets[0] == secrets[1] != made[0]["webhook_secret"]


def test_redis_learns_no_secret_and_no_key(api: ApiClient) -> None:
    api.post("connections/", BODY, Idempotency_Key="setup-1")
    client: Any = cache._cache.get_client()  # type: ignore[attr-defined]
    held = b" ".join(key + (client.get(key) if client.type(key) == b"string" else b"") for key in client.keys("*"))
    assert b"idempotency" in held
    assert b"canary" not in held
    assert b"setup-1" not in held


def test_without_redis_a_key_stops_nobody(api: ApiClient, settings: Any) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}}
    try:
        assert api.post("connections/", BODY, Idempotency_Key="setup-1").status_code == 201
    finally:
        del caches["default"]


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_once_one_makes_it(api: ApiClient) -> None:
    def create(number: int) -> int:
        try:
            client = ApiClient()
            client.headers = api.headers
            status: int = client.post("connections/", BODY, Idempotency_Key="setup-1").status_code
            return status
        finally:
            database.close()

    with ThreadPoolExecutor(4) as callers:
        statuses = list(callers.map(create, range(4)))
    assert 201 in statuses
    assert set(statuses) <= {201, 409}
    assert Connection.objects.count() == 1
