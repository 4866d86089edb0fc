"""`python -m tests.monitoring.caller CONNECTION CALLS`: a process of its own that calls a provider, and ends."""

from __future__ import annotations

import sys

import django


def main(connection_id: str, calls: int) -> None:
    from integrations.gateway import client_for
    from integrations.models import Connection

    connection = Connection.objects.select_related("organization", "provider").get(pk=connection_id)
    for _ in range(calls):
        client_for(connection, operation="balance").get("/v1/balance")


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]))
