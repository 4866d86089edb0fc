"""The official package's own types, generated from Stripe's OpenAPI document, hold what we send against it.

They tell which fields a call takes, which it wants, and what can be in them; an unknown field Stripe refuses, and so
does this.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from stripe import params
from stripe._request_options import RequestOptions
from stripe.params import checkout
from typing_extensions import is_typeddict

from tests.wire import WireRequest

# What a call takes, by its method and the form of its path.
CALLS: Mapping[tuple[str, str], type] = {
    ("POST", "/v1/payment_intents"): params.PaymentIntentCreateParams,
    ("GET", "/v1/payment_intents"): params.PaymentIntentListParams,
    ("GET", "/v1/payment_intents/*"): params.PaymentIntentRetrieveParams,
    ("POST", "/v1/payment_intents/*/capture"): params.PaymentIntentCaptureParams,
    ("POST", "/v1/payment_intents/*/cancel"): params.PaymentIntentCancelParams,
    ("POST", "/v1/refunds"): params.RefundCreateParams,
    ("GET", "/v1/balance"): params.BalanceRetrieveParams,
    ("POST", "/v1/checkout/sessions"): checkout.SessionCreateParams,
    ("GET", "/v1/checkout/sessions/*"): checkout.SessionRetrieveParams,
    ("POST", "/v1/checkout/sessions/*/expire"): checkout.SessionExpireParams,
    ("GET", "/v1/webhook_endpoints"): params.WebhookEndpointListParams,
    ("POST", "/v1/webhook_endpoints"): params.WebhookEndpointCreateParams,
    ("DELETE", "/v1/webhook_endpoints/*"): params.WebhookEndpointDeleteParams,
}
_PART = re.compile(r"[^\[\]]+|\[([^\[\]]*)\]")


class Undocumented(Exception):
    """`name` is the field that is not as the package has it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


def check_request(request: WireRequest) -> None:
    """Raises Undocumented."""
    kind = CALLS.get((request.method, _form_of(request.path)))
    if kind is None:
        raise Undocumented(request.path, "is no call that we know of")
    sent = request.body.decode() if request.method == "POST" else request.raw_query
    check_fields(kind, parse_qsl(sent, keep_blank_values=True, strict_parsing=bool(sent)))


def check_fields(kind: type, pairs: Iterable[tuple[str, str]]) -> None:
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _plant(tree, name, value)
    _check(kind, tree, "")


def _form_of(path: str) -> str:
    return re.sub(r"(payment_intents|sessions|webhook_endpoints)/[^/]+", r"\1/*", path)


def _plant(tree: dict[str, Any], name: str, value: str) -> None:
    """`a[b][]=c` as `{"a": {"b": {"0": "c"}}}`. Raises Undocumented for a name that is sent twice."""
    parts = _parts(name)
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise Undocumented(name, "is sent as a value too")
    last = parts[-1] or str(len(tree))
    if last in tree:
        raise Undocumented(name, "is sent twice")
    tree[last] = value


def _parts(name: str) -> list[str]:
    found = list(_PART.finditer(name))
    if "".join(part[0] for part in found) != name:
        raise Undocumented(name, "is no name of a field")
    return [part[0] if part[1] is None else part[1] for part in found]


def _check(kind: Any, value: Any, name: str) -> None:
    if is_typeddict(kind):
        return _check_object(kind, value, name)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _check_any(inner, value, name)
    if origin is list:
        return _check_list(inner[0], value, name)
    if origin is dict:
        return _check_pairs(value, name)
    if not isinstance(value, str) or not _fits(kind, value):
        raise Undocumented(name, f"is {value!r}, and not {kind}")
    return None


def _check_object(kind: type, value: Any, name: str) -> None:
    known = set(kind.__annotations__) - set(RequestOptions.__annotations__)
    if not isinstance(value, dict):
        raise Undocumented(name, "is an object")
    for key, inner in value.items():
        inner_name = f"{name}[{key}]" if name else key
        if key not in known:
            raise Undocumented(inner_name, "is unknown")
        _check(_hint(kind, key), inner, inner_name)
    wanted: frozenset[str] = kind.__required_keys__  # type: ignore[attr-defined]
    if missing := sorted(wanted - set(value)):
        raise Undocumented(f"{name}[{missing[0]}]" if name else missing[0], "is missing")


def _check_any(kinds: tuple[Any, ...], value: Any, name: str) -> None:
    """Where the package names the values and allows others, for those to come, only the named are right."""
    if any(get_origin(kind) is Literal for kind in kinds):
        kinds = tuple(kind for kind in kinds if kind is not str)
    problems = []
    for kind in kinds:
        try:
            return _check(kind, value, name)
        except Undocumented as problem:
            problems.append(problem)
    raise problems[0]


def _check_list(kind: Any, value: Any, name: str) -> None:
    if not isinstance(value, dict) or [*value] != [str(number) for number in range(len(value))]:
        raise Undocumented(name, "is a list, numbered from 0")
    for number, inner in value.items():
        _check(kind, inner, f"{name}[{number}]")


def _check_pairs(value: Any, name: str) -> None:
    """Metadata: 50 keys of 40 characters, values of 500. https://docs.stripe.com/api/metadata"""
    if not isinstance(value, dict) or len(value) > 50:
        raise Undocumented(name, "is up to 50 pairs")
    for key, inner in value.items():
        if not isinstance(inner, str) or len(key) > 40 or len(inner) > 500:
            raise Undocumented(f"{name}[{key}]", "is too long")


def _fits(kind: Any, value: str) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is bool:
        return value in ("true", "false")
    if kind is int:
        return re.fullmatch(r"0|[1-9][0-9]{0,11}", value) is not None
    return kind in (str, Decimal) and value != ""


def _hint(kind: type, key: str) -> Any:
    one = types.SimpleNamespace(__annotations__={key: kind.__annotations__[key]})
    return get_type_hints(one, globalns=vars(sys.modules[kind.__module__]))[key]
