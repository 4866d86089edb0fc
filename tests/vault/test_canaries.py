"""Canaries in every secret: whatever goes wrong, none is found in an answer, a log, a report, a table or a message."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery.signals import before_task_publish
from django.conf import settings as django_settings
from django.contrib import admin
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from integrations.errors import IntegrationError
from integrations.gateway import client_for
from integrations.models import Connection, Organization, SocialAccount
from integrations.secrecy import Secret, Unexpected, leaves_no_frames
from integrations.vault import SealedText
from tests.api.client import ApiClient
from tests.config.lines import json_lines
from tests.factories import MembershipFactory, OrganizationFactory, catalogue_row, token_for
from tests.gateway.raw_wire import raw_wire
from tests.operations.stripe_wire import StripeWire, connect, stripe_wire
from webhooks.endpoints import create_endpoint

pytestmark = pytest.mark.django_db(transaction=True)
BIRD = "canary0yellow"
KEY, NEW, SIGNING = f"sk_test_{BIRD}_key", f"sk_test_{BIRD}_new", f"whsec_{BIRD}_secret"


class Reporter(logging.Handler):
    """Keeps each record as a log file, and as an error tracker, which reads the variables of every frame."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.kept: list[str] = []
        self.formatter = logging.Formatter("%(levelname)s %(name)s %(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("factory"):
            return  # the test's own
        self.kept.append(self.format(record))
        if record.exc_info and record.exc_info[1]:
            self.kept.extend(report(record.exc_info[1]))


def report(error: BaseException | None) -> Iterator[str]:
    """Message, frames and variables of an error and of those it was made of, as an error tracker sends them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield repr(error) + str(error)
        for frame, _ in traceback.walk_tb(error.__traceback__):
            for name, value in frame.f_locals.items():
                if frame.f_code.co_filename.startswith(__file__.rpartition("/tests/")[0] + "/tests/"):
                    continue  # the test itself knows its canaries
                yield f"{frame.f_code.co_qualname} {name}={value!r}"
        error = error.__cause__ or error.__context__


class Aviary:
    """Everything that was shown, written or sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def keep(self, response: Any, what: str) -> Any:
        body = b"".join(response.streaming_content) if response.streaming else response.content
        heads = "".join(f"{name}: {value}\n" for name, value in response.items())
        self.seen.append((f"{what} {response.status_code}", heads + body.decode(errors="replace")))
        return response

    def birds(self) -> list[str]:
        found = [(what, text, text.find(BIRD)) for what, text in self.seen if BIRD in text]
        return [f"{what}: …{text[max(0, at - 200) : at + 40]}" for what, text, at in found]


@pytest.fixture
def aviary(settings: Any) -> Iterator[Aviary]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    aviary, reporter, root = Aviary(), Reporter(), logging.getLogger()
    messages: list[str] = []

    def publish(body: Any = None, headers: Any = None, **kwargs: Any) -> None:
        messages.append(repr(body) + repr(headers))

    before_task_publish.connect(publish)
    root.addHandler(reporter)
    level, _ = root.level, root.setLevel(logging.DEBUG)
    with json_lines() as lines:
        yield aviary
    root.removeHandler(reporter)
    root.setLevel(level)
    before_task_publish.disconnect(publish)
    aviary.seen += [("log", text) for text in reporter.kept] + [("celery", text) for text in messages]
    aviary.seen += [("JSON log", text) for text in lines.text.splitlines() if '"factory' not in text]
    aviary.seen += [("table", text) for text in tables()] + [("redis", text) for text in redis_values()]
    assert aviary.birds() == []
    assert len(aviary.seen) > 100


def tables() -> Iterator[str]:
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            yield from (row[0] for row in cursor.fetchall())


def redis_values() -> Iterator[str]:
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        for key in client.scan_iter():
            yield repr(key) + repr(client.dump(key))


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory(name="Ours")


@pytest.fixture
def wire() -> Iterator[StripeWire]:
    with stripe_wire() as wire:
        yield wire


@pytest.fixture
def connection(organization: Organization, wire: StripeWire) -> Connection:
    return connect(organization, wire, credentials={"api_key": KEY, "webhook_secret": SIGNING})


@pytest.fixture
def staff(organization: Organization) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(MembershipFactory(organization=organization, role="admin").user)
    return client


@pytest.fixture
def broken_table() -> Iterator[None]:
    """A fault that nobody has thought of: the table takes no row, with an error that no code expects."""
    with database.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION out_of_order() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'out of order' USING ERRCODE = 'XX000'; END $$;"
            "CREATE TRIGGER out_of_order BEFORE INSERT OR UPDATE ON api_credentials "
            "FOR EACH ROW EXECUTE FUNCTION out_of_order();"
            "CREATE TRIGGER out_of_order BEFORE INSERT OR UPDATE ON webhook_endpoints "
            "FOR EACH ROW EXECUTE FUNCTION out_of_order();"
        )
    yield
    with database.cursor() as cursor:
        cursor.execute("DROP FUNCTION out_of_order() CASCADE")


