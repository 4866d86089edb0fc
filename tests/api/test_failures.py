from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.factories import token_for

from .client import error_of
from .failing import SECRET

pytestmark = pytest.mark.urls("tests.api.failing")


def _ask(organization: Any, path: str) -> Any:
    client = Client(headers={"Authorization": f"Bearer {token_for(organization)}"}, raise_request_exception=False)
    return client.get(f"/api/v1/{path}")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("bug", 500, "internal_error"),
        ("data", 400, "invalid_request"),
        ("constraint", 409, "conflict"),
        ("database", 503, "unavailable"),
    ],
)
def test_a_failure_is_told_in_the_one_shape_and_no_more(
    kind: str, status: int, code: str, organization: Any, caplog: Any
) -> None:
    response = _ask(organization, f"fails/{kind}/")
    assert (response.status_code, error_of(response)["code"]) == (status, code)
    assert SECRET not in response.content.decode()
    assert b"Traceback" not in response.content
    logged = [record for record in caplog.records if record.exc_info and record.name == "integrations.api.errors"]
    assert len(logged) == (status >= 500)
    assert response.has_header("Retry-After") == (status == 503)


def test_no_view_runs_as_the_service(organization: Any) -> None:
    response = _ask(organization, "unwalled/")
    assert (response.status_code, error_of(response)["code"]) == (403, "permission_denied")
