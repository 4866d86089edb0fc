"""What all serializers share: surplus fields are refused, money is exact, another organization's rows do not exist."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from ..models import Organization
from ..money import currency_exponent
from ..secrecy import Secret
from .errors import UnknownRow


class _Kept(threading.local):
    """One serializer of each class, for the thread that shows rows with it."""

    def __init__(self) -> None:
        self.serializers: dict[type[serializers.Serializer[Any]], serializers.Serializer[Any]] = {}


_kept = _Kept()


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, so that a misspelt one is not silently lost."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            surplus = [name for name in data if name not in known]
            if surplus:
                raise serializers.ValidationError({str(name): ["There is no such field."] for name in surplus})
        return super().to_internal_value(data)

    def __repr__(self) -> str:
        """Without what it was given, which the library's own shows."""
        return f"<{type(self).__name__}>"


class TrueOrFalse(serializers.BooleanField):
    """JSON's own two words, where the library's also takes "yes", "f" or 1: who sends such has made a mistake."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(_("Must be true or false."))
        return data


class SecretField(serializers.CharField):
    """A secret on its way in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 16_384, "write_only": True, "trim_whitespace": False, **options})

    def to_internal_value(self, data: Any) -> Secret:
        return Secret(super().to_internal_value(data))


class SecretsField(serializers.DictField):
    """Secrets on their way in, by name; what is no text is the operation's to refuse."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        given = super().to_internal_value(data)
        return {name: Secret(value) if isinstance(value, str) else value for name, value in given.items()}


class Nothing(StrictSerializer):
    """The body of a call that takes none: what is sent by mistake is refused rather than lost."""


class OwnRow(serializers.PrimaryKeyRelatedField[Any]):
    """A row of the caller's organization, by id; anyone else's is not found, just as one that nobody has."""

    def to_internal_value(self, data: Any) -> Any:
        key = serializers.UUIDField().to_internal_value(data)
        row = self.get_queryset().filter(pk=key).first()
        if row is None:
            raise UnknownRow(str(self.field_name))
        return row

    def get_queryset(self) -> QuerySet[Model]:
        queryset: Any = super().get_queryset()
        rows: QuerySet[Model] = queryset.filter(organization=organization_of(self.context["request"]))
        return rows


@extend_schema_field(OpenApiTypes.STR)
class Money(serializers.Field[Any, Any, Any, Any]):
    """A decimal string with exactly the currency's own decimals, such as `"12.50"`; `currency` is beside it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def get_attribute(self, instance: Any) -> Any:
        return getattr(instance, str(self.source)), getattr(instance, "currency", None) or instance.payment.currency

    def to_representation(self, value: tuple[Decimal | None, str]) -> str | None:
        amount, currency = value
        return None if amount is None else f"{amount:.{currency_exponent(currency)}f}"


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "number"}]})
class Amount(serializers.Field[Any, Any, Any, Any]):
    """An amount as the caller wrote it; how many decimals it may have depends on the currency.

    A JSON number will do: the parser keeps it as text, so that it is exact too.
    """

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, bool) or not isinstance(data, (str, int)):
            raise serializers.ValidationError("The amount must be a decimal such as 12.50.")
        return str(data)

    def to_representation(self, value: Any) -> str:
        return str(value)


def organization_of(request: Request) -> Organization:
    """The organization that the request acts for; `HasScope` has made sure that there is one."""
    inner: HttpRequest = request._request
    organization: Organization = inner.organization  # type: ignore[attr-defined]  # ours, on Django's request
    return organization


def represented(
    instance: Model, serializer_class: type[serializers.Serializer[Any]], context: Mapping[str, Any]
) -> Any:
    """What `serializer_class(instance, context=context).data` holds, at half its price.

    To make a model serializer's fields costs more than to show a row with them, and they are the same each time.
    """
    serializer = _kept.serializers.setdefault(serializer_class, serializer_class())
    serializer._context = dict(context)
    try:
        return serializer.to_representation(instance)
    finally:
        serializer._context = {}
