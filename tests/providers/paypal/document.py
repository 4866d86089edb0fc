"""PayPal's own OpenAPI documents, which say of a request, and of the fake's own answers, whether they are right.

By them an object may have fields that they do not name. PayPal takes no notice of such; here they are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.wire import WireAnswer, WireRequest

_SPEC = Path(__file__).parent / "spec"
_HOST = "https://api-m.paypal.com"
# By how a path begins, and by what of the request's body its document says that it is.
_DOCUMENTS = {
    "/v2/checkout/": "orders",
    "/v2/payments/": "payments",
    "/v1/notifications/": "webhooks",
}
_JSON = {name: json.loads((_SPEC / f"{name}.json").read_bytes()) for name in _DOCUMENTS.values()}
_CHECKS = {
    name: OpenAPI.from_dict(document, config=Config(spec_validator_cls=None)) for name, document in _JSON.items()
}


class Undocumented(Exception):
    """Not what PayPal's document says."""


def check_request(request: WireRequest) -> None:
    """Raises Undocumented."""
    name = _name(request.path)
    try:
        _CHECKS[name].validate_request(_mocked(request))
    except OpenAPIError as error:
        raise Undocumented(f"{error}: {error.__cause__}") from error
    if request.body:
        for unknown in _unknown(_JSON[name], _body_schema(_JSON[name], request), request.json()):
            raise Undocumented(f"{unknown} is in no document.")


def check_answer(request: WireRequest, answer: WireAnswer) -> None:
    """The fake itself may say only what the document has. Raises AssertionError."""
    response = MockResponse(answer.content, status_code=answer.status, content_type="application/json")
    try:
        _CHECKS[_name(request.path)].validate_response(_mocked(request), response)
    except OpenAPIError as error:
        raise AssertionError(f"{request.path}: {error}: {error.__cause__}") from error


def _mocked(request: WireRequest) -> MockRequest:
    return MockRequest(
        _HOST,
        request.method.lower(),
        request.path,
        args=dict(request.query),
        headers=dict(request.headers),
        data=request.body or None,
        content_type=request.headers.get("content-type", ""),
    )


def _name(path: str) -> str:
    for beginning, name in _DOCUMENTS.items():
        if path.startswith(beginning):
            return name
    raise Undocumented(f"There is no {path}.")


def _body_schema(document: Mapping[str, Any], request: WireRequest) -> Mapping[str, Any]:
    parts = request.path.split("/")
    for template, operations in document["paths"].items():
        named = template.split("/")
        if len(named) == len(parts) and all(
            n in ("", p) or n.startswith("{") for n, p in zip(named, parts, strict=True)
        ):
            body = operations[request.method.lower()].get("requestBody", {})
            schema: Mapping[str, Any] = body.get("content", {}).get("application/json", {}).get("schema", {})
            return schema
    return {}


def _unknown(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    """The names in `value` that `schema` has not."""
    if isinstance(value, list):
        for one in value:
            yield from _unknown(document, _resolved(document, schema).get("items", {}), one)
    if isinstance(value, Mapping):
        known = _properties(document, schema)
        for name, inner in value.items():
            if name not in known:
                yield name
            else:
                yield from _unknown(document, known[name], inner)


def _properties(document: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    whole = _resolved(document, schema)
    known = dict(whole.get("properties", {}))
    for part in whole.get("allOf", ()):
        known |= _properties(document, part)
    return known


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        kind, name = schema["$ref"].split("/")[2:]
        schema = document["components"][kind][name]
    return schema
