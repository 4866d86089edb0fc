"""The destinations that this process has looked up within the last seconds, so that completing an event costs none."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from integrations.providers.events import EventType, NormalizedEvent

from ..models import WebhookDestination, WebhookEvent

HELD_FOR = timedelta(days=30)  # one that has been off for longer gathers no more deliveries
_GOOD_FOR_SECONDS = 5.0
_MOST = 10_000


@dataclass(frozen=True)
class KnownDestination:
    """What decides whether an event goes there."""

    pk: uuid.UUID
    is_raw: bool
    event_types: tuple[str, ...]
    provider_event_types: tuple[str, ...]
    provider_types: tuple[str, ...]
    connection_id: uuid.UUID | None

    def wanted(self, event: WebhookEvent, normalized: Sequence[NormalizedEvent]) -> Iterator[tuple[int, str]]:
        """The index and type of each delivery to be made: one for a raw event, one for each thing that it says."""
        if not self._wants_source(event):
            return
        names = [str(one.type) for one in normalized]
        if not self.is_raw:
            yield from ((index, name) for index, name in enumerate(names) if self._wants(name))
        elif not self.event_types or any(map(self._wants, names)):
            yield 0, event.event_type

    def _wants_source(self, event: WebhookEvent) -> bool:
        connection = event.webhook_endpoint.connection
        return (
            self.connection_id in (None, connection.pk)
            and (not self.provider_types or connection.provider_type in self.provider_types)
            and (not self.provider_event_types or any(fits(event.event_type, one) for one in self.provider_event_types))
        )

    def _wants(self, name: str) -> bool:
        """What we have no name for says nothing in our words: it goes only to those who ask for it by name."""
        if name == EventType.UNKNOWN:
            return name in self.event_types
        return not self.event_types or any(fits(name, pattern) for pattern in self.event_types)


def fits(name: str, pattern: str) -> bool:
    """Whether an event's name is meant by a pattern: itself, or what it begins with before a final asterisk."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


_known: dict[uuid.UUID, tuple[float, tuple[KnownDestination, ...]]] = {}


def destinations_of(organization_id: uuid.UUID) -> tuple[KnownDestination, ...]:
    """Those of the organization, as they were at most a few seconds ago. Raises DatabaseError."""
    read_at, destinations = _known.get(organization_id, (0.0, ()))
    if time.monotonic() - read_at < _GOOD_FOR_SECONDS:
        return destinations
    destinations = _read(organization_id)
    if len(_known) >= _MOST:
        _known.clear()
    _known[organization_id] = (time.monotonic(), destinations)
    return destinations


@receiver([post_save, post_delete], sender=WebhookDestination, dispatch_uid="hub.webhooks.known_destinations")
def _forget(sender: object, instance: WebhookDestination, **kwargs: object) -> None:
    """This process sees a change at once; others within seconds."""
    _known.pop(instance.organization_id, None)


def _read(organization_id: uuid.UUID) -> tuple[KnownDestination, ...]:
    alive = Q(is_active=True) | Q(disabled_at__gt=timezone.now() - HELD_FOR)
    rows = WebhookDestination.objects.filter(alive, organization=organization_id)
    return tuple(
        KnownDestination(
            pk=row.pk,
            is_raw=row.form == WebhookDestination.Form.RAW,
            event_types=tuple(row.event_types),
            provider_event_types=tuple(row.provider_event_types),
            provider_types=tuple(row.provider_types),
            connection_id=row.connection_id,
        )
        for row in rows
    )
