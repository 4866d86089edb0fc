"""The page for developers: every kind of event, with its schema and an example."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from integrations.pages.rendering import page, staff_page

from ..event_catalogue import DOMAINS, CatalogueEntry, catalogue


@require_GET
@staff_page("webhooks.view_webhookevent")
def event_types(request: HttpRequest) -> HttpResponseBase:
    domains = [
        {"name": DOMAINS[domain], "entries": [_shown(entry) for entry in entries]}
        for domain, entries in groupby(catalogue(), key=lambda entry: entry.type.domain)
    ]
    return page(request, "webhooks/event_types.html", {"title": _("Events"), "domains": domains})


def _shown(entry: CatalogueEntry) -> dict[str, Any]:
    return {
        "type": entry.type.value,
        "meaning": entry.meaning,
        "providers": entry.providers,
        "schema": json.dumps(entry.schema, indent=2),
        "example": json.dumps(entry.example, indent=2),
    }
