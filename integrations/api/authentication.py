"""Programs sign in with an organization's token: `Authorization: Bearer hub_…`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from rest_framework import authentication
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ..models import ApiToken
from ..request_id import identify
from ..tenancy import acting_as_service, enter

_KEYWORD = "Bearer"
_SEEN_EVERY = timedelta(minutes=1)


class TokenUser:
    """Stands where a person would: what a program may do is in its token's scopes."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    is_superuser = False

    def __init__(self, token: ApiToken) -> None:
        self.pk = token.pk
        self.token = token

    def __str__(self) -> str:
        return f"token:{self.token.name}"

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return False


class SessionAuthentication(authentication.SessionAuthentication):
    """People signed in in the browser. Their CSRF token comes in its header: a body is the parsers' alone."""

    def enforce_csrf(self, request: Request) -> None:
        inner: Any = request._request
        inner._post, inner._files = QueryDict(), MultiValueDict()
        super().enforce_csrf(inner)


class TokenAuthentication(BaseAuthentication):
    """Finds the token's organization and puts the rest of the request behind its wall."""

    def authenticate(self, request: Request) -> tuple[TokenUser, ApiToken] | None:
        keyword, _, text = request.headers.get("Authorization", "").partition(" ")
        if keyword != _KEYWORD:
            return None
        with acting_as_service():
            token = (
                ApiToken.objects.select_related("organization").filter(token_hash=ApiToken.hash(text.strip())).first()
            )
            token = _usable(token)
            _note_use(token)
        enter(token.organization_id)
        request._request.organization = token.organization  # type: ignore[attr-defined]  # ours, on Django's request
        user = TokenUser(token)
        identify(str(user))
        return user, token

    def authenticate_header(self, request: Request) -> str:
        return _KEYWORD


def _usable(token: ApiToken | None) -> ApiToken:
    if token is None or token.revoked_at is not None or not token.organization.is_active:
        raise AuthenticationFailed("This token is not valid.", code="invalid_token")
    if not token.is_usable:
        raise AuthenticationFailed("This token has expired.", code="token_expired")
    return token


def _note_use(token: ApiToken) -> None:
    """To the minute, so that a busy program does not write a row with every call."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > _SEEN_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
