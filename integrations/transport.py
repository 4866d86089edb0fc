"""One HTTP exchange: over kept-alive connections to checked addresses, all of it within a deadline.

On `urllib3`, which `requests` stands on, without a session: no cookies, no redirects, nothing from the environment
(proxies, .netrc, certificates), and no state of calls, so that all threads of a process share one pool of connections.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

from .egress import check_url, permitted_addresses
from .errors import IntegrationError, InvalidResponse, TimedOut, Unavailable
from .providers.base import Answer
from .secrecy import leaves_no_frames

CONNECT_SECONDS = 5.0
STREAMED_FROM_BYTES = 256 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PIECE_BYTES = 65_536
_POOLED_HOSTS = 64
_CONNECTIONS_PER_HOST = 128  # kept alive; more than there are threads

# It writes whole URLs, keys in their query strings included, from its warnings down.
logging.getLogger("urllib3").setLevel(logging.ERROR)


@leaves_no_frames
def send(request: requests.PreparedRequest, deadline: float, *, streams: bool = False) -> Answer:
    """Send once and read the whole answer before `deadline` (of `time.monotonic`).

    With `streams` the answer has the first part of a large body alone; the others are read from its `rest`, which must
    be closed. Raises EgressRefused, InvalidResponse, TimedOut, and Unavailable, which say whether the request may have
    taken effect. None of them is chained to what `urllib3` raised: its errors quote the URL with its query.
    """
    check_url(request.url or "")
    is_write = request.method not in SAFE_METHODS
    try:
        return _exchange(request, deadline, streams=streams)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _failure(error, is_write=is_write) from None


def _exchange(request: requests.PreparedRequest, deadline: float, *, streams: bool) -> Answer:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimedOut("The provider did not answer in time.")
    parts = urlsplit(request.url or "")
    pool = _pools.connection_from_host(parts.hostname or "", parts.port, scheme=parts.scheme)
    answer = pool.urlopen(
        request.method or "GET",
        f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/",
        body=request.body,
        headers=request.headers,
        timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, remaining), total=remaining),
        retries=False,
        preload_content=False,
    )
    body = _Body(answer, is_write=request.method not in SAFE_METHODS)
    try:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if request.method != "HEAD":
            _check_announced(headers.get("content-length", ""))
        first = body.read(STREAMED_FROM_BYTES if streams else settings.MAX_ANSWER_BYTES + 1)
    except BaseException:
        body.close()
        raise
    return Answer(status=answer.status, headers=headers, body=first, rest=None if body.closed else body)


def _check_announced(length: str) -> None:
    """A flood that is announced is not begun with."""
    if length.isdecimal() and int(length) > settings.MAX_ANSWER_BYTES:
        raise _too_large()


def _too_large() -> InvalidResponse:
    return InvalidResponse("The provider's answer is larger than {most} bytes.", most=settings.MAX_ANSWER_BYTES)


class _Body:
    """An answer's body, read by pieces, so that a flood ends at its bound. At its end the connection is given back."""

    def __init__(self, answer: Any, *, is_write: bool) -> None:
        self._answer = answer
        self._is_write = is_write
        self._size = 0
        self.closed = False

    def read(self, at_least: int) -> bytes:
        """What comes until there are so many bytes, or no more. Raises what urllib3 does."""
        pieces: list[bytes] = []
        wanted = self._size + at_least
        while self._size < wanted:
            piece = self._answer.read1(_PIECE_BYTES, decode_content=True)
            if not piece:
                self.close()
                break
            self._size += len(piece)
            if self._size > settings.MAX_ANSWER_BYTES:
                raise _too_large()
            pieces.append(piece)
        return b"".join(pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self

    @leaves_no_frames
    def _next(self) -> bytes:
        try:
            return self.read(1)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _failure(error, is_write=self._is_write) from None

    def __next__(self) -> bytes:
        piece = b"" if self.closed else self._next()
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """One that was not read to its end leaves a connection that nobody can use."""
        if not self.closed:
            self.closed = True
            self._answer.close()


def _failure(error: Exception, *, is_write: bool) -> IntegrationError:
    # A refused connection is one that was not had in time, by urllib3's classes.
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return _broken(error, is_write=is_write)
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return Unavailable("The provider could not be reached in time.")
    if isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)):
        return TimedOut("The provider did not answer in time.", may_have_taken_effect=is_write)
    return _broken(error, is_write=is_write)


def _broken(error: Exception, *, is_write: bool) -> IntegrationError:
    """A connection that could not be had, or that broke: in the first case nothing can have been sent over it."""
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Unavailable("The provider's certificate could not be verified.")
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes):
        return Unavailable("The connection to the provider was refused.")
    return Unavailable("The connection to the provider broke off.", may_have_taken_effect=is_write)


def _causes(error: BaseException | None) -> Any:
    """The error and what it was made of: `urllib3` keeps that in `args`, in `reason` and as cause."""
    while error is not None:
        yield error
        inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, Exception)), None)
        error = inner if isinstance(inner, Exception) else error.__cause__


class _PunctualReader(io.RawIOBase):
    """Reads a socket whose time-out is for all that is read, where Python's own begins anew with every byte."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(remaining)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PunctualResponse(http.client.HTTPResponse):
    """An answer whose headers and body together take no longer than the time-out for reading."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_PunctualReader(sock))


class _CheckedConnection(HTTPConnection):
    """Opens its socket to an address that was checked; the name stays for the Host header and for TLS."""

    response_class = _PunctualResponse

    def _new_conn(self) -> socket.socket:
        addresses = permitted_addresses(self.host, self.port, tls=isinstance(self, HTTPSConnection))
        deadline = time.monotonic() + float(self.timeout or CONNECT_SECONDS)
        for left in range(len(addresses), 0, -1):
            try:
                # One that is silent leaves time for the others.
                seconds = max(0.001, (deadline - time.monotonic()) / left)
                return create_connection((addresses[-left], self.port), seconds, socket_options=self.socket_options)
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise urllib3.exceptions.ConnectTimeoutError(self, "timed out") from failure
        raise urllib3.exceptions.NewConnectionError(self, "refused") from failure


class _CheckedTLSConnection(_CheckedConnection, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _CheckedConnection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _CheckedTLSConnection


# One for the process.
_pools = urllib3.PoolManager(
    num_pools=_POOLED_HOSTS, maxsize=_CONNECTIONS_PER_HOST, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where()
)
_pools.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
