"""The catalogue's rows, made from the provider classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..configuration import schema_of
from ..models import IntegrationProvider, RateLimit
from ..providers.base import PaymentProvider, Provider
from ..providers.registry import providers
from .locks import lock_until_commit


@dataclass(frozen=True)
class CatalogueSync:
    created: int
    updated: int
    deactivated: int


@transaction.atomic
def sync_catalogue() -> CatalogueSync:
    """Bring the rows in line with the code; doing it again changes nothing.

    A row whose provider is gone, or is the sandbox where that is switched off, is deactivated and loses its schema, by
    which it is known for reactivation. Otherwise `is_active` belongs to the super admins.
    """
    lock_until_commit("catalogue")
    rows = {row.slug: row for row in IntegrationProvider.objects.filter(organization=None)}
    offered = [provider for provider in providers().values() if settings.SANDBOX or not provider.is_sandbox]
    created = updated = 0
    for provider in offered:
        row = rows.pop(provider.slug, None)
        created += row is None
        updated += _write(row or IntegrationProvider(slug=provider.slug), _facts(provider)) and row is not None
        _write_limits(provider)
    return CatalogueSync(created, updated, sum(_withdraw(row) for row in rows.values()))


def offered_provider(slug: str) -> Provider | None:
    """The code behind a catalogue row, if this installation offers it."""
    provider = providers().get(slug)
    return None if provider is None or (provider.is_sandbox and not settings.SANDBOX) else provider


def _facts(provider: Provider) -> dict[str, Any]:
    capabilities = provider.payment_capabilities if isinstance(provider, PaymentProvider) else frozenset()
    return {
        "provider_name": provider.name,
        "provider_name_ar": provider.name_ar,
        "provider_type": str(provider.type),
        "description": provider.description,
        "description_ar": provider.description_ar,
        "documentation_url": provider.documentation_url,
        "api_version": provider.api_version,
        "requires_oauth": provider.requires_oauth,
        "supported_regions": list(provider.regions),
        "supported_countries": list(provider.countries),
        "supported_currencies": list(provider.currencies),
        "is_mena_provider": provider.is_mena,
        "primary_locale": "ar" if provider.is_mena else "en",
        "payment_capabilities": sorted(capabilities),
        "pricing_model": provider.pricing_model,
        "configuration_schema": schema_of(provider),
    }


def _write(row: IntegrationProvider, facts: dict[str, Any]) -> bool:
    """Save `facts` in `row` and say whether that changed anything."""
    was_withdrawn = not row.configuration_schema
    changed = [name for name, value in facts.items() if getattr(row, name) != value]
    if not changed and not row._state.adding:
        return False
    for name in changed:
        setattr(row, name, facts[name])
    row.is_active = row.is_active or was_withdrawn
    row.save()
    return True


def _write_limits(provider: Provider) -> None:
    """What connections have from the provider's documentation follows it; what somebody has set stays."""
    documented = RateLimit.objects.filter(connection__provider__slug=provider.slug, is_documented=True)
    documented.exclude(limit_type__in=provider.rate_limits).delete()
    for window, limit in provider.rate_limits.items():
        others = documented.filter(limit_type=window).exclude(max_requests=limit)
        others.update(max_requests=limit, updated_at=timezone.now())


def _withdraw(row: IntegrationProvider) -> bool:
    if not row.is_active and not row.configuration_schema:
        return False
    row.is_active, row.configuration_schema = False, {}
    row.save(update_fields=["is_active", "configuration_schema", "updated_at"])
    return True
