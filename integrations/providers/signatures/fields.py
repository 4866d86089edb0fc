"""The fields of a webhook, whether it came as JSON, as a form or in the query string."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ...errors import SignatureRefused
from .base import InboundRequest

Pairs = list[tuple[str, str]]

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1_000


def fields_of(request: InboundRequest) -> Mapping[str, Any]:
    """The JSON object's or the form's fields; the query string's where there is no body.

    A number is the text that it was written as: what was signed is `10.50`, not 10.5. Raises SignatureRefused when
    there are none, and for a name that comes twice in a form: its readers would not agree on the value.
    """
    if not request.body:
        return _each_once(query_of(request))
    return _each_once(form_of(request)) if is_form(request) else json_of(request)


def json_of(request: InboundRequest) -> dict[str, Any]:
    """The body's JSON object, its numbers as text."""
    try:
        value = json.loads(request.body, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise SignatureRefused("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise SignatureRefused("The body is not a JSON object.")
    return value


def is_form(request: InboundRequest) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM


def form_of(request: InboundRequest) -> Pairs:
    """The names and values of a form, in their order, decoded."""
    try:
        return _pairs(request.body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise SignatureRefused("The body is not a form.") from error


def query_of(request: InboundRequest) -> Pairs:
    try:
        return _pairs(urlsplit(request.url).query)
    except ValueError as error:
        raise SignatureRefused("The address that was called cannot be read.") from error


def query_value(request: InboundRequest, name: str) -> str:
    """A query parameter; empty where it is missing, or there more than once."""
    values = [value for key, value in query_of(request) if key == name]
    return values[0] if len(values) == 1 else ""


def text_at(fields: Mapping[str, Any], path: str) -> str:
    """The value at a dotted path as text; empty where there is none. A flat name with dots in it comes first."""
    value = fields.get(path)
    if value is None:
        value = _descend(fields, path)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise SignatureRefused("The field {path} is not a single value.", path=path)


def _descend(fields: Mapping[str, Any], path: str) -> Any:
    value: Any = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _pairs(text: str) -> Pairs:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise SignatureRefused("There are more fields than any sender has.") from error


def _each_once(pairs: Pairs) -> dict[str, Any]:
    fields: dict[str, Any] = dict(pairs)
    if len(fields) != len(pairs):
        raise SignatureRefused("A field comes twice.")
    return fields
