"""`python -m tests.gateway.hammer CONNECTION PROCESSES SECONDS`: take all the calls that the limits let through.

It goes on for the seconds at least, and then until it is refused.

Django is set up once, then the processes part; prints how many calls each of them took, and what went wrong.
"""

from __future__ import annotations

import json
import os
import sys
import time

import django


def hammer(connection_id: str, until: float) -> int:
    from integrations.admission import admit
    from integrations.errors import RateLimited
    from integrations.models import Connection

    connection = Connection.objects.select_related("organization", "provider").get(pk=connection_id)
    taken = 0
    give_up = until + 30
    while time.monotonic() < give_up:
        try:
            admit(connection)
        except RateLimited:
            if time.monotonic() >= until:
                break
            time.sleep(0.01)
        else:
            taken += 1
            time.sleep(0.001)
    return taken


def main(connection_id: str, processes: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    pipes = []
    for _ in range(processes):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, str(hammer(connection_id, until)).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    sys.stdout.write(json.dumps([int(os.read(reading, 20) or -1) for reading in pipes]))


if __name__ == "__main__":
    django.setup()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
