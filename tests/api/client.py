"""A program's way in: HTTP under `/api/v1/` with a token, each answer held against the generated OpenAPI document."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from openapi_core import OpenAPI
from openapi_core.contrib.django import DjangoOpenAPIResponse
from openapi_core.testing import MockRequest

ROOT = "/api/v1/"
# OpenAPI cannot describe a path of the provider's own, in which there are slashes, nor itself.
_NOT_DESCRIBED = ("/proxy/", f"{ROOT}schema/", f"{ROOT}docs/")


@cache
def document() -> dict[str, Any]:
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]
    plain: dict[str, Any] = json.loads(json.dumps(generator.get_schema(public=True), default=str))
    return plain


@cache
def _openapi() -> OpenAPI:
    return OpenAPI.from_dict(document())  # type: ignore[arg-type]


class ApiClient:
    """`ApiClient(token).post("payments/", {"amount": "12.50"})`; bytes are sent as they are, all else as JSON."""

    def __init__(self, token: str = "", *, django: Client | None = None) -> None:
        _openapi()  # before there are threads: two that make the document at once get in each other's way
        self.django = django or Client()
        self.django.raise_request_exception = False
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.send("GET", path, query=query, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """Headers are named with underscores: `Idempotency_Key="a"`."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.django.generic(
            method,
            path if path.startswith("/") else ROOT + path,
            sent,
            content_type if sent else "",
            headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}},
            query_params=query,
        )
        check_against_the_document(response, sent)
        return response


def check_against_the_document(response: Any, sent: bytes) -> None:
    """The answer, and what was asked where it was granted, are as `/api/v1/schema/` says."""
    request = response.wsgi_request
    is_answered_by_a_view = request.resolver_match is not None
    if not is_answered_by_a_view or any(part in request.path for part in _NOT_DESCRIBED):
        return
    if response.status_code == 405 or request.method == "OPTIONS":
        return
    asked = MockRequest(
        "http://testserver",
        request.method.lower(),
        request.path,
        args=parse_qs(request.META["QUERY_STRING"], keep_blank_values=True),
        headers=dict(request.headers),
        cookies=request.COOKIES,
        content_type=request.META.get("CONTENT_TYPE") or "application/json",
        data=sent or None,
    )
    if response.status_code < 400:
        _openapi().validate_request(asked)
    _openapi().validate_response(asked, DjangoOpenAPIResponse(response))


def error_of(response: Any) -> dict[str, Any]:
    """The error in the answer, which has the one shape, names its request, and is repeated in a header."""
    body = response.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert error["code"] == response["Hub-Error"]
    assert error["message"]
    assert error["request_id"] == response["X-Request-Id"]
    return error
