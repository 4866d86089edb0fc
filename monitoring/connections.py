"""The connections that figures are about: those there are, and by the audit log those that were deleted."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.models import Connection, IntegrationProvider, Organization

from .models import AuditLog

_OBJECT = "integrations.connection:"


@dataclass(frozen=True)
class Named:
    """A connection as a table of figures tells of it; `provider_id` is None when it is deleted."""

    connection_id: uuid.UUID
    name: str
    provider_id: uuid.UUID | None = None
    environment: str = ""

    @property
    def is_deleted(self) -> bool:
        return self.provider_id is None


def connections_of(organization: Organization) -> dict[uuid.UUID, Named]:
    """By name. Light: hundreds of them cost one plain query."""
    rows = Connection.objects.filter(organization=organization).order_by("connection_name", "pk")
    return {
        row[0]: Named(*row) for row in rows.values_list("pk", "connection_name", "provider_id", "environment")
    }  # fmt: skip


def providers_of(connections: Iterable[Named]) -> dict[uuid.UUID, IntegrationProvider]:
    """By name, in the reader's language."""
    rows = IntegrationProvider.objects.filter(pk__in={one.provider_id for one in connections})
    found = rows.only("slug", "provider_name", "provider_name_ar")
    return {one.pk: one for one in sorted(found, key=lambda one: one.local_name.casefold())}


def named(
    organization: Organization, connection_ids: Iterable[uuid.UUID], connections: dict[uuid.UUID, Named]
) -> dict[uuid.UUID, Named]:
    """Each of `connection_ids`: as in `connections`, or as it was called when it was deleted."""
    gone = [one for one in connection_ids if one not in connections]
    return {**connections, **_deleted(organization, gone)} if gone else connections


def _deleted(organization: Organization, connection_ids: list[uuid.UUID]) -> dict[uuid.UUID, Named]:
    entries = AuditLog.objects.filter(
        organization=organization,
        object__in=[f"{_OBJECT}{one}" for one in connection_ids],
        action="connection.deleted",
    )
    names = {object.removeprefix(_OBJECT): name for object, name in entries.values_list("object", _NAME)}
    return {one: Named(one, names.get(str(one)) or _("Deleted connection")) for one in connection_ids}


_NAME = "changes__connection_name"
