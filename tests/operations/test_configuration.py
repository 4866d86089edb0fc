from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from integrations.configuration import schema_of, validate
from integrations.errors import InvalidRequest
from integrations.providers.base import Provider
from integrations.providers.registry import get_provider, providers

KEY = "sk_test_sample_not_a_key"


@pytest.fixture
def stripe() -> Provider:
    return get_provider("stripe")


@pytest.mark.parametrize("provider", providers().values(), ids=lambda provider: provider.slug)
def test_every_provider_has_a_sound_schema(provider: Provider) -> None:
    schema = schema_of(provider)
    Draft202012Validator.check_schema(schema)
    for field in provider.credentials:
        described = schema["properties"]["credentials"]["properties"][field.key]
        assert described["title"]
        assert described["x-title-ar"]
        assert described.get("x-secret", False) is field.secret


def test_all_problems_are_told_at_once(stripe: Provider) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        validate(
            stripe,
            environment="production",
            configuration={"base_url": "https://example.com", "send_receipts": "yes"},
            credentials={"publishable_key": "p", "spare": "x"},
        )
    assert [detail["field"] for detail in refusal.value.details] == [
        "configuration.base_url",
        "configuration.send_receipts",
        "credentials.api_key",
        "credentials.spare",
        "credentials.publishable_key",
    ]


@pytest.mark.parametrize("value", ["hidden_value", KEY + "\n", KEY + "\x00", "\ud800", 7, None, ["hidden_value"]])
def test_a_malformed_secret_is_refused_and_never_repeated(stripe: Provider, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        validate(stripe, environment="staging", configuration={}, credentials={"api_key": value})
    assert refusal.value.field == "credentials.api_key"
    assert "hidden_value" not in refusal.value.message
    assert KEY not in refusal.value.message


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "https://user:word@example.com",
        "https://user@example.com",
        "https://example.com?a=1",
        "https://example.com#a",
        "https://",
        "//example.com",
        "https://example.com:99999",
        "https://exa mple.com",
        "https://example.com\n",
        "https:\\\\example.com",
        "",
        5,
    ],
)
def test_a_base_url_that_is_more_than_an_address_is_refused(stripe: Provider, url: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        validate(stripe, environment="development", configuration={"base_url": url}, credentials={"api_key": KEY})
    assert refusal.value.field == "configuration.base_url"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8420", "https://example.com/stripe", "http://[::1]:80/"])
def test_a_plain_base_url_is_taken_outside_production(stripe: Provider, url: str) -> None:
    validate(stripe, environment="staging", configuration={"base_url": url}, credentials={"api_key": KEY})
