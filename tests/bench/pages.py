"""A page's whole request beside the bare render of the same HTML: its template with the figures that the page had."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 40
WARM_UP = 5


def signed_in_client(organization: Any, name: str) -> Any:
    from django.test import Client

    from integrations.models import User
    from tests.factories import MembershipFactory

    client = Client(SERVER_NAME="127.0.0.1")
    user = User.objects.create_user(f"bench-{name}")
    MembershipFactory(organization=organization, user=user, role="admin")
    client.force_login(user)
    return client


def measure(name: str, client: Any, path: str) -> dict[str, Any]:
    """In turns, so that what else the machine does falls on both alike. The page's HTML is the floor's."""
    from django.db import connection
    from django.template.loader import get_template
    from django.test.utils import CaptureQueriesContext, setup_test_environment, teardown_test_environment

    setup_test_environment()  # by which the response tells its template and context
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
    asked = len(queries)
    teardown_test_environment()
    template = get_template(response.templates[0].name)
    context, request = response.context[0].flatten(), response.wsgi_request
    for kept in ("request", "csrf_token"):
        context.pop(kept, None)
    _check(response, template.render(context, request))
    ours, floor = [], []
    for turn in range(WARM_UP + ROUNDS):
        page, bare = _milliseconds(lambda: client.get(path)), _milliseconds(lambda: template.render(context, request))
        if turn >= WARM_UP:
            ours.append(page)
            floor.append(bare)
    return {
        "name": name,
        "value": round(_p95(ours), 1),
        "floor": round(_p95(floor), 1),
        "ratio": round(_p95(ours) / _p95(floor), 2),
        "unit": "ms (p95)",
        "p50": round(statistics.median(ours), 1),
        "floor_p50": round(statistics.median(floor), 1),
        "queries": asked,
        "html_kb": round(len(response.content) / 1024),
        "rounds": ROUNDS,
    }


def _check(response: Any, bare: str) -> None:
    page = response.content.decode()
    if response.status_code != 200 or abs(len(page) - len(bare)) > len(page) / 50:
        raise RuntimeError(f"{response.status_code}: the floor renders {len(bare)} characters of {len(page)}.")


def _milliseconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _p95(times: list[float]) -> float:
    return sorted(times)[len(times) * 95 // 100]