def test_every_page_while_all_goes_well(
    aviary: Aviary, connection: Connection, organization: Organization, staff: Client
) -> None:
    endpoint, _ = create_endpoint(connection, webhook_secret=SIGNING)
    SocialAccount.objects.create(
        organization=organization, connection=connection, platform="x", account_id="1", account_name="ours",
        access_token=KEY, refresh_token=KEY,
    )  # fmt: skip
    api = ApiClient(token_for(organization))
    payment = {"amount": "12.50", "currency": "AED", "reference": "order-1", "payment_token": f"pm_{BIRD}"}
    aviary.keep(api.post("payments/", payment, Idempotency_Key="order-1"), "payment")
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        aviary.keep(staff.get(reverse(f"{name}_changelist")), name)
        for row in model._default_manager.all()[:2]:
            aviary.keep(staff.get(reverse(f"{name}_change", args=[row.pk])), f"{name} {row.pk}")
    pages = ["/integrations/", "/integrations/logs/", "/integrations/connections/", "/integrations/webhooks/"]
    for page in [*pages, f"/integrations/connections/{connection.pk}/", f"/integrations/webhooks/{endpoint.pk}/"]:
        aviary.keep(staff.get(page), page)
    path = f"connections/{connection.pk}/credentials/"
    old = next(row for row in api.get(path).json()["results"] if row["credential_key"] == "api_key")
    aviary.keep(api.post(f"{path}{old['id']}/rotate/", {"value": NEW}), "rotation")
    aviary.keep(api.post(f"{path}rotate/", {"values": {"webhook_secret": f"{SIGNING}2"}}), "rotation")


