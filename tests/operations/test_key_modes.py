"""A key says itself whether it moves real money: one that says otherwise than its environment is refused."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.configuration import schema_of, validate
from integrations.errors import InvalidRequest
from integrations.models import Connection
from integrations.operations.connections import create_connection, update_connection
from integrations.operations.credentials import add_credential, rotate_credential
from integrations.providers.registry import get_provider
from tests.factories import ConnectionFactory, OrganizationFactory, catalogue_row

# Of each gateway whose keys tell: configuration and credentials with {mode} where live and test ones differ.
KEYS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "stripe": ({}, {"api_key": "sk_{mode}_sampleNotAKey", "publishable_key": "pk_{mode}_sampleNotAKey"}),
    "tap": ({}, {"secret_api_key": "sk_{mode}_sampleNotAKey", "public_key": "pk_{mode}_sampleNotAKey"}),
    "moyasar": ({}, {"secret_key": "sk_{mode}_sampleNotAKey", "publishable_key": "pk_{mode}_sampleNotAKey"}),
    "paymob": (
        {"public_key": "are_pk_{mode}_sampleNotAKey", "integration_ids": "card=1"},
        {"secret_key": "are_sk_{mode}_sampleNotAKey", "api_key": "sample-not-an-api-key"},
    ),
    "tabby": ({"merchant_code": "shop"}, {"secret_key": "sk_{mode}_sampleNotAKey", "public_key": "pk_{mode}_sample"}),
}
TELLING = [(slug, key) for slug, parts in KEYS.items() for part in parts for key, form in part.items() if "{" in form]
# Tabby's live keys say nothing: whatever is no test key is live.
WORDS = {"live": {"tabby": "", "": "live_"}, "test": {"": "test_"}}


def parts_of(slug: str, mode: str, **others: str) -> dict[str, Any]:
    """`others`: the keys that are of another mode."""

    def filled(key: str, form: str) -> str:
        words = WORDS[others.get(key, mode)]
        return form.replace("{mode}_", words.get(slug, words[""]))

    configuration, credentials = ({key: filled(key, form) for key, form in part.items()} for part in KEYS[slug])
    return {"configuration": configuration, "credentials": credentials}


@pytest.mark.parametrize("slug", KEYS)
@pytest.mark.parametrize(
    ("environment", "mode"), [("production", "live"), ("staging", "test"), ("development", "test")]
)
def test_keys_of_the_environment_s_own_kind_are_taken(slug: str, environment: str, mode: str) -> None:
    validate(get_provider(slug), environment=environment, **parts_of(slug, mode))


@pytest.mark.parametrize(("slug", "key"), TELLING)
@pytest.mark.parametrize(
    ("environment", "mode", "told"),
    [
        ("production", "test", "has to be a live key in production: this one is for tests"),
        ("staging", "live", "has to be a test key outside production: this one is live and moves real money"),
        ("development", "live", "has to be a test key outside production: this one is live and moves real money"),
    ],
)
def test_one_of_the_other_kind_is_refused_and_named(
    slug: str, key: str, environment: str, mode: str, told: str
) -> None:
    fitting = "live" if mode == "test" else "test"
    with pytest.raises(InvalidRequest) as refusal:
        validate(get_provider(slug), environment=environment, **parts_of(slug, fitting, **{key: mode}))
    part = "configuration" if key in KEYS[slug][0] else "credentials"
    assert list(refusal.value.details) == [{"field": f"{part}.{key}", "message": told}]


def test_a_malformed_key_is_told_to_be_that_alone() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        validate(get_provider("stripe"), environment="production", configuration={}, credentials={"api_key": "xyz"})
    assert refusal.value.message == "credentials.api_key does not have the expected form."


@pytest.mark.django_db
def test_neither_by_rotation_nor_by_addition_comes_a_key_of_the_other_kind() -> None:
    connection = ConnectionFactory(environment="production", credentials={"api_key": "sk_live_sampleNotAKey"})
    with pytest.raises(InvalidRequest, match="this one is for tests"):
        rotate_credential(connection.credentials.get(), value="sk_test_sampleNotAKey", untested=True)
    with pytest.raises(InvalidRequest, match="this one is for tests"):
        add_credential(connection, key="publishable_key", value="pk_test_sampleNotAKey")
    assert connection.credentials.get().reveal() == "sk_live_sampleNotAKey"


@pytest.mark.django_db
def test_a_connection_is_neither_made_nor_changed_with_one() -> None:
    catalogue_row("paymob")
    parts = parts_of("paymob", "test")
    made = create_connection(
        OrganizationFactory(), provider_slug="paymob", connection_name="Till", environment="staging", **parts
    )
    live = parts_of("paymob", "live")["configuration"]
    with pytest.raises(InvalidRequest, match="this one is live"):
        update_connection(made, configuration=live)
    assert Connection.objects.get().configuration == parts["configuration"]


@pytest.mark.parametrize(("slug", "key"), TELLING)
def test_the_schema_shows_how_such_a_key_looks(slug: str, key: str) -> None:
    properties = schema_of(get_provider(slug))["properties"]
    field = {**properties["configuration"]["properties"], **properties["credentials"]["properties"]}[key]
    assert "_test_…" in field["examples"][0]
