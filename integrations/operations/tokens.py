"""API tokens: made, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from ..errors import InvalidRequest
from ..models import ApiToken, Organization, User
from .announce import record_action


@transaction.atomic
def issue_token(
    organization: Organization,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    created_by: User | None = None,
) -> tuple[ApiToken, str]:
    """Make a token. Its text is the second value, to be shown once: only a hash is kept.

    Raises InvalidRequest for a blank name, no scope or an unknown one, and an expiry that is past.
    """
    _check(name, scopes, expires_at)
    row = ApiToken(
        organization=organization,
        name=name.strip(),
        scopes=sorted(set(scopes), key=ApiToken.Scope.values.index),
        expires_at=expires_at,
        created_by=created_by,
    )
    text = row.issue()
    row.save()
    record_action("api_token.issued", row, {"name": row.name, "prefix": row.prefix, "scopes": row.scopes})
    return row, text


@transaction.atomic
def revoke_token(token: ApiToken) -> ApiToken:
    """Make a token useless from now on; a second time changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        token.refresh_from_db()
        record_action("api_token.revoked", token, {"name": token.name, "prefix": token.prefix})
    return token


def _check(name: str, scopes: Sequence[str], expires_at: datetime | None) -> None:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise InvalidRequest("A token needs a name of 1 to 100 printable characters.", field="name")
    unknown = sorted(set(scopes) - set(ApiToken.Scope.values))
    if unknown or not scopes:
        known = ", ".join(ApiToken.Scope.values)
        raise InvalidRequest("Scopes must be one or more of {known}.", known=known, field="scopes")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequest("The expiry lies in the past.", field="expires_at")