@pytest.mark.parametrize("debug", [False, True], ids=["live", "debug"])
def test_error_pages_and_what_error_trackers_read(
    aviary: Aviary, connection: Connection, staff: Client, organization: Organization, settings: Any, debug: bool,
    broken_table: None,
) -> None:  # fmt: skip
    settings.DEBUG = debug
    api = ApiClient(token_for(organization))
    credential = connection.credentials.get(credential_key="api_key")
    change = reverse("admin:integrations_credential_change", args=[credential.pk])
    given = {"new_value": NEW, "overlap_hours": "2", "rotation_policy": "manual"}
    publishable = {"credential_key": "publishable_key", "value": f"pk_test_{BIRD}"}
    add = {**publishable, "connection": connection.pk, "rotation_policy": "manual"}
    endpoint = {"connection": str(connection.pk), "webhook_secret": SIGNING}
    path = f"connections/{connection.pk}/credentials/"
    row = catalogue_row("stripe")
    fresh = {
        "provider": row.slug, "connection_name": "Second", "environment": "development",
        "configuration": {"base_url": connection.configuration["base_url"]}, "credentials": {"api_key": NEW},
    }  # fmt: skip
    answers = [
        aviary.keep(staff.post(change, given), "admin rotates"),
        aviary.keep(staff.post(reverse("admin:integrations_credential_add"), add), "admin adds"),
        aviary.keep(api.post(f"{path}{credential.pk}/rotate/", {"value": NEW}), "api rotates"),
        aviary.keep(api.post(f"{path}rotate/", {"values": {"api_key": NEW}}), "api rotates several"),
        aviary.keep(api.post(path, publishable), "api adds"),
        aviary.keep(api.post("connections/", fresh), "api connects"),
        aviary.keep(api.post("webhook-endpoints/", endpoint), "endpoint"),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {500}
    assert any(b"out of order" in answer.content for answer in answers) == debug


def test_the_wizard_s_error_pages(
    aviary: Aviary, staff: Client, organization: Organization, wire: StripeWire, settings: Any, broken_table: None
) -> None:
    settings.DEBUG = True
    catalogue_row("stripe")
    steps = [
        ("configuration", {"connection_name": "Shop", "environment": "development", "base_url": wire.url}),
        ("credentials", {"api_key": KEY, "webhook_secret": SIGNING}),
    ]
    aviary.keep(staff.get(reverse("setup") + "?provider=stripe"), "wizard")
    for step, fields in steps:
        given = {f"{step}-{name}": value for name, value in fields.items()}
        url = reverse("setup-step", args=[step])
        aviary.keep(staff.post(url, {**given, "setup_wizard-current_step": step}), step)
    review = reverse("setup-step", args=["review"])
    for action in ("test", "save"):
        answer = aviary.keep(staff.post(review, {"setup_wizard-current_step": "review", "action": action}), action)
        assert answer.status_code == 500


ANSWERS = [
    b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_what_a_failed_call_leaves_behind(
    aviary: Aviary, organization: Organization, wire: StripeWire, answer: bytes
) -> None:
    with raw_wire(lambda peer: peer.sendall(answer)) as url:
        broken = connect(organization, wire, credentials={"api_key": KEY}, configuration={"base_url": url})
        with pytest.raises(IntegrationError) as failure:
            client_for(broken, operation="test").post("/v1/refunds", json={"a": 1}).json()
        aviary.seen += [("report", text) for text in report(failure.value)]


def test_a_header_that_cannot_be_sent_is_not_quoted(aviary: Aviary, connection: Connection) -> None:
    """`http.client` quotes the value that it refuses."""
    credential = connection.credentials.get(credential_key="api_key")
    credential.set_value(f"sk_test_{BIRD}\r\nInjected: yes")
    credential.save()
    with pytest.raises((Unexpected, IntegrationError)) as failure:
        client_for(connection, operation="test").get("/v1/balance")
    aviary.seen += [("report", text) for text in report(failure.value)]


def test_the_door_s_own_faults(aviary: Aviary, connection: Connection, settings: Any) -> None:
    settings.DEBUG = True
    endpoint, _ = create_endpoint(connection, webhook_secret=SIGNING)
    client = Client(raise_request_exception=False)
    for header in ("t=1,v1=00", "", "t=1,v1=zz", "t=" + "9" * 400 + ",v1=00"):
        url = f"/webhooks/{endpoint.pk}/"
        answer = client.post(url, b"{}", content_type="application/json", headers={"Stripe-Signature": header})
        aviary.keep(answer, "door")


def test_a_secret_shows_nothing_but_is_text() -> None:
    secret = Secret(KEY)
    assert BIRD not in f"{secret!r} {[secret]} { {'a': secret} } {(secret,)}"
    assert (secret, json.dumps({"a": secret})) == (KEY, json.dumps({"a": KEY}))
    assert isinstance(SealedText.seal(KEY, context="c").reveal(), Secret)


def test_what_happens_among_secrets_is_told_by_kind_and_place() -> None:
    @leaves_no_frames
    def fails(secret: str) -> None:
        raise ValueError(secret)

    with pytest.raises(Unexpected, match=r"^ValueError in fails \(test_canaries.py:\d+\)$") as failure:
        fails(KEY)
    assert failure.value.__context__ is None
