"""A fake that takes anything proves nothing: what a connector sends is spoiled, one thing at a time, and refused.

`MAY_MISS` of a wire names the fields without which a request is as good.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import simplejson

from tests.providers.conformance import perform, provider_of, wire_of
from tests.providers.wire_client import WireClient
from tests.wire import WireRequest, WireServer

WIRES = ("moyasar", "paymob", "paytabs", "tap")
TOKENS = "/api/auth/tokens"  # asked for with what its body has


@pytest.mark.parametrize("operation", ["create", "capture", "void", "refund", "get"])
@pytest.mark.parametrize("slug", WIRES)
def test_what_is_spoiled_is_refused(slug: str, operation: str) -> None:
    wire = wire_of(slug)
    with WireServer(wire.answer) as server:
        configuration = getattr(wire, "CONFIGURATION", {})
        perform(
            slug, operation, WireClient(provider_of(slug), server.url, wire.CREDENTIALS, configuration=configuration)
        )
        sent = list(server.requests)
    may_miss = getattr(wire, "MAY_MISS", set())
    taken = [
        f"{request.method} {request.path}: {how}"
        for request in sent
        for how, spoiled in spoilt(request, may_miss)
        if wire.answer(spoiled).status < 400
    ]
    assert sent
    assert not taken


def spoilt(request: WireRequest, may_miss: set[str]) -> Iterator[tuple[str, WireRequest]]:
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    if request.path != TOKENS:
        yield "without authorization", replace(request, headers=headers)
        yield "another key", replace(request, headers={**headers, "authorization": "Bearer sk_test_another"})
    if not request.body:
        return
    form = {**request.headers, "content-type": "application/x-www-form-urlencoded"}
    yield "as a form", replace(request, headers=form)
    body = json.loads(request.body, parse_float=Decimal)
    yield "unknown field", _with(request, {**body, "another": 1})
    for path, value in _fields(body):
        name = ".".join(path)
        if name not in may_miss:
            yield f"{name} missing", _with(request, _changed(body, path, lambda part, key: part.pop(key)))
        for wrong in _wrongs(value):
            spoiled = _changed(body, path, lambda part, key, wrong=wrong: part.update({key: wrong}))
            yield f"{name} as {wrong!r}", _with(request, spoiled)


def _wrongs(value: Any) -> list[Any]:
    match value:
        case bool():
            return [None, not value, str(value)]
        case int() | Decimal():
            return [None, str(value), -value, 0, value + Decimal("0.0001")]
        case str():
            return [None, "", 7, [value]]
        case dict():
            return [None, "text", [], 7]
        case _:
            return [None, "text", 7]


def _fields(part: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in part.items():
        yield (*path, key), value
        if isinstance(value, dict):
            yield from _fields(value, (*path, key))


def _changed(body: dict[str, Any], path: tuple[str, ...], change: Callable[..., Any]) -> dict[str, Any]:
    changed = part = copy.deepcopy(body)
    for key in path[:-1]:
        part = part[key]
    change(part, path[-1])
    return changed


def _with(request: WireRequest, body: dict[str, Any]) -> WireRequest:
    return replace(request, body=simplejson.dumps(body, use_decimal=True).encode())
