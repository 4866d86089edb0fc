"""A person signs in, walks the wizard with the sandbox, and finds the connection active: in both languages, on both
a desk and a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.served import PASSWORD, ServedHub

pytestmark = pytest.mark.e2e


def _sign_in(page: Page, hub: ServedHub, language: str) -> None:
    page.context.add_cookies([{"name": "django_language", "value": language, "url": hub.url}])
    page.goto("/admin/login/?next=/integrations/connections/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form [type=submit]")
    page.wait_for_url("**/integrations/connections/")


def _continue(page: Page) -> None:
    page.click("form .hub-button--primary")


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("ar", "rtl")])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_sandbox_is_set_up_in_four_steps(
    page: Page, hub: ServedHub, language: str, direction: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    _sign_in(page, hub, language)
    name = f"Trial {language} {width}"
    page.goto("/integrations/setup/?reset=1")
    expect(page.locator("html")).to_have_attribute("dir", direction)
    page.check("input[value=sandbox]", force=True)
    _continue(page)
    page.fill("[name=configuration-connection_name]", name)
    _continue(page)
    _continue(page)
    expect(page.locator(".hub-field__error")).to_be_visible()
    page.fill("[name=credentials-api_key]", "sk_sandbox_browser")
    _continue(page)
    page.click("button[value=test]")
    expect(page.locator("#test-result .hub-note--success")).to_be_visible()
    page.click("button[value=save]")
    page.wait_for_url("**/integrations/connections/*-*/webhooks/?setup=1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("button[value=make]")
    expect(page.locator("[data-copy]")).to_be_visible()
    page.click("#main a.hub-button--primary")
    page.wait_for_url("**/integrations/connections/*-*/")
    expect(page.locator(".hub-title")).to_have_text(name)
    expect(page.locator(".hub-badge--success")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("h1").count() == 1


def test_enter_goes_on_and_back_keeps_what_was_typed(page: Page, hub: ServedHub) -> None:
    _sign_in(page, hub, "en")
    page.goto("/integrations/setup/?provider=sandbox&reset=1")
    page.fill("[name=configuration-connection_name]", "By the keyboard")
    page.keyboard.press("Enter")
    page.wait_for_url("**/setup/credentials/")
    page.click("form .hub-button[name=back]")
    expect(page.locator("[name=configuration-connection_name]")).to_have_value("By the keyboard")
    page.fill("[name=configuration-connection_name]", "")
    page.select_option("[name=configuration-environment]", "staging")
    page.click(".hub-steps button")
    page.wait_for_url("**/setup/provider/")
    _continue(page)
    expect(page.locator("[name=configuration-environment]")).to_have_value("staging")
    expect(page.locator(".hub-field__error")).to_have_count(0)


def test_a_wrong_key_is_told_before_anything_is_saved(page: Page, hub: ServedHub) -> None:
    _sign_in(page, hub, "en")
    page.goto("/integrations/setup/?provider=stripe")
    page.fill("[name=configuration-base_url]", f"{hub.url}/sandbox")
    _continue(page)
    page.fill("[name=credentials-api_key]", "sk_test_sample_not_a_key")
    _continue(page)
    page.click("button[value=test]")
    expect(page.locator("#test-result .hub-note--danger")).to_be_visible()


@pytest.mark.parametrize(("language", "healthy"), [("en", "Healthy"), ("ar", "سليم")])
def test_the_dashboard_shows_the_connection_healthy(page: Page, hub: ServedHub, language: str, healthy: str) -> None:
    _sign_in(page, hub, language)
    name = f"Seen {language}"
    page.goto("/integrations/setup/?provider=sandbox&reset=1")
    page.fill("[name=configuration-connection_name]", name)
    _continue(page)
    page.fill("[name=credentials-api_key]", "sk_sandbox_browser")
    _continue(page)
    page.click("button[value=save]")
    page.wait_for_url("**/integrations/connections/*-*/webhooks/?setup=1")
    page.goto("/integrations/")
    card = page.locator("article", has_text=name)
    for _ in range(30):
        if card.get_by_text(healthy, exact=True).count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(card.get_by_text(healthy, exact=True)).to_be_visible()
    expect(page.locator("canvas[data-chart=line]")).to_be_visible()
