"""Endpoints that verify by a credential of their connection, and so go with it when it is given another value.

Such an endpoint has a copy of its own, which is told from a secret that a person entered by its value: it is one that
the connection's credential has, or once had.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from integrations.models import Connection, Credential
from integrations.operations.announce import record_action
from integrations.providers.base import Provider
from integrations.providers.registry import get_provider
from integrations.signals import credential_deactivated, credential_in_use
from integrations.vault import SealedText, VaultError, fingerprint

from .models import WebhookEndpoint

logger = logging.getLogger(__name__)

OVERLAP = timedelta(hours=24)
SECRET_KEY = "webhook_secret"  # noqa: S105 - the name of a credential


def own_secret(connection: Connection, provider: Provider) -> str:
    """The connection's present credential that its provider signs with; empty where it has none."""
    own = Credential.objects.filter(connection=connection, credential_key=provider.webhook_secret_key)
    credential = own.usable().first()
    return credential.reveal() if credential else ""


def has_own_secret(endpoint: WebhookEndpoint) -> bool:
    """Whether it verifies by a credential of its connection, which nobody is shown: an API key, or the same text."""
    provider, secret = get_provider(endpoint.connection.provider.slug), endpoint.webhook_secret.reveal()
    return signs_with_api_key(provider) or (bool(secret) and secret == own_secret(endpoint.connection, provider))


def signs_with_api_key(provider: Provider) -> bool:
    return provider.webhook_secret_key != SECRET_KEY


def must_be_brought(connection: Connection, provider: Provider) -> bool:
    """Whether the provider has a signing secret already that nobody has given with the connection."""
    has_one = signs_with_api_key(provider) or provider.issues_webhook_secret
    return has_one and not own_secret(connection, provider)


def is_told_the_secret(provider: Provider) -> bool:
    """Whether the provider learns through its API which secret of ours it is to use."""
    can_sign = provider.signature is not None and provider.signature.can_sign
    issues = provider.renews_webhook_secrets or signs_with_api_key(provider)
    return provider.registers_webhooks and can_sign and not issues


def wait_for_rotations(connection: Connection) -> None:
    """Until the transaction ends none of the connection's credentials is rotated: a secret that was read stays true."""
    list(Connection.objects.select_for_update(no_key=True).filter(pk=connection.pk).values_list("pk"))


@receiver(credential_in_use, dispatch_uid="hub.webhooks.own_secrets")
def _follow(sender: object, credential: Credential, replaced: Credential | None, **kwargs: Any) -> None:
    """In the transaction of the change: the key and the endpoints that verify by it change together.

    Not where the provider was told the secret through its API, and goes on with it until the endpoint's is rotated.
    """
    provider = get_provider(credential.connection.provider.slug)
    if credential.credential_key != provider.webhook_secret_key or is_told_the_secret(provider):
        return
    followers = _with_secret_of(credential)
    for endpoint in followers:
        _take(endpoint, credential, replaced)
    told = {"credential_key": credential.credential_key, "fingerprint": credential.fingerprint}
    for endpoint in followers:
        record_action("webhook_endpoint.secret_rotated", endpoint, told)


@receiver(credential_deactivated, dispatch_uid="hub.webhooks.own_secrets_ended")
def _end_overlap(sender: object, credential: Credential, **kwargs: Any) -> None:
    """A replaced key that is given up before its time proves nothing from then on."""
    provider, now = get_provider(credential.connection.provider.slug), timezone.now()
    if credential.credential_key != provider.webhook_secret_key:
        return
    for endpoint in _locked(credential.connection).filter(previous_secret_expires_at__gt=now):
        if _mark(endpoint.previous_webhook_secret) == credential.fingerprint:
            endpoint.previous_secret_expires_at = now
            endpoint.save(update_fields=["previous_secret_expires_at", "updated_at"])


def _with_secret_of(credential: Credential) -> Sequence[WebhookEndpoint]:
    """The connection's endpoints whose secret is one that this credential took the place of, now or long ago."""
    earlier = Credential.objects.filter(connection=credential.connection, credential_key=credential.credential_key)
    marks = set(earlier.values_list("fingerprint", flat=True)) - {credential.fingerprint}
    if not marks:
        return []
    return [endpoint for endpoint in _locked(credential.connection) if _mark(endpoint.webhook_secret) in marks]


def _take(endpoint: WebhookEndpoint, credential: Credential, replaced: Credential | None) -> None:
    """The credential's value, and beside it for a while the one that was in use: of an endpoint that had fallen behind,
    too, that is what the provider signs with."""
    until: datetime = timezone.now() + OVERLAP
    if replaced is not None:
        until = replaced.expires_at or until
    before = endpoint.webhook_secret if replaced is None else replaced
    # Opened and sealed anew: a sealed text opens only in the column that it was sealed for.
    endpoint.previous_webhook_secret = before.reveal()
    endpoint.previous_secret_expires_at = until
    endpoint.webhook_secret = credential.reveal()
    endpoint.save()


def _locked(connection: Connection) -> Any:
    return WebhookEndpoint.objects.select_for_update().filter(connection=connection).order_by("pk")


def _mark(sealed: SealedText | None) -> str:
    """Empty for what does not open: that verifies nothing, and must not stand in the way of a rotation."""
    try:
        return fingerprint(sealed.reveal()) if sealed else ""
    except VaultError:
        logger.warning("The signing secret of an endpoint does not open.")
        return ""
