"""The log's filters and its search for words, as somebody of the organization uses them."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import combinations, product
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Membership, Organization
from integrations.tenancy import acting_for
from monitoring import log_text
from monitoring.log_places import Position
from monitoring.log_search import LogSearch
from monitoring.models import CallLog
from tests.clients import signed_in
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory

from .calls import write_call

pytestmark = pytest.mark.django_db

_BODY = {
    "id": "pi_3NxKAbcD1efG",
    "receipt_email": "buyer.77@example.com",
    "order": "order-4711",
    "note": "عباءة سوداء، توصيل سريع",
    "trace": "9e31ab44c0ffee",
}


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def own(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, connection_name="Ours")


@pytest.fixture
def client(organization: Organization) -> Client:
    return signed_in(organization, Membership.Role.VIEWER)


@pytest.fixture(params=[0, 300], ids=["by the index", "one by one"])
def nearest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many of the nearest rows are looked through for words before the index is asked."""
    monkeypatch.setattr(log_text, "_NEAREST_ROWS", request.param)


def found(client: Client, **query: object) -> list[object]:
    response = client.get("/integrations/logs/", {"period": "30d", **query})
    assert response.status_code == 200
    return [call.pk for call in response.context["calls"]]


@pytest.mark.usefixtures("nearest")
@pytest.mark.parametrize(
    "text",
    [
        "/v1/charges", "charges", "pi_3Nx", "PI_3NXKABCD1EFG", "3nxka", "buyer.77@example.com", "buyer", "example.com",
        "order-4711", "4711", "card_declined", "declined", '"receipt_email"', "سوداء", "عباءة سوداء", "توصيل", "9e31ab",
        "c0f card", "req-abc-1", "charges buyer",
    ],
)  # fmt: skip
def test_a_call_is_found_by_what_people_type(text: str, client: Client, own: Connection) -> None:
    meant = write_call(
        own,
        "v1/charges/ch_1?expand[]=data",
        response_body=json.dumps(_BODY, ensure_ascii=False),
        request_id="req-abc-1",
        error_code="rejected",
        error_message="The provider refuses: card_declined. c0ffee",
    )
    write_call(own, "v1/nothing", response_body='{"card": {"status": "declines"}}')
    assert found(client, q=text) == [meant.pk]


@pytest.mark.usefixtures("nearest")
@pytest.mark.parametrize(
    "text", ["harges", "charges_v1", "card declined_", "'; DROP", "charges & !nothing", "471", "%"]
)
def test_what_is_not_there_as_it_was_typed_is_not_found(text: str, client: Client, own: Connection) -> None:
    write_call(own, "v1/charges", response_body=json.dumps(_BODY), error_message="card_declined")
    assert found(client, q=text) == []


@pytest.mark.usefixtures("nearest")
def test_a_word_is_found_however_long_ago_and_however_long_the_words_around_it(client: Client, own: Connection) -> None:
    blob = "A" * 1400
    old = write_call(own, minutes_ago=29 * 24 * 60, response_body=f'{{"label":"{blob}","tracking":"AWB9001"}}')
    write_call(own, response_body="ب" * 1500)
    assert found(client, q="AWB9001") == [old.pk]
    assert found(client, q="AWB9001", period="7d") == []


@pytest.mark.usefixtures("nearest")
def test_words_are_looked_for_within_the_other_filters_and_over_pages(client: Client, own: Connection) -> None:
    failed = [write_call(own, "v1/refunds", minutes_ago=n, status=503) for n in range(1, 61)]
    for n in range(1, 61):
        write_call(own, "v1/refunds", minutes_ago=n)
    first = client.get("/integrations/logs/?period=7d&q=refunds&status=5xx")
    assert [call.pk for call in first.context["calls"]] == [call.pk for call in failed[:50]]
    older = client.get(f"/integrations/logs/?period=7d&q=refunds&status=5xx&before={first.context['older']}")
    assert [call.pk for call in older.context["calls"]] == [call.pk for call in failed[50:]]


