"""Rows that threads write at the same time, in one statement and one commit.

What comes while a statement is under way is written together by the next one: in a burst many rows share a flush to
disk. The first thread to come leads; when it is done it wakes those whose rows it wrote, and the oldest of those that
came meanwhile leads next. Alone, a row waits for nobody. `write` returns when its own row is durable.

The leader writes as the service, over a database session that the writer keeps for its leaders: threads whose own
sessions act for other organizations share its statements.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

import psycopg
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connection

_MAX_ROWS = 64
_MAX_BYTES = 4_194_304
_WORTH_ANOTHER_LEADER = 8

Row = TypeVar("Row")
_writers: WeakSet[GroupWriter[Any]] = WeakSet()


class Cursor(Protocol):
    def execute(self, query: Any, params: Any = None, /) -> Any: ...


class _Waiting(Generic[Row]):
    """A row on its way into the table, and the lock that its thread waits on for its turn."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.error: DatabaseError | None = None
        self.charge: tuple[_Session, list[_Waiting[Row]]] | None = None  # of the thread that is to lead
        self._turn = threading.Lock()
        self._turn.acquire()

    def wait(self) -> None:
        """Until the row is written, or it is on this thread to write it and others."""
        self._turn.acquire()

    def wake(self) -> None:
        self._turn.release()


class GroupWriter(Generic[Row]):
    """`insert` writes rows by one statement, which may be repeated: one that is there already is left as it is.

    With more than one of `sessions`, another thread leads beside the first where many rows wait, and the database works
    on two statements at once. That is for rows that cannot clash: two that write the same ones wait for each other.
    """

    def __init__(
        self,
        insert: Callable[[Cursor, Sequence[Row]], None],
        *,
        size_of: Callable[[Row], int] = lambda row: 0,
        sessions: int = 1,
    ) -> None:
        self._insert = insert
        self._size_of = size_of
        self._lock = threading.Lock()  # guards the queue and which sessions are idle
        self._queue: list[_Waiting[Row]] = []
        self._sessions = [_Session() for _ in range(sessions)]  # the leaders'
        self._idle = list(self._sessions)
        _writers.add(self)

    def write(self, row: Row) -> None:
        """Raises DatabaseError. Within a transaction the row is part of it, as any other that is written there."""
        if connection.in_atomic_block:
            with connection.cursor() as cursor:
                self._insert(cursor, [row])
            return
        mine = _Waiting(row)
        with self._lock:
            self._queue.append(mine)
            leader = self._appoint()
        if leader is not mine:
            if leader is not None:
                leader.wake()
            mine.wait()
        if mine.charge is not None:
            self._lead(mine, *mine.charge)
        if mine.error is not None:
            raise mine.error

    def close(self) -> None:
        """Let go of the database sessions; the next row opens another."""
        for session in self._sessions:
            session.close()

    def _appoint(self) -> _Waiting[Row] | None:
        """The oldest of those that wait is to write what waits, where there is a session for it. Under the lock."""
        is_led = len(self._idle) < len(self._sessions)
        if not self._idle or len(self._queue) < (_WORTH_ANOTHER_LEADER if is_led else 1):
            return None
        leader = self._queue[0]
        leader.charge = self._idle.pop(), self._take_group()
        return leader

    def _lead(self, mine: _Waiting[Row], session: _Session, group: list[_Waiting[Row]]) -> None:
        """Write the group, of which our own row is the oldest, and hand on to the next."""
        failure: DatabaseError | None = DatabaseError("The thread that led was ended.")
        try:
            failure = self._write_group(session, group)
        finally:
            with self._lock:
                if failure is not None:
                    # The database is away: those that waited behind it need not find that out one after the other.
                    group += self._queue
                    self._queue.clear()
                self._idle.append(session)
                heir = self._appoint()
            for waiting in group:
                waiting.error = waiting.error or failure
                if waiting is not mine:
                    waiting.wake()
            if heir is not None:
                heir.wake()

    def _take_group(self) -> list[_Waiting[Row]]:
        size = count = 0
        for waiting in self._queue[:_MAX_ROWS]:
            size += self._size_of(waiting.row)
            if count and size > _MAX_BYTES:
                break
            count += 1
        group = self._queue[:count]
        del self._queue[:count]
        return group

    def _write_group(self, session: _Session, group: Sequence[_Waiting[Row]]) -> DatabaseError | None:
        """Write all; where one of them cannot be written, each by itself, so that it alone bears the error.

        Returns what went wrong for all of them: the database is away, say.
        """
        try:
            self._write_rows(session, [waiting.row for waiting in group])
        except (DataError, IntegrityError):
            self._write_apart(session, group)
        except DatabaseError as error:
            return error
        return None

    def _write_apart(self, session: _Session, group: Sequence[_Waiting[Row]]) -> None:
        """A row that was by itself already is tried once more, too: on its way to a default partition it is refused
        there, once, when a partition for it comes to be in that moment."""
        for waiting in group:
            try:
                self._write_rows(session, [waiting.row])
            except DatabaseError as error:
                waiting.error = error

    def _write_rows(self, session: _Session, rows: Sequence[Row]) -> None:
        session.run(lambda cursor: self._insert(cursor, rows))


def close_sessions() -> None:
    """Let go of all writers' sessions of this process, so that their database can be dropped."""
    for writer in list(_writers):
        writer.close()


class _Session:
    """A database session of the service, each statement a transaction. One thread at a time uses it."""

    def __init__(self) -> None:
        self._open: psycopg.Connection[Any] | None = None
        self._opened_by = 0
        self._rests_until = 0.0

    def run(self, statement: Callable[[Cursor], None]) -> None:
        """Raises Django's DatabaseError. A session that was lost since its last use is replaced once."""
        is_fresh = not self._is_usable()
        try:
            self._run(statement)
        except OperationalError:
            if is_fresh:
                raise
            self._run(statement)

    def close(self) -> None:
        # One that was inherited over a fork is the parent's: closing it would end that one's too.
        if self._open is not None and self._opened_by == os.getpid():
            self._open.close()
        self._open = None

    def _is_usable(self) -> bool:
        return self._open is not None and self._opened_by == os.getpid() and not self._open.closed

    def _run(self, statement: Callable[[Cursor], None]) -> None:
        with connection.wrap_database_errors:
            session = self._open_or_new()
            try:
                with session.cursor() as cursor:
                    statement(cursor)
            except psycopg.OperationalError:
                self.close()
                raise

    def _open_or_new(self) -> psycopg.Connection[Any]:
        if self._open is not None and self._is_usable():
            return self._open
        started = time.monotonic()
        if started < self._rests_until:
            raise psycopg.OperationalError("The database could not be reached a moment ago.")
        try:
            parameters = {**connection.get_connection_params(), "prepare_threshold": 2, "autocommit": True}
            parameters["cursor_factory"] = psycopg.Cursor  # parameters apart from the statement, which is prepared
            self._open = psycopg.connect(**parameters)
        except psycopg.OperationalError:
            # What is slow to fail is not tried again for as long as that took.
            self._rests_until = 2 * time.monotonic() - started
            raise
        self._opened_by = os.getpid()
        return self._open
