"""What a connection to a provider must hold: a JSON Schema made from its fields, and the check against it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext, gettext_noop
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from .errors import InvalidRequest
from .models import Connection
from .providers.base import Field, Provider

BASE_URL = "base_url"
_MAX_CONFIGURATION_LENGTH = 2_000
_MAX_CREDENTIAL_LENGTH = 20_000  # a certificate with its chain and key fits
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL keeps neither NUL nor half a surrogate pair

Problem = tuple[str, str, str]  # the field's path, the rule that it breaks, the value in that rule


def schema_of(provider: Provider) -> dict[str, Any]:
    """The JSON Schema of `{"configuration": …, "credentials": …}` for connections to `provider`."""
    configuration = _object_of(provider.configuration, max_length=_MAX_CONFIGURATION_LENGTH)
    if not provider.is_offline:
        configuration["properties"][BASE_URL] = _base_url_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "configuration": configuration,
            "credentials": _object_of(provider.credentials, max_length=_MAX_CREDENTIAL_LENGTH),
        },
        "required": ["configuration", "credentials"],
        "additionalProperties": False,
    }


def validate(
    provider: Provider, *, environment: str, configuration: Mapping[str, Any], credentials: Mapping[str, Any]
) -> None:
    """Check what a connection is to be made of. Raises InvalidRequest, with all problems at once; a message names the
    field and never the value."""
    parts = {"configuration": configuration, "credentials": credentials}
    _refuse(
        [
            *_environment_problems(provider, environment, configuration),
            *_problems(schema_of(provider), parts),
            *_impossible(provider, configuration),
            *_of_the_other_mode(provider, environment, parts),
        ]
    )


def validate_configuration(provider: Provider, *, environment: str, configuration: Mapping[str, Any]) -> None:
    """Check the configuration alone, for a connection whose credentials are stored already."""
    schema = {"properties": {"configuration": schema_of(provider)["properties"]["configuration"]}}
    parts = {"configuration": configuration}
    _refuse(
        [
            *_environment_problems(provider, environment, configuration),
            *_problems(schema, parts),
            *_impossible(provider, configuration),
            *_of_the_other_mode(provider, environment, parts),
        ]
    )


def validate_credential(provider: Provider, *, environment: str, key: str, value: str) -> Field:
    """Check one credential of a connection and return the field that it fills. Raises InvalidRequest."""
    fields = {field.key: field for field in provider.credentials}
    if key not in fields:
        known = ", ".join(fields)
        raise InvalidRequest(
            "{provider} has no such credential; it has {known}.",
            provider=provider.name,
            known=known,
            field="credential_key",
        )
    problems = [
        *_problems(_property(fields[key], max_length=_MAX_CREDENTIAL_LENGTH), value),
        *_mode_problems(fields[key], "value", environment, value),
    ]
    _refuse(("value", rule, limit) for _, rule, limit in problems)
    return fields[key]


def with_defaults(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without the blanks that a form sends for what was left out, and with the fields' defaults."""
    defaults = {field.key: field.default for field in fields if field.default is not None}
    return {**defaults, **{key: value for key, value in values.items() if value not in ("", None)}}


def _object_of(fields: Iterable[Field], *, max_length: int) -> dict[str, Any]:
    fields = tuple(fields)
    return {
        "type": "object",
        "properties": {field.key: _property(field, max_length=max_length) for field in fields},
        "required": [field.key for field in fields if field.required and field.default is None],
        "additionalProperties": False,
    }