@pytest.mark.parametrize("nearest_rows", [0, 3, 7, 100])
def test_no_word_is_lost_or_told_twice_where_the_index_takes_over(
    nearest_rows: int, organization: Organization, own: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest first and oldest first, with calls of the same moment on both sides of that place."""
    monkeypatch.setattr(log_text, "_NEAREST_ROWS", nearest_rows)
    calls = [write_call(own, "v1/refunds" if n % 3 else "v1/charges") for n in range(15)]
    for n, call in enumerate(calls):
        CallLog.objects.filter(pk=call.pk, created_at=call.created_at).update(
            created_at=timezone.now().replace(microsecond=0) - timedelta(minutes=n // 4)
        )
    meant = [call.pk for call in CallLog.objects.filter(pk__in=[call.pk for n, call in enumerate(calls) if n % 3])]
    search = LogSearch(since=timezone.now() - timedelta(hours=1), text="refunds")
    with acting_for(organization.pk):
        assert [call.pk for call in search.calls(organization, size=20)] == meant
        assert [call.pk for call in search.calls(organization, size=20, ascending=True)] == meant[::-1]


def test_the_search_for_words_stays_behind_the_wall(organization: Organization, own: Connection) -> None:
    theirs = write_call(ConnectionFactory(), "v1/charges")
    ours = write_call(own, "v1/charges")
    now = timezone.now()

    def keys(words: str) -> set[object]:
        with database.cursor() as cursor:
            cursor.execute("SELECT log_ids_with(%s::tsquery, %s, %s)", [words, now - timedelta(days=1), now])
            return {key for (key,) in cursor.fetchall()}

    with acting_for(organization.pk):
        assert keys("'charges'") == {ours.pk}
        assert keys(f"'charges' | '@{theirs.organization_id}'") == {ours.pk}
    with acting_for(None):
        assert keys("'charges'") == set()
    assert keys("'charges'") == set()  # nor does it answer for the service


def test_each_filter_shows_what_fits_it(client: Client, organization: Organization, own: Connection) -> None:
    person = MembershipFactory(organization=organization).user
    other = ConnectionFactory(organization=organization, slug="tap")
    calls = {
        "plain": write_call(own),
        "moved": write_call(own, status=302),
        "refused": write_call(own, status=402, method="POST"),
        "broken": write_call(own, status=503, user=person),
        "lost": write_call(own, status=None, request_id="req-lost"),
        "other": write_call(other, log_type="webhook", minutes_ago=3 * 24 * 60),
    }
    names = {call.pk: name for name, call in calls.items()}

    def shown(**query: object) -> set[str]:
        return {names[key] for key in found(client, **query)}

    assert shown() == set(calls)
    assert shown(connection=own.pk) == set(calls) - {"other"}
    assert shown(provider="tap") == {"other"}
    assert shown(provider="stripe") == set(calls) - {"other"}
    assert shown(log_type="webhook") == {"other"}
    assert shown(method="POST") == {"refused"}
    statuses = {"2xx": {"plain", "other"}, "3xx": {"moved"}, "4xx": {"refused"}, "5xx": {"broken"}, "none": {"lost"}}
    assert {name: shown(status=name) for name in statuses} == statuses
    assert shown(user=person.pk) == {"broken"}
    assert shown(request_id="req-lost") == {"lost"}
    assert shown(period="24h") == set(calls) - {"other"}
    days_ago = timezone.localdate() - timedelta(days=3)
    assert shown(since=f"{days_ago:%d/%m/%Y}", until=f"{days_ago:%d/%m/%Y}") == {"other"}
    assert shown(since=f"{days_ago:%d/%m/%Y}") == set(calls)


def test_filters_together_from_a_place_on_find_what_a_look_at_each_call_finds(
    organization: Organization, own: Connection
) -> None:
    """Twice with other values: a list's statement is kept, what it was asked with is not."""
    people = [MembershipFactory(organization=organization).user for _ in range(2)]
    asked_by: dict[str, list[Any]] = {
        "method": ["GET", "POST"],
        "user": [person.pk for person in people],
        "request_id": ["req-a", "req-b"],
        "connection": [own.pk, ConnectionFactory(organization=organization).pk],
    }
    connections = {one.pk: one for one in Connection.objects.filter(organization=organization)}
    calls = [
        write_call(
            connections[key], method=method, user=person, request_id=request_id, status=[200, 404][n % 2], minutes_ago=n
        )
        for n, (method, person, request_id, key) in enumerate(
            product(asked_by["method"], people, asked_by["request_id"], asked_by["connection"])
        )
    ]
    for count, nth, status in product(range(len(asked_by) + 1), range(2), ("", "4xx")):
        for names in combinations(asked_by, count):
            wanted = {name: asked_by[name][nth] for name in names}
            search = LogSearch(since=timezone.now() - timedelta(days=1), status=status, **wanted)
            fits = [
                call.pk
                for call in calls
                if all(wanted[name] in (getattr(call, name), getattr(call, f"{name}_id", None)) for name in names)
                and (not status or call.response_status == 404)
            ]
            place = Position.of(calls[5])
            before = [call.pk for call in calls[:5] if call.pk in fits]
            after = [call.pk for call in calls[6:] if call.pk in fits]
            with acting_for(organization.pk):
                assert keys_of(search.calls(organization, size=9, columns=["pk"])) == fits[:9]
                assert keys_of(search.calls(organization, place, size=9, columns=["pk"])) == after[:9]
                newer = search.calls(organization, place, size=3, ascending=True, columns=["pk"])
            assert keys_of(newer) == before[::-1][:3]


def keys_of(calls: list[Any]) -> list[object]:
    return [call.pk for call in calls]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("since=32/01/2026", "From: "),
        ("since=02/01/2026&until=01/01/2026", "The end comes before the beginning."),
        ("since=01/01/2010", "At most five years can be searched at once."),
        ("status=9xx", "Status: "),
        ("connection=not-a-key", "Connection: "),
    ],
)
def test_a_filter_that_cannot_be_is_told_by_its_name(query: str, told: str, client: Client) -> None:
    response = client.get(f"/integrations/logs/?{query}")
    assert response.status_code == 400
    assert told in response.content.decode()


