"""The forms of the set-up wizard's four steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..configuration import BASE_URL, schema_of, validate_configuration, validate_credential, with_defaults
from ..errors import InvalidRequest
from ..models import Connection, IntegrationProvider
from ..operations.connection_input import checked_name
from ..providers.base import Provider
from ..secrecy import Secret
from .schema_fields import fields_of, plain_input


class ProviderForm(forms.Form):
    """Which provider to connect to, among those offered."""

    provider = forms.ChoiceField(
        label=_("Provider"), error_messages={"required": _("Choose a provider."), "invalid_choice": _("Choose one.")}
    )

    def __init__(self, *args: Any, offered: list[IntegrationProvider], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = offered
        provider: Any = self.fields["provider"]
        provider.choices = [(row.slug, row.local_name) for row in offered]


class ConfigurationForm(forms.Form):
    """What the connection is called, where it is used, and what the provider wants to know that is no secret."""

    connection_name = forms.CharField(label=_("Connection name"), max_length=100, widget=plain_input(dir="auto"))
    environment = forms.ChoiceField(
        label=_("Environment"),
        choices=Connection.Environment.choices,
        initial=Connection.Environment.DEVELOPMENT,
        widget=forms.Select({"class": "hub-input"}),
        help_text=_("Production moves real money. Try a new connection in development first."),
    )
    is_primary = forms.BooleanField(
        label=_("Primary connection"),
        required=False,
        help_text=_("The one used first, of its type and environment. It takes the place of the one before."),
    )

    def __init__(self, *args: Any, provider: Provider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.provider = provider
        self.initial.setdefault("connection_name", provider.name)
        self.own = fields_of(schema_of(provider)["properties"]["configuration"])
        self.fields.update(self.own)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "connection_name" in cleaned:
            self._check_name(cleaned["connection_name"])
        if "environment" in cleaned:
            try:
                validate_configuration(
                    self.provider, environment=cleaned["environment"], configuration=self.configuration(cleaned)
                )
            except InvalidRequest as error:
                self._blame(error, cleaned["environment"])
        return cleaned

    def configuration(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        given = {key: cleaned[key] for key in self.own if key in cleaned}
        return with_defaults(self.provider.configuration, given)

    def _check_name(self, name: str) -> None:
        try:
            checked_name(name)
        except InvalidRequest as error:
            self.add_error("connection_name", error.translated())

    def _blame(self, error: InvalidRequest, environment: str) -> None:
        """All that is wrong at once. A field that was refused already is only missed here because of that."""
        for path, told in error.by_field():
            field = path.removeprefix("configuration.")
            if field == BASE_URL and environment == Connection.Environment.PRODUCTION:
                self.add_error(BASE_URL, _("Only staging and development may have an address of their own."))
            elif field not in self.errors:
                self.add_error(field if field in self.fields else None, told)


class CredentialsForm(forms.Form):
    """The secrets. One that was given before may be left empty and is kept."""

    def __init__(
        self, *args: Any, provider: Provider, environment: str, kept: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.provider, self.environment, self.kept = provider, environment, kept
        self.fields.update(fields_of(schema_of(provider)["properties"]["credentials"]))
        for key in self.kept.keys() & self.fields.keys():
            field: Any = self.fields[key]
            field.required, field.is_kept = False, True
            field.widget.attrs["placeholder"] = "••••••••"

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        cleaned = {key: Secret(value or self.kept.get(key, "")) for key, value in given.items()}
        for key, value in cleaned.items():
            if value:
                self._check(key, value)
        return cleaned

    def credentials(self) -> dict[str, str]:
        return {key: value for key, value in self.cleaned_data.items() if value}

    def _check(self, key: str, value: str) -> None:
        try:
            validate_credential(self.provider, environment=self.environment, key=key, value=value)
        except InvalidRequest as error:
            for _path, told in error.by_field():
                self.add_error(key, told)


class ReviewForm(forms.Form):
    """Nothing to fill in: the last look before the test."""
