"""A visit to the address that a provider names to confirm ours: by a task, since the provider waits for an answer."""

from __future__ import annotations

import logging
import time
import uuid

import requests
from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from integrations.errors import Unavailable
from integrations.transport import send
from integrations.vault import SealedText

logger = logging.getLogger(__name__)

_SECONDS = 10.0


def arrange_visit(endpoint_id: uuid.UUID, address: str) -> None:
    """Have `address` visited soon. Raises Unavailable while no task can be sent: then the provider asks again."""
    # It holds a token, and the broker is no place for those.
    sealed = SealedText.seal(address, context=_place(endpoint_id)).token
    try:
        current_app.send_task(
            "webhooks.tasks.confirm_address", args=(str(endpoint_id), sealed), retry=False, ignore_result=True
        )
    except (OperationalError, RedisError, OSError) as error:
        raise Unavailable("The address cannot be confirmed now; ask again.") from error


def visit(endpoint_id: uuid.UUID, sealed: str) -> None:
    """Raises Unavailable, to be tried again, and EgressRefused for an address that may not be called."""
    address = SealedText(sealed, context=_place(endpoint_id)).reveal()
    answer = send(requests.Request("GET", address).prepare(), time.monotonic() + _SECONDS, streams=True)
    answer.close()
    if answer.status >= 500:
        raise Unavailable("The provider answered {status} to the confirmation.", status=answer.status)
    logger.info("The address of endpoint %s was confirmed: the provider answered %d.", endpoint_id, answer.status)


def _place(endpoint_id: uuid.UUID) -> str:
    return f"webhook_endpoints.confirmation.{endpoint_id}"
