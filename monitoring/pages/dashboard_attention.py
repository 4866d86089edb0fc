"""What somebody should look at now, on the first page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from integrations.circuit import circuits
from integrations.models import Connection, Credential, Organization, RateLimit
from integrations.operations.credential_upkeep import due_credentials, expiring_credentials


def held_back(connections: Sequence[Connection]) -> list[dict[str, Any]]:
    """The connections whose circuit is not closed, or whose provider has asked for a pause."""
    states = circuits([connection.pk for connection in connections])
    return [
        {
            "icon": "electrical_services",
            "connection": connection,
            "text": f"{states[connection.pk].told} {_('Next call:') if states[connection.pk].retry_at else ''}",
            "moment": states[connection.pk].retry_at,
        }
        for connection in connections
        if states[connection.pk].holds_back
    ]


def attention(organization: Organization, now: datetime) -> list[dict[str, Any]]:
    """What will hurt if nobody looks: limits used up, credentials about to end."""
    limits = RateLimit.objects.filter(organization=organization, is_exceeded=True).select_related("connection")[:5]
    expiring = list(expiring_credentials().filter(organization=organization).defer("encrypted_value")[:5])
    due = (
        due_credentials()
        .filter(organization=organization)
        .defer("encrypted_value")
        .exclude(pk__in=[one.pk for one in expiring])[:5]
    )
    return (
        [
            {
                "icon": "speed",
                "connection": limit.connection,
                "text": _("The limit %(limit)s is used up.") % {"limit": limit},
                "moment": limit.reset_at,
            }
            for limit in limits
        ]
        + [
            {
                "icon": "key",
                "connection": credential.connection,
                "text": _ending(credential, now) % {"key": credential.credential_key},
                "moment": credential.expires_at,
            }
            for credential in expiring
        ]
        + [
            {
                "icon": "autorenew",
                "connection": credential.connection,
                "text": _("The credential %(key)s should have been rotated") % {"key": credential.credential_key},
                "moment": credential.due_at,
            }
            for credential in due
        ]
    )


def _ending(credential: Credential, now: datetime) -> str:
    has_ended = credential.expires_at is not None and credential.expires_at <= now
    return _("The credential %(key)s has ended.") if has_ended else _("The credential %(key)s ends.")
