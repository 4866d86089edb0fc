"""The current organization, and PostgreSQL's row-level security that follows it.

Work on behalf of an organization runs as the role `hub_tenant` with `hub.organization_id` set; policies on every tenant
table show it that organization's rows only, and none when the setting is empty. Everything else (super admins in the
admin, the webhook door, workers) runs as the service, the tables' owner, which policies do not bind.

Role and setting are set on the database session by one statement and undone by another. Three things hold that up:
`acting_for` undoes in `finally`; a connection that is opened anew within it gets them again; and a pooled connection
that was ever a tenant's is wiped when it returns to the pool.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast
from zoneinfo import ZoneInfo

import psycopg
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from psycopg.pq import TransactionStatus

TENANT_ROLE = "hub_tenant"
ORGANIZATION_SETTING = "hub.organization_id"

# In one statement: the service must be able to set both, and the order within it does not matter to either.
_SWITCH = "SELECT set_config('role', %s, false), set_config('hub.organization_id', %s, false)"
_WAS_TENANT = "hub_was_tenant"


@dataclass(frozen=True)
class Acting:
    """As whom SQL runs: the service, or a tenant (`organization_id` None: a tenant of nothing, who sees nothing)."""

    tenant: bool = False
    organization_id: uuid.UUID | None = None

    @property
    def settings(self) -> tuple[str, str]:
        return (TENANT_ROLE if self.tenant else "none", str(self.organization_id or ""))


SERVICE = Acting()
_acting: ContextVar[Acting] = ContextVar("hub_acting", default=SERVICE)


def current_organization_id() -> uuid.UUID | None:
    """The organization on whose behalf this code runs, or None for the service."""
    return _acting.get().organization_id


def is_walled() -> bool:
    """Whether SQL runs as a tenant now; views on behalf of an organization insist on it."""
    return _acting.get().tenant


@contextmanager
def acting_for(organization_id: uuid.UUID | None) -> Iterator[None]:
    """Run the block as a tenant; restores whoever acted before, after an exception too."""
    with _acting_as(Acting(tenant=True, organization_id=organization_id)):
        yield


@contextmanager
def acting_as_service() -> Iterator[None]:
    """Run the block as the service: for the few things that reach over organizations."""
    with _acting_as(SERVICE):
        yield


def enter(organization_id: uuid.UUID) -> None:
    """Act for an organization until the surrounding block ends: for code that learns it midway, as API tokens do."""
    _become(Acting(tenant=True, organization_id=organization_id))


@contextmanager
def _acting_as(acting: Acting) -> Iterator[None]:
    before = _acting.get()
    try:
        _become(acting)
        yield
    finally:
        _restore(before)


def _become(acting: Acting) -> None:
    if acting == _acting.get():
        return
    _acting.set(acting)
    if connection.connection is not None:
        _switch(connection, acting)


def _restore(before: Acting) -> None:
    if before == _acting.get():
        return
    _acting.set(before)
    session = connection.connection
    if session is None:
        return
    # A failed transaction takes no statement; its rollback restores what was set before it.
    if session.info.transaction_status == TransactionStatus.INERROR:
        return
    try:
        _switch(connection, before)
    except (DatabaseError, psycopg.Error):
        connection.close()


def _switch(database: BaseDatabaseWrapper, acting: Acting) -> None:
    if acting.tenant:
        setattr(database.connection, _WAS_TENANT, True)
    with database.cursor() as cursor:
        cursor.execute(_SWITCH, acting.settings)


def apply_to_new_session(sender: object, connection: BaseDatabaseWrapper, **kwargs: object) -> None:
    """Receiver of `connection_created`: a session opened midway is as walled as the one it replaces."""
    acting = _acting.get()
    if acting.tenant:
        _switch(connection, acting)


def reset_pooled_connection(session: psycopg.Connection[Any]) -> None:
    """The pool's `reset`: costs nothing for a session that only the service used."""
    if not getattr(session, _WAS_TENANT, False):
        return
    session.execute("SELECT set_config('role', 'none', false), set_config('hub.organization_id', '', false)")
    session.commit()
    setattr(session, _WAS_TENANT, False)


class TenancyMiddleware:
    """Puts each request of a signed-in person behind their organization's wall and into its time zone, and undoes it
    whatever happens.

    API tokens name their organization during authentication, within this block (`enter`). Providers' calls and probes
    act as the service; so do sign-in, sign-out and change of password, which write sessions and users.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        acting = self._acting_for(request)
        zone = _zone_of(request)
        with _acting_as(acting), timezone.override(zone):
            response = self.get_response(request)
            if isinstance(response, StreamingHttpResponse) and not response.is_async:
                pieces = cast(Iterator[bytes], response.streaming_content)
                response.streaming_content = _streamed(pieces, _acting.get(), zone)
        return response

    def _acting_for(self, request: HttpRequest) -> Acting:
        from .membership import acting_for_request

        return acting_for_request(request)


def _zone_of(request: HttpRequest) -> ZoneInfo | None:
    """None, for the default one, where nobody is signed in."""
    organization = getattr(request, "organization", None)
    return ZoneInfo(organization.timezone) if organization else None


def _streamed(content: Iterator[bytes], acting: Acting, zone: ZoneInfo | None) -> Iterator[bytes]:
    """A streamed body is made after the view has returned: each piece is made behind the wall again."""
    while True:
        with _acting_as(acting), timezone.override(zone):
            piece = next(content, None)
        if piece is None:
            return
        yield piece
