"""The addresses that providers call: made, given a new secret, and switched on and off."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from integrations.errors import ConfigurationError, IntegrationError, InvalidRequest, NotSupported
from integrations.gateway import client_for
from integrations.hints import hint
from integrations.models import Connection
from integrations.operations.announce import record_action
from integrations.operations.payment_attempts import may_have_taken_effect
from integrations.providers.base import Provider
from integrations.providers.registry import get_provider
from integrations.providers.signatures import Signature

from .addresses import check_networks
from .models import WebhookEndpoint, WebhookEvent
from .own_secrets import (
    OVERLAP,
    SECRET_KEY,
    has_own_secret,
    is_told_the_secret,
    own_secret,
    signs_with_api_key,
    wait_for_rotations,
)
from .retries import check_policy

_MAX_SECRET = 512


def create_endpoint(
    connection: Connection,
    *,
    event_types: Sequence[str] = (),
    allowed_networks: Sequence[str] = (),
    webhook_secret: str = "",
    register: bool = False,
    secret_follows: bool = False,
) -> tuple[WebhookEndpoint, str]:
    """Make an address for the connection's provider to call; returns it with its signing secret, seen only now.

    The secret is the one given, else the connection's own credential that its provider signs with (an API key, or a
    `webhook_secret`), which is not shown again: an empty text is returned; else a fresh one. A provider
    that issues it once it has the address gets that with `secret_follows`: until `rotate_secret` brings the secret,
    whatever comes is refused; so does one that would issue it with its answer, and is told the address by hand instead.
    `register` tells the provider the address through its API; a secret that it issues with
    its answer takes the place of that. Raises NotSupported for a provider that sends no webhooks or registers none, and
    what the provider makes of the call; then nothing is kept.
    """
    provider = get_provider(connection.provider.slug)
    secret = webhook_secret or own_secret(connection, provider)
    if secret or not (secret_follows and _issues_later(provider, register=register)):
        secret = secret or _first_secret(provider, register=register)
        _check(provider, event_types, secret)
    check_networks(allowed_networks)
    if register and not provider.registers_webhooks:
        raise NotSupported("{provider} is told the webhook's address in its dashboard.", provider=provider.name)
    endpoint = WebhookEndpoint(
        organization_id=connection.organization_id,
        connection=connection,
        event_types=list(event_types),
        allowed_networks=list(allowed_networks),
    )
    endpoint.webhook_url = f"{settings.PUBLIC_URL}/webhooks/{endpoint.pk}/"
    # Stored before it is registered: the provider's first call may come before its answer.
    with transaction.atomic():
        wait_for_rotations(connection)
        secret = webhook_secret or own_secret(connection, provider) or secret
        endpoint.webhook_secret = secret
        endpoint.save()
        record_action("webhook_endpoint.created", endpoint, {"connection": str(connection.pk)})
    if register:
        try:
            secret = _register(endpoint, provider, secret)
            _keep_issued(endpoint, provider, secret)
        except Exception:
            with transaction.atomic():
                record_action("webhook_endpoint.deleted", endpoint, {"reason": "the provider did not take it"})
                endpoint.delete()
            raise
    return endpoint, secret_to_show(endpoint)


def rotate_secret(
    endpoint: WebhookEndpoint, *, webhook_secret: str = "", overlap: timedelta = OVERLAP, told_by_hand: bool = False
) -> str:
    """Give the endpoint another secret and return it; the old one is accepted for `overlap` too.

    With a provider that signs with an API key it is the connection's present one, and an empty text is returned.
    Where that credential is rotated itself, its endpoints go with it by themselves: see `own_secrets`.

    A provider that takes its webhooks through its API, with a secret of ours, is told the new one; what it makes of
    that is raised, and unless it may have taken the new secret all the same, everything is as before. One that issues
    the secret is asked for another, unless it is given: then a person has had it renewed there. `told_by_hand`: it is a
    person who tells the provider, whatever a call could tell it.
    """
    provider = get_provider(endpoint.connection.provider.slug)
    if provider.renews_webhook_secrets and not webhook_secret:
        return _take_issued(endpoint, provider, overlap)
    with transaction.atomic():
        wait_for_rotations(endpoint.connection)
        own = own_secret(endpoint.connection, provider) if signs_with_api_key(provider) else ""
        secret = webhook_secret or own or _fresh_secret(provider)
        _check(provider, endpoint.event_types, secret)
        before, rotated = _replace_secret(endpoint, secret, overlap)
    if is_told_the_secret(provider) and not told_by_hand:
        try:
            _register(rotated, provider, secret)
        except IntegrationError as error:
            if not may_have_taken_effect(error):
                _put_back(before, secret)
            raise
    return secret_to_show(rotated)


def secret_to_show(endpoint: WebhookEndpoint) -> str:
    """The signing secret for whoever has just made it; empty where it is a credential, which is shown to nobody."""
    return "" if has_own_secret(endpoint) else endpoint.webhook_secret.reveal()


def update_endpoint(endpoint: WebhookEndpoint, **changes: Any) -> WebhookEndpoint:
    """Change `event_types`, `is_active`, `is_paused`, `allowed_networks`, `retry_policy` or `max_per_minute`."""
    if "event_types" in changes:
        _check_event_types(changes["event_types"])
    if "allowed_networks" in changes:
        check_networks(changes["allowed_networks"])
    if "retry_policy" in changes:
        check_policy(changes["retry_policy"])
    if changes.get("is_active") and not endpoint.has_address:
        raise NotSupported("{provider} sends no webhooks.", provider=endpoint.connection.provider.provider_name)
    before = {name: getattr(endpoint, name) for name in changes}
    for name, value in changes.items():
        setattr(endpoint, name, value)
    with transaction.atomic():
        endpoint.save(update_fields=[*changes, "updated_at"])
        record_action(
            "webhook_endpoint.updated", endpoint, {name: [before[name], value] for name, value in changes.items()}
        )
        if changes.get("is_paused") is False:
            _let_go_of_held_events(endpoint)
    return endpoint


def set_active(endpoint: WebhookEndpoint, *, active: bool) -> WebhookEndpoint:
    """Switched off, the address answers 404 and the provider keeps its events for later, as far as it does."""
    return update_endpoint(endpoint, is_active=active)


def pause(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Events are verified, stored and answered as ever, and held: none is processed until `resume`."""
    return update_endpoint(endpoint, is_paused=True)


