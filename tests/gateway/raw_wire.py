"""A provider's end of the wire where HTTP itself goes wrong: a socket that a test writes bytes to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def raw_wire(respond: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accepts connections, reads one request from each and leaves the answer to `respond`; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.recv(65_536)
                try:
                    respond(peer)
                except OSError:
                    continue  # the client hung up, as most of these tests want it to

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def drip(peer: socket.socket, pieces: Iterable[bytes], *, every_seconds: float) -> None:
    for piece in pieces:
        peer.sendall(piece)
        time.sleep(every_seconds)
