"""What is done to a destination: made, changed, given a new secret, switched off and on, tested, deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.errors import InvalidRequest
from integrations.models import Organization
from integrations.operations.announce import record_action
from integrations.providers.signatures import StandardWebhooks
from integrations.redaction import Redactor

from ..models import WebhookDelivery, WebhookDeliveryAttempt, WebhookDestination
from .conclude import conclude
from .destination_input import (
    check_connection,
    check_filters,
    check_form,
    check_limits,
    check_secret,
    check_url_of,
    checked_headers,
)
from .messages import TEST_TYPE, message_of
from .queue import LEASE_SECONDS, Claimed
from .send import Recipient
from .standing import Reason, switch_off, switch_on

OVERLAP = timedelta(hours=24)
MOST_DESTINATIONS = 100  # of one organization: each costs something with every event
_CHANGEABLE = frozenset({
    "url", "description", "form", "event_types", "provider_event_types", "provider_types", "connection",
    "headers", "retry_policy", "max_concurrency", "max_per_second", "is_ordered",
})  # fmt: skip


def create_destination(
    organization: Organization, *, url: str, signing_secret: str = "", **settings: Any
) -> tuple[WebhookDestination, str]:
    """Returns the destination and its signing secret, seen only now: the one given, else a fresh one.

    `settings` are those of `update_destination`. Raises InvalidRequest.
    """
    check_url_of(url)
    destination = WebhookDestination(organization=organization)
    _assign(destination, {"url": url, **settings})
    secret = signing_secret or StandardWebhooks().generate_secret()
    check_secret(secret)
    destination.signing_secret = secret
    with transaction.atomic():
        if WebhookDestination.objects.filter(organization=organization).count() >= MOST_DESTINATIONS:
            raise InvalidRequest("An organization has at most {most} destinations.", most=MOST_DESTINATIONS)
        destination.save(force_insert=True)
        record_action("webhook_destination.created", destination, {"url": Redactor().url(url)})
    return destination, secret


def update_destination(destination: WebhookDestination, **changes: Any) -> WebhookDestination:
    """Change any of `url`, `description`, `form`, the filters `event_types`, `provider_event_types`, `provider_types`
    and `connection`, `headers` (all of them, by name), `retry_policy`, `max_concurrency`, `max_per_second`,
    `is_ordered` and `is_active`. Raises InvalidRequest.
    """
    active = changes.pop("is_active", None)
    if "url" in changes:
        check_url_of(changes["url"])  # a name is looked up: not while a row is locked
    with transaction.atomic():
        locked = _locked(destination)
        if changes:
            before = {name: getattr(locked, name) for name in changes}
            columns = _assign(locked, changes)
            locked.save(update_fields=[*columns, "updated_at"])
            record_action("webhook_destination.updated", locked, _told(before, changes))
        if active is not None:
            switch_on(locked) if active else switch_off(locked, Reason.BY_HAND)
    return locked


def rotate_secret(
    destination: WebhookDestination, *, signing_secret: str = "", overlap: timedelta = OVERLAP
) -> tuple[WebhookDestination, str]:
    """Sign with another secret, and for `overlap` with the old one too, so that receivers change at their own time."""
    secret = signing_secret or StandardWebhooks().generate_secret()
    check_secret(secret)
    with transaction.atomic():
        locked = _locked(destination)
        # Opened and sealed anew: a sealed text opens only in the column that it was sealed for.
        locked.previous_signing_secret = locked.signing_secret.reveal()
        locked.previous_secret_expires_at = timezone.now() + overlap
        locked.signing_secret = secret
        secrets = ["signing_secret", "previous_signing_secret", "previous_secret_expires_at"]
        locked.save(update_fields=[*secrets, "updated_at"])
        record_action("webhook_destination.secret_rotated", locked)
    return locked, secret


def enable_destination(destination: WebhookDestination) -> WebhookDestination:
    return update_destination(destination, is_active=True)


def disable_destination(destination: WebhookDestination) -> WebhookDestination:
    return update_destination(destination, is_active=False)


def delete_destination(destination: WebhookDestination) -> None:
    """With its deliveries and what became of them."""
    with transaction.atomic():
        locked = _locked(destination)
        record_action("webhook_destination.deleted", locked, {"url": Redactor().url(locked.url)})
        # By one statement; Django would read them all first.
        WebhookDeliveryAttempt.objects.filter(delivery__destination=locked).delete()
        locked.delete()


def send_test(destination: WebhookDestination) -> WebhookDelivery:
    """Send a test message now, whether the destination is active or not; it is tried once, and counts for nothing."""
    lease_ends = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    with transaction.atomic():
        delivery = WebhookDelivery.objects.create(
            organization_id=destination.organization_id,
            destination=destination,
            event_type=TEST_TYPE,
            status=WebhookDelivery.Status.SENDING,
            next_attempt_at=lease_ends,
        )
        record_action("webhook_destination.tested", destination)
    result = Recipient(destination).send(delivery.pk, message_of(delivery))
    conclude([(Claimed.of(delivery), result)], {destination.pk: destination})
    delivery.refresh_from_db()
    return delivery


def _locked(destination: WebhookDestination) -> WebhookDestination:
    return WebhookDestination.objects.select_for_update(no_key=True).get(pk=destination.pk)


def _assign(destination: WebhookDestination, changes: Mapping[str, Any]) -> list[str]:
    """Check and set; returns the columns that were."""
    if surplus := changes.keys() - _CHANGEABLE:
        raise InvalidRequest("There is no such field: {name}.", name=min(surplus))
    check_form(changes.get("form", destination.form))
    check_filters(changes)
    check_limits(changes)
    check_connection(changes.get("connection"), destination.organization_id)
    plain = {name: value for name, value in changes.items() if name != "headers"}
    for name, value in plain.items():
        setattr(destination, name, value)
    if "headers" not in changes:
        return list(plain)
    headers = checked_headers(changes["headers"])
    destination.header_names = list(headers)
    destination.headers = json.dumps(headers) if headers else None
    return [*plain, "headers", "header_names"]


def _told(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit log: no header's value, no secret in a query string."""
    told = {name: [before[name], value] for name, value in changes.items() if name not in ("headers", "connection")}
    if "url" in told:
        told["url"] = [Redactor().url(url) for url in told["url"]]
    if "connection" in changes:
        told["connection"] = [str(one.pk) if one else None for one in (before["connection"], changes["connection"])]
    return told | ({"headers": sorted(changes["headers"])} if "headers" in changes else {})