def _property(field: Field, *, max_length: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": field.kind, "title": field.label, "x-title-ar": field.label_ar}
    if field.help:
        schema |= {"description": field.help, "x-description-ar": field.help_ar}
    if field.kind == "string":
        schema |= {"minLength": 1, "maxLength": max_length}
    if field.pattern:
        schema["pattern"] = f"^(?:{field.pattern})$"
    if field.example:
        schema["examples"] = [field.example]
    if field.is_prose:
        schema["x-prose"] = True
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.default is not None:
        schema["default"] = field.default
    if field.secret:
        schema |= {"writeOnly": True, "x-secret": True}
    return schema


def _base_url_schema() -> dict[str, Any]:
    return {
        "type": "string",
        "format": "uri",
        "maxLength": 500,
        "title": "Base address",
        "x-title-ar": "العنوان الأساسي",
        "description": "Overrides the provider's address; in staging and development only.",
        "x-description-ar": "يحل محل عنوان المزوّد، في بيئتي التجربة والتطوير فقط.",
    }


def _environment_problems(provider: Provider, environment: str, configuration: Mapping[str, Any]) -> Iterator[Problem]:
    if environment not in Connection.Environment.values:
        yield "environment", gettext_noop("must be one of {}"), ", ".join(Connection.Environment.values)
        return
    base_url = configuration.get(BASE_URL) if isinstance(configuration, Mapping) else None
    if base_url is None:
        if environment not in provider.base_urls and not provider.is_offline:
            yield "environment", gettext_noop("is not offered by {}"), provider.name
    elif environment == Connection.Environment.PRODUCTION:
        yield f"configuration.{BASE_URL}", gettext_noop("is for staging and development only"), ""
    elif not _is_plain_url(base_url):
        rule = gettext_noop("must be an http(s) address without user name, query or fragment")
        yield f"configuration.{BASE_URL}", rule, ""


def _impossible(provider: Provider, configuration: Any) -> Iterator[Problem]:
    """Values of the right form that cannot be: what has the wrong form is refused for that already."""
    given = configuration if isinstance(configuration, Mapping) else {}
    for field in provider.configuration:
        if field.is_possible is None or field.key not in given:
            continue
        value = given[field.key]
        has_form = not any(_problems(_property(field, max_length=_MAX_CONFIGURATION_LENGTH), value))
        if has_form and not field.is_possible(value):
            yield f"configuration.{field.key}", gettext_noop("cannot be right: look for a typing error"), ""


def _of_the_other_mode(provider: Provider, environment: str, parts: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys that are live where tests are made, or for tests where money is taken."""
    for part, fields in (("configuration", provider.configuration), ("credentials", provider.credentials)):
        whole = parts.get(part)
        given = whole if isinstance(whole, Mapping) else {}
        for field in fields:
            yield from _mode_problems(field, f"{part}.{field.key}", environment, given.get(field.key))


def _mode_problems(field: Field, path: str, environment: str, value: Any) -> Iterator[Problem]:
    """What has the wrong form is refused for that already."""
    if not field.test_pattern or not isinstance(value, str) or not re.fullmatch(field.pattern, value):
        return
    is_live = not re.fullmatch(field.test_pattern, value)
    if environment == Connection.Environment.PRODUCTION and not is_live:
        yield path, gettext_noop("has to be a live key in production: this one is for tests"), ""
    elif environment != Connection.Environment.PRODUCTION and is_live:
        yield path, gettext_noop("has to be a test key outside production: this one is live and moves real money"), ""


def _is_plain_url(text: object) -> bool:
    """Whether `text` is http(s)://host[:port][/path] and nothing else."""
    if not isinstance(text, str) or not text.isprintable() or any(sign in text for sign in " \\?#@"):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _problems(schema: Mapping[str, Any], value: Any) -> Iterator[Problem]:
    for error in sorted(_Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path))):
        yield from _told(error)


def _told(error: ValidationError) -> Iterator[Problem]:
    """What jsonschema found, in words that leave the value out."""
    path = ".".join(map(str, error.absolute_path))
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        # jsonschema reports each missing key by itself, without naming it but in a message.
        rule = gettext_noop("is required")
        yield from ((_join(path, key), rule, "") for key in missing if repr(key) in error.message)
    elif error.validator == "additionalProperties":
        surplus = set(error.instance) - set(error.schema["properties"])
        yield from ((_join(path, str(key)[:64]), gettext_noop("is not known"), "") for key in sorted(surplus, key=str))
    else:
        rule = _RULES.get(str(error.validator), gettext_noop("is not as it should be"))
        yield path, rule, str(error.validator_value)


_RULES = {
    "type": gettext_noop("must be a value of the type {}"),
    "enum": gettext_noop("must be one of {}"),
    "minLength": gettext_noop("must not be empty"),
    "maxLength": gettext_noop("must have at most {} characters"),
    "pattern": gettext_noop("does not have the expected form"),
    "storable": gettext_noop("contains characters that cannot be stored"),
}


class _Refused(InvalidRequest):
    """By several problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self._problems = problems
        told = [(field, rule.format(value)) for field, rule, value in problems]
        details = [{"field": field, "message": text} for field, text in told]
        super().__init__(_sentence(told), field=problems[0][0], details=details)

    def translated(self) -> str:
        return _sentence(self._translated())

    def by_field(self) -> list[tuple[str, str]]:
        return [(field, f"{text[:1].upper()}{text[1:]}.") for field, text in self._translated()]

    def _translated(self) -> list[tuple[str, str]]:
        return [(field, gettext(rule).format(value)) for field, rule, value in self._problems]


def _sentence(told: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{field} {text}" for field, text in told) + "."


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _refuse(problems: Iterable[Problem]) -> None:
    if found := list(dict.fromkeys(problems)):
        raise _Refused(found)


def _check_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The whole value must match: `$` alone would let a line feed at the end through."""
    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield ValidationError("pattern")


def _check_type(validator: Any, types: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, types):
        yield ValidationError("type")
    elif isinstance(instance, str) and _UNSTORABLE.search(instance):
        yield ValidationError("storable", validator="storable")


_Validator = extend(Draft202012Validator, {"pattern": _check_pattern, "type": _check_type})
