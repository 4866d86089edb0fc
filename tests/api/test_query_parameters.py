"""What a query asks for is done or refused: a filter with a letter amiss must not show everything."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from integrations.models import Connection, Organization, Payment
from tests.pages.rows import plant

from .client import ROOT, ApiClient, document, error_of
from .test_isolation import LISTS

UNKNOWN = "There is no such query parameter"


def _read_by_each() -> dict[str, list[str]]:
    """The query parameters that the document promises, by each path that can be read."""
    return {
        path.removeprefix(ROOT): [one["name"] for one in calls["get"].get("parameters", []) if one["in"] == "query"]
        for path, calls in document()["paths"].items()
        if "get" in calls and "/proxy/" not in path
    }


def _address(path: str) -> str:
    return re.sub(r"{\w+}", lambda _: str(uuid4()), path)


@pytest.mark.parametrize("path", ["providers/", "event-types/", *LISTS])
def test_a_list_refuses_a_filter_that_it_does_not_have(path: str, api: ApiClient, organization: Organization) -> None:
    plant(organization, "ours")
    response = api.get(path, {"staus": "failed", "page_size": "10"})
    assert response.status_code == 400
    error = error_of(response)
    assert (error["code"], error["field"]) == ("invalid_request", "staus")
    assert error["message"].startswith(UNKNOWN)
    assert "page_size" in error["message"]
    assert [detail["field"] for detail in error["details"]] == ["staus"]


def test_every_parameter_that_is_not_known_is_named(api: ApiClient) -> None:
    error = error_of(api.get("webhook-events/", {"staus": "failed", "status": "failed", "sincce": "x"}))
    assert [detail["field"] for detail in error["details"]] == ["staus", "sincce"]


@pytest.mark.parametrize("path", _read_by_each())
def test_the_document_names_just_the_parameters_that_are_read(path: str, api: ApiClient) -> None:
    documented = _read_by_each()[path]
    for name in (*documented, "format"):
        assert UNKNOWN not in api.get(_address(path), {name: "1"}).content.decode(), name
    told = error_of(api.get(_address(path), {"unheard_of": "1"}))["message"]
    assert told.startswith(UNKNOWN)
    takes = told.partition("It takes ")[2].rstrip(".")
    assert takes == (", ".join(sorted(documented)) or "none")


def test_a_write_with_an_unknown_parameter_does_nothing(api: ApiClient, connection: Connection) -> None:
    body = {"amount": "12.50", "currency": "AED", "reference": "order-1", "payment_token": "pm_card_visa"}
    response = api.send("POST", "payments/", body, query={"dry_run": "true"})
    assert (response.status_code, error_of(response)["field"]) == (400, "dry_run")
    assert not Payment.objects.exists()


def test_a_stranger_learns_no_parameters(db: None) -> None:
    assert ApiClient("hub_wrong").get("payments/", {"staus": "failed"}).status_code == 401


def test_what_is_for_the_provider_is_passed_on(api: ApiClient, connection: Connection, wire: Any) -> None:
    assert api.get(f"connections/{connection.pk}/proxy/v1/balance", {"unheard_of": "1"}).status_code == 200
