"""A provider on the wire whose health is tested, and connections to it."""

from __future__ import annotations

from integrations.models import Connection
from monitoring.health import check_connection
from tests.factories import ConnectionFactory
from tests.wire import WireAnswer, WireServer

WELL = WireAnswer(200, {"object": "balance"})
REFUSED = WireAnswer(401, {"error": {"message": "no such key"}})
BROKEN = WireAnswer(500, {"error": {"message": "something broke"}})


def connect(provider: WireServer, **fields: object) -> Connection:
    """Each answers below a path of its own, so that a test can say which of them fails."""
    slug = str(fields.pop("slug", "stripe"))
    connection: Connection = ConnectionFactory(slug=slug, credentials={"api_key": "sk_test_sample_not_a_key"}, **fields)
    connection.configuration = {"base_url": f"{provider.url}/{connection.pk}"}
    connection.save(update_fields=["configuration"])
    return connection


def check(connection: Connection, *given: WireAnswer, provider: WireServer) -> Connection:
    """Check it once for each answer; the connection as it is then."""
    for answer in given:
        provider.answer = lambda request, answer=answer: answer
        check_connection(fresh(connection))
    return fresh(connection)


def fresh(connection: Connection) -> Connection:
    return Connection.objects.select_related("provider", "organization").get(pk=connection.pk)
