from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Organization
from tests.factories import catalogue_row

KEY = "sk_sandbox_planted_not_a_key"


@pytest.fixture
def wizard(administrator: Client, settings: Any) -> Client:
    catalogue_row("sandbox")
    catalogue_row("stripe")
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.SANDBOX = True
    return administrator


def _submit(client: Client, step: str, /, **fields: str) -> Any:
    given = {f"{step}-{name}": value for name, value in fields.items()}
    return client.post(reverse("setup-step", args=[step]), {"setup_wizard-current_step": step, **given})


def _walk_to_review(client: Client, key: str = KEY) -> None:
    client.get(reverse("setup"), {"reset": "1"})
    _submit(client, "provider", provider="sandbox")
    _submit(client, "configuration", connection_name="Trial", environment="development")
    _submit(client, "credentials", api_key=key)


def _act(client: Client, action: str, **headers: str) -> Any:
    data = {"setup_wizard-current_step": "review", "action": action}
    return client.post(reverse("setup-step", args=["review"]), data, headers=headers)


@pytest.mark.django_db(transaction=True)
def test_four_steps_and_a_passed_test_make_an_active_connection(
    wizard: Client, live_server: Any, settings: Any, organization: Organization
) -> None:
    settings.PUBLIC_URL = live_server.url
    _walk_to_review(wizard)
    tried = _act(wizard, "test", **{"HX-Request": "true"})
    assert "The connection works." in tried.content.decode()
    assert not Connection.objects.exists()
    saved = _act(wizard, "save")
    connection = Connection.objects.get()
    assert saved.headers["Location"] == f"{reverse('connection-webhooks', args=[connection.pk])}?setup=1"
    assert (connection.status, connection.organization) == (Connection.Status.ACTIVE, organization)
    assert connection.credentials.get().reveal() == KEY


