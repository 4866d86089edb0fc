"""What the set-up wizard refuses, and in which words: beside the field, all at once, in the reader's language."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Organization
from tests.factories import ConnectionFactory, catalogue_row

BANK = {"account_name": "Sample Trading LLC", "bank_name": "Sample Bank", "currency": "AED", "payment_days": "7"}
LEFT_TO_RIGHT, END = "\N{LEFT-TO-RIGHT ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
IBAN = "AE070331234567890123456"


def submit(client: Client, step: str, /, **fields: str) -> Any:
    given = {f"{step}-{name}": value for name, value in fields.items()}
    return client.post(reverse("setup-step", args=[step]), {"setup_wizard-current_step": step, **given})


def configure(client: Client, slug: str, environment: str = "development", **fields: str) -> Any:
    catalogue_row(slug)
    client.get(reverse("setup"), {"provider": slug})
    return submit(client, "configuration", connection_name="Till", environment=environment, **fields)


def errors(answer: Any) -> dict[str, list[str]]:
    return {name: list(told) for name, told in answer.context["form"].errors.items()}


def test_a_live_key_is_refused_where_tests_are_made_and_the_reverse(administrator: Client) -> None:
    configure(administrator, "stripe", "staging")
    refused = submit(administrator, "credentials", api_key="sk_live_sampleNotAKey")
    assert errors(refused) == {
        "api_key": ["Has to be a test key outside production: this one is live and moves real money."]
    }
    assert "sk_live_sampleNotAKey" not in refused.text
    configure(administrator, "stripe", "production")
    refused = submit(administrator, "credentials", api_key="sk_test_sampleNotAKey")
    assert errors(refused) == {"api_key": ["Has to be a live key in production: this one is for tests."]}


def test_a_key_that_fitted_is_asked_for_again_when_the_environment_is_changed(administrator: Client) -> None:
    configure(administrator, "stripe")
    assert submit(administrator, "credentials", api_key="sk_test_sampleNotAKey").headers["Location"].endswith("review/")
    submit(administrator, "configuration", connection_name="Till", environment="production")
    review = administrator.get(reverse("setup-step", args=["review"]), follow=True)
    assert review.redirect_chain[-1][0].endswith("/credentials/")
    assert "Has to be a live key in production" in review.text


def test_all_that_is_wrong_is_told_at_once_beside_its_field(administrator: Client) -> None:
    refused = configure(
        administrator, "bank_transfer", **{**BANK, "payment_days": "999"}, iban="AE080331234567890123456", swift="x"
    )
    assert errors(refused) == {
        "swift": [f"This does not have the expected form: {LEFT_TO_RIGHT}AAAAAEAAXXX{END}"],
        "iban": ["Cannot be right: look for a typing error."],
        "payment_days": ["Cannot be right: look for a typing error."],
    }


@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_field_is_called_by_the_name_that_machines_have_for_it(administrator: Client, language: str) -> None:
    administrator.cookies["django_language"] = language
    refused = configure(administrator, "paypal", base_url="ftp://example.com")
    assert "configuration.base_url" not in refused.text
    assert "base_url" in errors(refused)


@pytest.mark.parametrize("name", ["\N{RIGHT-TO-LEFT OVERRIDE}llit", "Till\x07"])
def test_a_name_with_signs_that_nobody_sees_is_refused_where_it_is_typed(administrator: Client, name: str) -> None:
    catalogue_row("stripe")
    administrator.get(reverse("setup"), {"provider": "stripe"})
    refused = submit(administrator, "configuration", connection_name=name, environment="development")
    assert "connection_name" in errors(refused)


def test_what_was_typed_is_still_there_save_the_secrets(administrator: Client) -> None:
    refused = configure(administrator, "bank_transfer", **{**BANK, "account_name": "<b>دبي</b> & Co"}, iban="x")
    assert 'value="<b>دبي</b> & Co"' in html.unescape(refused.text)
    configure(administrator, "stripe")
    refused = submit(administrator, "credentials", api_key="sk_test_sampleNotAKey", publishable_key="oh")
    assert 'value="oh"' in refused.text
    assert "sk_test_sampleNotAKey" not in refused.text


def test_words_for_people_are_typed_in_either_direction_and_keys_from_the_left(administrator: Client) -> None:
    page = configure(administrator, "bank_transfer").text
    directions = dict(re.findall(r'name="configuration-(\w+)"[^>]*? dir="(\w+)"', page))
    assert {directions[name] for name in ("connection_name", "account_name", "bank_name", "instructions_ar")} == {
        "auto"
    }
    assert {directions[name] for name in ("iban", "swift")} == {"ltr"}


def test_a_gateway_without_the_country_s_currency_says_so_at_every_step(administrator: Client) -> None:
    row = catalogue_row("paypal")
    row.supported_currencies = ["USD", "EUR"]
    row.save()
    told = "It takes no AED, the currency of your country."
    configure(administrator, "paypal")
    submit(administrator, "credentials", client_id="A" * 24, client_secret="B" * 24)
    for step in ("provider", "configuration", "review"):
        assert told in administrator.get(reverse("setup-step", args=[step])).text
    configure(administrator, "stripe")
    assert told not in administrator.get(reverse("setup-step", args=["configuration"])).text


@pytest.mark.django_db(transaction=True)
def test_nobody_is_said_to_have_answered_where_nobody_is_called(administrator: Client) -> None:
    configure(administrator, "bank_transfer", **BANK, iban=IBAN)
    submit(administrator, "credentials")
    review = administrator.get(reverse("setup-step", args=["review"])).text
    assert "at the provider" not in review
    step = {"setup_wizard-current_step": "review", "action": "test"}
    tried = administrator.post(reverse("setup-step", args=["review"]), step, headers={"HX-Request": "true"}).text
    assert "The connection works." in tried
    assert "answered" not in tried
    assert not Connection.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_why_there_was_no_access_token_is_told_in_the_reader_s_language(administrator: Client, settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    administrator.cookies["django_language"] = "ar"
    configure(administrator, "paypal", base_url="http://127.0.0.1:9")
    submit(administrator, "credentials", client_id="A" * 24, client_secret="B" * 24)
    step = {"setup_wizard-current_step": "review", "action": "test"}
    tried = administrator.post(reverse("setup-step", args=["review"]), step, headers={"HX-Request": "true"}).text
    assert "رمز وصول" in tried
    outcome = re.sub(r"<[^>]*>|[a-z]+_[a-z]+|PayPal|\berror\b", "", tried)
    assert not re.search(r"[A-Za-z]{3}", outcome), outcome


@pytest.mark.parametrize(("language", "label"), [("en", "IBAN"), ("ar", "اسم صاحب الحساب")])
@pytest.mark.django_db(transaction=True)
def test_what_was_configured_is_shown_by_its_label(administrator: Client, language: str, label: str) -> None:
    configure(administrator, "bank_transfer", **BANK, iban=IBAN)
    submit(administrator, "credentials")
    step = {"setup_wizard-current_step": "review", "action": "save"}
    made = administrator.post(reverse("setup-step", args=["review"]), step).headers["Location"]
    administrator.cookies["django_language"] = language
    page = administrator.get(made).text
    assert f"<dt>{label}</dt>" in page
    assert "account_name" not in page


def test_an_offline_gateway_is_sent_no_webhooks_and_has_no_credentials(
    administrator: Client, organization: Organization
) -> None:
    page = {
        slug: administrator.get(
            reverse("connection", args=[ConnectionFactory(organization=organization, slug=slug).pk])
        ).text
        for slug in ("bank_transfer", "stripe")
    }
    for told in ("Receive webhooks", "Credentials</h2>"):
        assert told in page["stripe"]
        assert told not in page["bank_transfer"]
