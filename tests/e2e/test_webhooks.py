"""A person makes a webhook address, picks its events, tries it with a test event, and reads what became of that."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.served import PASSWORD, ServedHub

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def connection(hub: ServedHub) -> str:
    """The name of a sandbox connection."""
    import requests

    token = hub.manage("create_api_token", "--organization", "demo", "--name", "browser")
    body = {"provider": "sandbox", "connection_name": "Webhook till", "environment": "development"}
    made = requests.post(
        f"{hub.url}/api/v1/connections/",
        json={**body, "credentials": {"api_key": "sk_sandbox_webhooks"}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert made.ok, made.text
    return body["connection_name"]


def _sign_in(page: Page, hub: ServedHub, language: str) -> None:
    page.context.add_cookies([{"name": "django_language", "value": language, "url": hub.url}])
    page.goto("/admin/login/?next=/integrations/webhooks/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form [type=submit]")
    page.wait_for_url("**/integrations/webhooks/")


def _nothing_sticks_out(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("width", [1440, 390])
def test_an_address_is_made_tried_and_read(
    page: Page, hub: ServedHub, connection: str, language: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    _sign_in(page, hub, language)
    page.goto("/integrations/webhooks/endpoints/new/")
    page.select_option("[name=connection]", label=connection)
    expect(page.locator("input[name=picked]").first).to_be_hidden()
    page.check("input[name=scope][value=some]")
    expect(page.locator("input[name=picked]")).to_have_count(6)
    page.uncheck("input[name=picked][value='payment.created']")
    _nothing_sticks_out(page)
    page.uncheck("[name=register]")
    page.click("form .hub-button--primary")

    expect(page.locator("#webhook-secret")).to_contain_text("whsec_")
    page.click(".hub-copy [data-copy]")
    expect(page.locator(".hub-copy--done")).to_be_visible()
    _nothing_sticks_out(page)
    page.select_option("#test-type", "payment.refunded")
    page.click("form[action$='/test/'] button")

    page.wait_for_url("**/webhooks/events/**")
    expect(page.locator(".hub-badge--test")).to_be_visible()
    expect(page.locator(".hub-tree")).to_contain_text("pay_evt_test_")
    for _ in range(20):
        if page.locator(".hub-timeline li").count() == 2:
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator(".hub-timeline .hub-badge--success")).to_be_visible()
    _nothing_sticks_out(page)


def test_a_button_that_is_pressed_twice_sends_once(page: Page, hub: ServedHub, connection: str) -> None:
    """Replaced twice, the secret that the provider still signs with would count no more."""
    _sign_in(page, hub, "en")
    page.goto("/integrations/webhooks/endpoints/new/")
    page.select_option("[name=connection]", label=connection)
    page.uncheck("[name=register]")
    page.click("form .hub-button--primary")
    expect(page.locator("#webhook-secret")).to_be_visible()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Replace").dblclick()
    page.wait_for_url("**/rotate/")
    expect(page.locator("#webhook-secret")).to_be_visible()
    assert len(sent) == 1


_CHOOSE = """calendar => {
    calendar.value = "2026-02-28T14:30";
    calendar.dispatchEvent(new Event("change", { bubbles: true }));
}"""


def test_a_time_is_typed_or_taken_from_the_calendar(page: Page, hub: ServedHub, connection: str) -> None:
    """The browser is set to a language that writes the month first."""
    _sign_in(page, hub, "en")
    page.goto("/integrations/webhooks/endpoints/new/")
    page.select_option("[name=connection]", label=connection)
    page.uncheck("[name=register]")
    page.click("form .hub-button--primary")
    expect(page.locator("#webhook-secret")).to_be_visible()
    page.goto("/integrations/webhooks/")
    page.click(".hub-filters__more summary")
    page.fill("[name=since]", "31/01/2026 08:00")
    with page.expect_response(lambda answer: "until=28%2F02%2F2026%2014%3A30" in answer.url):
        page.locator(".hub-moment__calendar").last.evaluate(_CHOOSE)
    expect(page.locator("[name=until]")).to_have_value("28/02/2026 14:30")
    page.get_by_role("button", name="Choose in a calendar").first.click()
    assert page.locator(".hub-moment__calendar").first.input_value() == "2026-01-31T08:00"
