"""A real Chromium before the whole of Hub."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.served import PASSWORD, ServedHub

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHub]:
    folder = tmp_path_factory.mktemp("e2e")
    for parent in (folder, *folder.parents[:2]):
        if parent.stat().st_uid == os.getuid():
            parent.chmod(0o755)
    with ServedHub(folder) as hub:
        yield hub


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed.")
        pytest.skip("Chromium is not installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, hub: ServedHub) -> Iterator[Page]:
    """A page of a fresh session that fails the test when a script fails or something is fetched from elsewhere."""
    context = browser.new_context(base_url=hub.url, viewport={"width": 1440, "height": 900}, locale="en")
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
    page.on(
        "request",
        lambda request: None if request.url.startswith((hub.url, "data:", "blob:")) else troubles.append(request.url),
    )
    yield page
    context.close()
    assert troubles == []


@pytest.fixture
def signed_in(page: Page) -> Page:
    page.goto("/admin/login/?next=/integrations/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit], input[type=submit]")
    page.wait_for_url("**/integrations/")
    return page