@pytest.mark.django_db(transaction=True)
def test_a_failed_test_saves_nothing_and_says_why(wizard: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    _walk_to_review(wizard)
    for action in ("test", "save"):
        shown = _act(wizard, action).content.decode()
        assert "nothing was saved" in shown
        assert KEY not in shown
    assert not Connection.objects.exists()


def test_credentials_are_sealed_in_the_session_and_shown_on_no_page(wizard: Client) -> None:
    _walk_to_review(wizard)
    for step in ("provider", "configuration", "credentials", "review"):
        assert KEY not in wizard.get(reverse("setup-step", args=[step])).content.decode()
    stored = [session.get_decoded() for session in Session.objects.all()]
    assert "wizard_setup_wizard" in stored[0]
    assert KEY not in str(stored)
    assert "Trial" not in str(stored)


def test_cancelling_wipes_what_was_typed(wizard: Client) -> None:
    _walk_to_review(wizard)
    assert _act(wizard, "cancel").headers["Location"] == reverse("connections")
    assert wizard.session["wizard_setup_wizard"]["step_data"] == {}


def _go_back(client: Client, step: str, to: str, /, **fields: str) -> str:
    """The page that is then shown."""
    given = {f"{step}-{name}": value for name, value in fields.items()}
    answer = client.post(
        reverse("setup-step", args=[step]), {"setup_wizard-current_step": step, "back": to, **given}, follow=True
    )
    assert answer.redirect_chain[-1][0] == reverse("setup-step", args=[to])
    return str(answer.text)


def test_what_was_typed_is_there_again_after_going_back(wizard: Client) -> None:
    """Whole or not, and without being called wrong before anybody said that it is done."""
    wizard.get(reverse("setup"), {"provider": "stripe"})
    _go_back(wizard, "configuration", "provider", connection_name="Main shop", environment="staging", base_url="htp:/x")
    _submit(wizard, "provider", provider="stripe")
    page = wizard.get(reverse("setup-step", args=["configuration"])).text
    assert 'value="Main shop"' in page
    assert '<option value="staging" selected>' in page
    assert 'value="htp:/x"' in page
    assert "hub-field__error" not in page
    assert "Main shop" not in str([session.get_decoded() for session in Session.objects.all()])
    assert wizard.get(reverse("setup-step", args=["credentials"])).headers["Location"].endswith("/configuration/")


def test_a_draft_gives_way_to_what_is_well_and_to_another_provider(wizard: Client) -> None:
    wizard.get(reverse("setup"), {"provider": "stripe"})
    _go_back(wizard, "configuration", "provider", connection_name="", environment="staging")
    _submit(wizard, "configuration", connection_name="Second", environment="development")
    assert 'value="Second"' in wizard.get(reverse("setup-step", args=["configuration"])).text
    _go_back(wizard, "configuration", "provider", connection_name="", environment="staging")
    _submit(wizard, "provider", provider="sandbox")
    assert '<option value="development" selected>' in wizard.get(reverse("setup-step", args=["configuration"])).text


def test_good_credentials_are_kept_on_the_way_back_and_wrong_ones_are_not(wizard: Client) -> None:
    _walk_to_review(wizard)
    _go_back(wizard, "credentials", "configuration", api_key="sk_sandbox_another_not_a_key")
    assert wizard.get(reverse("setup-step", args=["review"])).status_code == 200
    wizard.get(reverse("setup"), {"provider": "sandbox"})
    _submit(wizard, "configuration", connection_name="Trial", environment="development")
    _go_back(wizard, "credentials", "configuration", api_key="")
    assert wizard.get(reverse("setup-step", args=["review"])).headers["Location"].endswith("/credentials/")


def test_review_leads_back_to_any_step(wizard: Client) -> None:
    for step in ("provider", "configuration", "credentials"):
        _walk_to_review(wizard)
        _go_back(wizard, "review", step)
        assert wizard.get(reverse("setup-step", args=["review"])).status_code == 200


def test_going_back_keeps_the_credentials_unless_the_provider_changes(wizard: Client) -> None:
    _walk_to_review(wizard)
    assert _submit(wizard, "credentials", api_key="").headers["Location"].endswith("/review/")
    _submit(wizard, "provider", provider="stripe")
    assert set(wizard.session["wizard_setup_wizard"]["step_data"]) == {"provider"}


@pytest.mark.parametrize("step", ["configuration", "credentials", "review", "done"])
def test_no_step_is_reached_before_those_it_stands_on(wizard: Client, step: str) -> None:
    wizard.get(reverse("setup"), {"reset": "1"})
    answer = wizard.get(reverse("setup-step", args=[step]))
    assert answer.headers["Location"].endswith("/provider/")


@pytest.mark.parametrize(
    ("step", "fields", "told"),
    [
        ("provider", {"provider": "no_such_thing"}, "Choose one."),
        ("provider", {}, "Choose a provider."),
        ("configuration", {"connection_name": "", "environment": "development"}, "required"),
        ("configuration", {"connection_name": "x", "environment": "moon"}, "moon"),
        (
            "configuration",
            {"connection_name": "x", "environment": "production", "base_url": "http://127.0.0.1:1"},
            "Only staging and development",
        ),
        ("credentials", {"api_key": ""}, "required"),
        ("credentials", {"api_key": "pk_wrong_kind"}, "does not have the expected form"),
        ("credentials", {"api_key": KEY + "\n\x00"}, "Null characters"),
    ],
)
def test_bad_input_is_told_at_its_step(wizard: Client, step: str, fields: dict[str, str], told: str) -> None:
    _walk_to_review(wizard)
    if step == "credentials":
        _submit(wizard, "provider", provider="stripe")
        _submit(wizard, "provider", provider="sandbox")
        _submit(wizard, "configuration", connection_name="Trial", environment="development")
    answer = _submit(wizard, step, **fields)
    assert answer.status_code == 200
    assert told in answer.content.decode()


def test_a_link_begins_with_its_provider_chosen(wizard: Client) -> None:
    answer = wizard.get(reverse("setup"), {"provider": "sandbox"})
    assert answer.headers["Location"].endswith("/configuration/")


@pytest.mark.parametrize(
    ("step", "claimed"), [("moon", "moon"), ("provider", "moon"), ("provider", ""), ("done", "done")]
)
def test_a_step_that_does_not_exist_is_not_found(wizard: Client, step: str, claimed: str) -> None:
    answer = wizard.post(reverse("setup-step", args=[step]), {"setup_wizard-current_step": claimed})
    assert answer.status_code == 404
