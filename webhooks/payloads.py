"""The stored body of an event, read again."""

from __future__ import annotations

import json
import re
from typing import Any

from integrations.errors import UnreadablePayload

from .bodies import TooLarge, read_payload
from .models import WebhookEvent

# In JSON text of ASCII: what may stay (a pair that makes one character, most other escapes) and what JSONB refuses.
_ESCAPE = re.compile(r"(?P<kept>\\ud[89ab]..\\ud[c-f]..|\\(?!u0000|ud[89a-f]).)|\\u0000|\\ud[89a-f]..")

_MAY_BE_ODD = re.compile(r"\\u|NaN|Infinity")


def payload_of(event: WebhookEvent) -> dict[str, Any]:
    """What the verified bytes say. Raises UnreadablePayload when they are none, or are in the archive."""
    try:
        return read_payload(bytes(event.raw_body or b""), event.headers)
    except TooLarge as error:
        raise UnreadablePayload("The stored body is larger than a body may be.") from error


def storable(payload: dict[str, Any]) -> dict[str, Any]:
    """Without what JSONB and UTF-8 refuse: NUL, halves of characters, numbers beyond all. The raw bytes keep them."""
    text = json.dumps(payload)
    if not _MAY_BE_ODD.search(text):
        return payload
    text = _ESCAPE.sub(lambda found: found["kept"] or "", text)
    stored: dict[str, Any] = json.loads(text, parse_constant=lambda name: None)
    return stored
