"""Every kind of page before axe-core, which knows WCAG's rules: on a desk in English, on a dark phone in Arabic."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.served import ServedHub

pytestmark = pytest.mark.e2e

_STAFF = "/integrations"
PAGES = [
    "/", "/setup/provider/", "/setup/?provider=stripe", "/connections/", "/payments/", "/payments/gateways/",
    "/payments/routes/new/", "/health/", "/health/maintenance/new/", "/logs/", "/logs/exports/", "/webhooks/",
    "/webhooks/destinations/new/", "/alerts/", "/alerts/rules/", "/alerts/rules/new/?kind=budget",
    "/alerts/channels/new/", "/alerts/silences/new/?kind=once", "/analytics/", "/costs/", "/events/",
]  # fmt: skip
ADMIN = ["/admin/", "/admin/integrations/credential/", "/admin/integrations/connection/add/"]


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("en", 1440, "light"), ("ar", 390, "dark")], ids=["desk", "phone"]
)
def test_nobody_is_shut_out(signed_in: Page, hub: ServedHub, language: str, width: int, scheme: Any) -> None:
    page = signed_in
    page.context.add_cookies([{"name": "django_language", "value": language, "url": hub.url}])
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    troubles = []
    for path in [*(f"{_STAFF}{path}" for path in PAGES), *ADMIN]:
        page.goto(path)
        for violation in Axe().run(page).response["violations"]:
            nodes = [node["html"][:200] for node in violation["nodes"] if not _is_unfolds(node["html"])]
            troubles += [(path, violation["id"], node) for node in nodes]
    assert troubles == []


def _is_unfolds(html: str) -> bool:
    """A scroll area of the admin's, several of which on a page have the same name."""
    return "simplebar-content-wrapper" in html
