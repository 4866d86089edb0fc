"""What somebody should know of, as warnings in the log: once each, with ids and no secrets."""

from __future__ import annotations

import logging
from datetime import datetime

from integrations.models import Connection, Credential
from webhooks.models import WebhookDestination

logger = logging.getLogger(__name__)


def limit_exceeded(sender: object, connection: Connection, window: str, reset_at: datetime, **kwargs: object) -> None:
    logger.warning("Connection %s: the limit %s is used up until %s.", connection.pk, window, reset_at.isoformat())


def limit_recovered(sender: object, connection: Connection, window: str, **kwargs: object) -> None:
    logger.warning("Connection %s: the limit %s has room again.", connection.pk, window)


def credential_due(sender: object, credential: Credential, reason: str, error: str, **kwargs: object) -> None:
    why = {"policy": "is due by its policy", "expires": "is about to expire", "failed": "could not be renewed"}[reason]
    logger.warning("Connection %s: the credential %s %s. %s", credential.connection_id, credential, why, error)


def destination_failing(sender: object, destination: WebhookDestination, since: datetime, **kwargs: object) -> None:
    logger.warning("Webhook destination %s: nothing but failure since %s.", destination.pk, since.isoformat())


def destination_disabled(sender: object, destination: WebhookDestination, reason: str, **kwargs: object) -> None:
    why = {"gone": "its receiver answered 410 Gone", "failing": "nothing but failure for days"}[reason]
    logger.warning("Webhook destination %s was switched off: %s.", destination.pk, why)
