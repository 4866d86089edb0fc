"""The endpoints that this process has looked up within the last seconds, so that a burst costs no query an event."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from integrations.secrecy import Secret
from integrations.single_flight import SingleFlight
from integrations.vault import SealedText

from .models import WebhookEndpoint

_GOOD_FOR_SECONDS = 5.0
# After a change of secret, for so long a genuine event may be refused by a process that did not make the change.
_READ_AGAIN_AFTER_SECONDS = 0.1
_MOST = 10_000


@dataclass(frozen=True)
class KnownEndpoint:
    """What the door needs to know of an endpoint; its secrets stay sealed until a signature is checked."""

    pk: uuid.UUID
    organization_id: uuid.UUID
    slug: str
    secret: SealedText
    previous_secret: SealedText | None
    previous_until: datetime | None
    max_per_minute: int
    url: str
    networks: tuple[str, ...]  # of the endpoint's own choosing

    def secrets(self, now: float) -> list[Secret]:
        """Newest first; the one before while its overlap lasts; none that is still to come. Raises VaultError."""
        revealed = [self.secret.reveal()]
        if self.previous_secret and self.previous_until and self.previous_until.timestamp() > now:
            revealed.append(self.previous_secret.reveal())
        return [secret for secret in revealed if secret]


# When it was read, and what; None for one that is not there, so that asking again for it costs nothing either.
_known: dict[uuid.UUID, tuple[float, KnownEndpoint | None]] = {}
# A burst that finds what we know too old asks for it once, not from each of its threads.
_readings: SingleFlight[uuid.UUID, KnownEndpoint | None] = SingleFlight()


def find_endpoint(endpoint_id: uuid.UUID) -> KnownEndpoint | None:
    """The active endpoint with this id, as it was at most a few seconds ago. Raises DatabaseError."""
    read_at, endpoint = _known.get(endpoint_id, (0.0, None))
    if time.monotonic() - read_at < _GOOD_FOR_SECONDS:
        return endpoint
    return _readings.do(endpoint_id, read_endpoint)


def read_endpoint(endpoint_id: uuid.UUID) -> KnownEndpoint | None:
    """The same as it is now. Raises DatabaseError."""
    found = WebhookEndpoint.objects.filter(pk=endpoint_id, is_active=True, organization__is_active=True)
    row = found.select_related("connection__provider").first()
    endpoint = None if row is None else _as_known(row)
    if len(_known) >= _MOST:
        _known.clear()
    _known[endpoint_id] = (time.monotonic(), endpoint)
    return endpoint


def changed_since(endpoint: KnownEndpoint) -> KnownEndpoint | None:
    """The endpoint with other secrets than `endpoint` has, if another process gave it some; None otherwise.

    For an event that does not verify: its provider may know a new secret before this process does. Reads at most ten
    times a second, whoever sends what.
    """
    read_at, known = _known.get(endpoint.pk, (0.0, None))
    if time.monotonic() - read_at >= _READ_AGAIN_AFTER_SECONDS:
        known = _readings.do(endpoint.pk, read_endpoint)
    is_changed = known is not None and known.secret.token != endpoint.secret.token
    return known if is_changed else None


@receiver([post_save, post_delete], sender=WebhookEndpoint, dispatch_uid="hub.webhooks.known_endpoints")
def _forget(sender: object, instance: WebhookEndpoint, **kwargs: object) -> None:
    """This process sees a change at once; others within seconds."""
    _known.pop(instance.pk, None)
    _readings.forget(instance.pk)


def _as_known(row: WebhookEndpoint) -> KnownEndpoint:
    return KnownEndpoint(
        pk=row.pk,
        organization_id=row.organization_id,
        slug=row.connection.provider.slug,
        secret=row.webhook_secret,
        previous_secret=row.previous_webhook_secret,
        previous_until=row.previous_secret_expires_at,
        max_per_minute=row.max_per_minute,
        url=row.webhook_url,
        networks=tuple(row.allowed_networks),
    )
