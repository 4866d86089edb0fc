from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from integrations.models import IntegrationProvider
from integrations.operations.catalogue import sync_catalogue
from integrations.providers.registry import get_provider

from .client import ApiClient, error_of


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    sync_catalogue()


def _slugs(api: ApiClient, **query: str) -> set[str]:
    response = api.get("providers/", query)
    assert response.status_code == 200
    return {row["slug"] for row in response.json()["results"]}


def test_the_catalogue_is_listed(api: ApiClient) -> None:
    rows = {row["slug"]: row for row in api.get("providers/").json()["results"]}
    assert {"stripe", "sandbox"} <= set(rows)
    assert rows["stripe"]["provider_name"] == get_provider("stripe").name
    assert (rows["stripe"]["provider_type"], rows["stripe"]["is_active"]) == ("payment", True)
    assert "configuration_schema" not in rows["stripe"]


def test_a_provider_tells_what_a_connection_needs(api: ApiClient) -> None:
    schema = api.get("providers/stripe/").json()["configuration_schema"]
    Draft202012Validator.check_schema(schema)
    api_key = schema["properties"]["credentials"]["properties"]["api_key"]
    assert api_key["writeOnly"] is True
    assert "api_key" in schema["properties"]["credentials"]["required"]


def test_the_catalogue_is_filtered(api: ApiClient) -> None:
    assert "stripe" in _slugs(api, type="payment") & _slugs(api, country="AE") & _slugs(api, currency="AED")
    assert _slugs(api, country="ae") == _slugs(api, country="AE")
    assert _slugs(api, type="shipping") == set()
    assert "stripe" in _slugs(api, capability="card")
    assert _slugs(api, capability="unheard-of") == set()
    IntegrationProvider.objects.filter(slug="stripe").update(is_active=False)
    assert "stripe" not in _slugs(api, is_active="true")
    assert _slugs(api, is_active="false") == {"stripe"}


def test_the_region_comes_first_on_every_page(api: ApiClient) -> None:
    for name in ("Zebra", "Alpha", "Mena"):
        IntegrationProvider.objects.create(
            slug=name.lower(), provider_name=name, provider_type="shipping", is_mena_provider=name == "Mena"
        )
    seen, address = [], "/api/v1/providers/?type=shipping&page_size=1"
    while address:
        page = api.get(address).json()
        seen += [row["slug"] for row in page["results"]]
        address = (page["next"] or "").partition("testserver")[2]
    assert seen == ["mena", "alpha", "zebra"]


@pytest.mark.parametrize("slug", ["nobody", "STRIPE", "%00", "stripe%20"])
def test_an_unknown_provider_is_not_found(slug: str, api: ApiClient) -> None:
    assert error_of(api.get(f"providers/{slug}/"))["code"] == "not_found"


@pytest.mark.parametrize("call", ["post", "patch", "delete"])
def test_the_catalogue_is_read_only(call: str, api: ApiClient) -> None:
    path = "providers/" if call == "post" else "providers/stripe/"
    response: Any = getattr(api, call)(path)
    assert response.status_code in (403, 405)