def resume(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """What was held meanwhile is processed now."""
    return update_endpoint(endpoint, is_paused=False)


def address_for(endpoint: WebhookEndpoint, secret: str) -> str:
    """The address to tell the provider: with the secret in it, where that is how the provider proves itself."""
    return _signature(get_provider(endpoint.connection.provider.slug)).address(endpoint.webhook_url, secret)


def _let_go_of_held_events(endpoint: WebhookEndpoint) -> None:
    """One statement, served by webhook_events_held. The inbox holds an event by giving it no next attempt."""
    waiting = (WebhookEvent.Status.PENDING, WebhookEvent.Status.RETRYING)
    held = WebhookEvent.objects.filter(
        webhook_endpoint=endpoint, processing_status__in=waiting, next_attempt_at__isnull=True
    )
    if held.update(next_attempt_at=Now()):
        transaction.on_commit(lambda: hint("webhooks.tasks.drain_inbox"))


def _replace_secret(
    endpoint: WebhookEndpoint, secret: str, overlap: timedelta
) -> tuple[WebhookEndpoint, WebhookEndpoint]:
    """The endpoint as it was and as it is now."""
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        before = copy(locked)
        if locked.webhook_secret.reveal() == secret:
            return before, locked  # the one before it may be in its overlap, which goes on
        # Opened and sealed anew: a sealed text opens only in the column that it was sealed for.
        locked.previous_webhook_secret = locked.webhook_secret.reveal()
        locked.previous_secret_expires_at = timezone.now() + overlap
        locked.webhook_secret = secret
        locked.save()
        record_action("webhook_endpoint.secret_rotated", locked)
    return before, locked


def _put_back(before: WebhookEndpoint, refused: str) -> None:
    """Undo a rotation that the provider refused, lest the secret that it still uses runs out."""
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update().get(pk=before.pk)
        if locked.webhook_secret.reveal() != refused:
            return
        locked.webhook_secret = before.webhook_secret
        locked.previous_webhook_secret = before.previous_webhook_secret
        locked.previous_secret_expires_at = before.previous_secret_expires_at
        locked.save()
        record_action("webhook_endpoint.secret_put_back", locked)


def _register(endpoint: WebhookEndpoint, provider: Provider, secret: str) -> str:
    """Returns the secret that the provider signs with from now on: its own, where it issues one."""
    client = client_for(endpoint.connection, operation="register_webhook", any_status=True)
    return provider.register_webhook(client, address_for(endpoint, secret), secret) or secret


def _take_issued(endpoint: WebhookEndpoint, provider: Provider, overlap: timedelta) -> str:
    """Nothing changes here before the provider has answered: until then it signs with the old secret. What it sends in
    the moment before the new one is stored is refused, and sent again."""
    issued = _register(endpoint, provider, token_urlsafe(32))
    _check(provider, endpoint.event_types, issued)
    return secret_to_show(_replace_secret(endpoint, issued, overlap)[1])


def _keep_issued(endpoint: WebhookEndpoint, provider: Provider, secret: str) -> None:
    if secret == endpoint.webhook_secret.reveal():
        return
    _signature(provider).check_secret(secret)
    with transaction.atomic():
        endpoint.webhook_secret = secret
        endpoint.save(update_fields=["webhook_secret", "updated_at"])


def _signature(provider: Provider) -> Signature:
    if provider.signature is None:
        raise NotSupported("{provider} sends no webhooks.", provider=provider.name)
    return provider.signature


def _fresh_secret(provider: Provider) -> str:
    signature = _signature(provider)
    if not signature.can_sign or signs_with_api_key(provider) or provider.issues_webhook_secret:
        raise InvalidRequest(
            "{provider} issues the signing secret itself: enter it.", provider=provider.name, field=SECRET_KEY
        )
    return signature.generate_secret()


def _issues_later(provider: Provider, *, register: bool) -> bool:
    """Whether the provider makes the secret once somebody has told it the address."""
    return not _signature(provider).can_sign or (provider.renews_webhook_secrets and not register)


def _first_secret(provider: Provider, *, register: bool) -> str:
    """Where the provider issues the secret as it is told the address: until then one that nobody can sign with."""
    if register and provider.registers_webhooks and not _signature(provider).can_sign:
        return token_urlsafe(32)
    return _fresh_secret(provider)


def _check(provider: Provider, event_types: Sequence[str], secret: str) -> None:
    _check_event_types(event_types)
    if len(secret) > _MAX_SECRET or not secret.isprintable() or secret != secret.strip():
        raise InvalidRequest("The signing secret holds characters that it cannot hold.", field=SECRET_KEY)
    try:
        _signature(provider).check_secret(secret)
    except ConfigurationError as error:
        raise InvalidRequest(error.template, field=SECRET_KEY, **error.values) from error


def _check_event_types(event_types: Sequence[str]) -> None:
    """Any name goes: a provider may have events that we only keep, and new ones before we know of them."""
    for event_type in event_types:
        if not event_type or len(event_type) > 100 or not event_type.isprintable():
            raise InvalidRequest("An event type has 1 to 100 printable characters.", field="event_types")