def test_the_filters_of_another_organization_are_unknown(client: Client) -> None:
    theirs = ConnectionFactory(connection_name="Theirs")
    response = client.get(f"/integrations/logs/?connection={theirs.pk}")
    assert response.status_code == 400
    assert "Theirs" not in response.content.decode()


def test_a_provider_with_many_connections_is_shown_in_the_order_of_time(
    organization: Organization, own: Connection
) -> None:
    connections = [own, *(ConnectionFactory(organization=organization) for _ in range(3))]
    calls = [write_call(connections[n % 4], minutes_ago=n) for n in range(40)]
    search = LogSearch(since=timezone.now() - timedelta(days=1), provider="stripe")
    with acting_for(organization.pk):
        assert search.calls(organization, size=7) == calls[:7]
        assert search.calls(organization, Position.of(calls[6]), size=7) == calls[7:14]
        newer = search.calls(organization, Position.of(calls[9]), size=2, ascending=True)
    assert newer == [calls[8], calls[7]]


def test_a_search_is_kept_as_json_and_read_again(own: Connection) -> None:
    search = LogSearch(
        since=timezone.now() - timedelta(days=1), until=timezone.now(), connection=own.pk, status="5xx", text="a b"
    )
    assert LogSearch.from_json(json.loads(json.dumps(search.as_json()))) == search


def test_the_log_is_read_by_its_indexes_alone(organization: Organization, own: Connection) -> None:
    """However rare what is asked for is among how many rows."""
    rows = [
        CallLog(
            organization=organization, connection=own, log_type="api_response", method="GET", response_status=200,
            request_id=f"req-{n}", created_at=timezone.now() - timedelta(minutes=n),
        )
        for n in range(3000)
    ]  # fmt: skip
    CallLog.objects.bulk_create(rows)
    write_call(own, status=503, method="PATCH", log_type="webhook", minutes_ago=2000)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE integration_logs")
    since = timezone.now() - timedelta(days=3)
    rare = [
        {"status": "5xx"},
        {"status": "none"},
        {"method": "PATCH"},
        {"log_type": "webhook"},
        {"request_id": "req-9"},
    ]
    with acting_for(organization.pk):
        for asked in rare:
            rows = LogSearch(since=since, **asked).rows(organization).order_by("-created_at", "-pk")[:51]
            plan = json.loads(rows.explain(format="json", analyze=True))[0]["Plan"]
            assert _rows_thrown_away(plan) < 50, (asked, plan)


def _rows_thrown_away(plan: dict) -> int:
    here = plan.get("Rows Removed by Filter", 0) * plan.get("Actual Loops", 1)
    return here + sum(_rows_thrown_away(inner) for inner in plan.get("Plans", []))
