"""What people say of an address: which events it acts on, picked from those that its provider sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models import Connection, Organization
from integrations.providers.base import Provider
from integrations.providers.registry import get_provider, providers

_CHECKS = {"class": "hub-check__box"}


class Scope(models.TextChoices):
    ALL = "all", _("All events that the provider sends")
    SOME = "some", _("Only these")


class EventPicker(forms.Form):
    """Which events to act on: all, or some of those that `provider` is known to send, and others by name."""

    scope = forms.ChoiceField(label=_("Acts on"), choices=Scope.choices, widget=forms.RadioSelect)
    picked = forms.MultipleChoiceField(label=_("Events"), required=False, widget=forms.CheckboxSelectMultiple)
    others = forms.CharField(
        label=_("Others, by the provider's names"),
        required=False,
        max_length=2000,
        help_text=_("Separated by spaces."),
        widget=forms.TextInput(attrs={"class": "hub-input", "dir": "ltr", "autocomplete": "off"}),
    )

    def __init__(self, provider: Provider | None, *args: Any, chosen: Sequence[str] = (), **kwargs: Any) -> None:
        self.meanings = dict(provider.event_types) if provider else {}
        kwargs["initial"] = {
            "scope": Scope.SOME if chosen else Scope.ALL,
            "picked": [name for name in chosen or self.meanings if name in self.meanings],
            "others": " ".join(name for name in chosen if name not in self.meanings),
            **(kwargs.get("initial") or {}),
        }
        super().__init__(*args, **kwargs)
        picked: Any = self.fields["picked"]
        picked.choices = [(name, name) for name in self.meanings]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The choices as the template shows them."""
        checked = self["picked"].value() or []
        return [
            {"name": name, "meaning": meaning, "checked": name in checked} for name, meaning in self.meanings.items()
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("scope") == Scope.SOME and not self._named(cleaned):
            self.add_error("scope", _("Choose at least one event, or all."))
        return cleaned

    @property
    def event_types(self) -> list[str]:
        """As an endpoint keeps them; empty for all."""
        return self._named(self.cleaned_data) if self.cleaned_data["scope"] == Scope.SOME else []

    def _named(self, cleaned: dict[str, Any]) -> list[str]:
        others = cleaned.get("others", "").replace(",", " ").split()
        return list(dict.fromkeys([*cleaned.get("picked", []), *others]))


class NewEndpointForm(forms.Form):
    connection = forms.ModelChoiceField(
        label=_("Connection"), queryset=Connection.objects.none(), widget=forms.Select(attrs={"class": "hub-input"})
    )
    webhook_secret = forms.CharField(
        label=_("Signing secret"),
        required=False,
        strip=True,
        help_text=_("Where the provider issues one, paste it. Left empty, one is made and shown once."),
        widget=forms.PasswordInput(attrs={"class": "hub-input", "autocomplete": "off", "dir": "ltr"}),
    )
    register = forms.BooleanField(
        label=_("Tell the provider the address"),
        required=False,
        initial=True,
        help_text=_("Where its API allows that; otherwise enter the address in its dashboard."),
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connections: Any = self.fields["connection"]
        connections.queryset = listening(organization)


def listening(organization: Organization) -> models.QuerySet[Connection]:
    """The connections of `organization` whose providers send webhooks."""
    slugs = [slug for slug, provider in providers().items() if provider.signature is not None]
    found = Connection.objects.filter(organization=organization, provider__slug__in=slugs)
    return found.select_related("provider", "organization").order_by("connection_name")


def provider_of(connection: Connection | None) -> Provider | None:
    return get_provider(connection.provider.slug) if connection else None
