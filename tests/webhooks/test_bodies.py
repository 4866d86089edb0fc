"""Whatever a body is written in, its bytes are verified and kept, and a provider is handed what is in it."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from integrations.errors import UnreadablePayload
from webhooks.bodies import read_payload
from webhooks.endpoints import update_endpoint
from webhooks.models import WebhookEvent
from webhooks.payloads import normalized_of, payload_of

from .outside import SECRET, connect, deliver, post
from .test_door import refusal

pytestmark = pytest.mark.usefixtures("outside_providers")
MEGABYTE = 1_048_576
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=sample-boundary"


def kept() -> WebhookEvent:
    return WebhookEvent.objects.get()


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """Each part by what follows `form-data; ` in its disposition."""
    lines = [
        b"--sample-boundary\r\nContent-Disposition: form-data; "
        + disposition.encode()
        + b"\r\n\r\n"
        + content
        + b"\r\n"
        for disposition, content in parts
    ]
    return b"".join(lines) + b"--sample-boundary--\r\n"


def test_a_json_object_is_handed_on() -> None:
    assert deliver(connect("outside_json"), b'{"id": "1", "kind": "told"}').status_code == 200
    assert payload_of(kept()) == {"id": "1", "kind": "told"}


def test_a_json_array_is_handed_on_as_items() -> None:
    body = b'[{"id": "1", "kind": "told"}, {"id": "2", "kind": "told"}]'
    assert deliver(connect("outside_batch"), body).status_code == 200
    assert bytes(kept().raw_body or b"") == body
    assert [item["id"] for item in payload_of(kept())["items"]] == ["1", "2"]


def test_a_form_is_handed_on_by_its_fields_and_a_repeated_name_as_a_list() -> None:
    endpoint = connect("outside_form")
    body = b"id=1&kind=told&tag=a&tag=b&empty=&name=%D8%B9%D9%84%D9%8A+%26"
    assert deliver(endpoint, body, FORM).status_code == 200
    assert bytes(kept().raw_body or b"") == body
    told = {"id": "1", "kind": "told", "tag": ["a", "b"], "empty": "", "name": "علي &"}
    assert payload_of(kept()) == told


def test_the_headers_in_which_a_provider_names_its_events_are_kept_and_handed_on() -> None:
    headers = {"x-outside-event": "push", "x-outside-delivery": "d-1", "x-outside-token": "sample"}
    assert deliver(connect("outside_headers"), b"{}", headers=headers).status_code == 200
    stored = kept()
    assert (stored.event_id, stored.event_type) == ("d-1", "push")
    assert stored.headers == {
        "content-type": "application/json",
        "x-outside-event": "push",
        "x-outside-delivery": "d-1",
    }
    assert normalized_of(stored, payload_of(stored))[0].attributes == {"kind": "push"}


def test_a_form_that_twilio_s_own_package_signed_is_let_in() -> None:
    endpoint, fields = connect("outside_form"), {"id": "SM1", "kind": "delivered", "To": "+971500000000"}
    url = f"{endpoint.webhook_url}?source=sample"
    signed = RequestValidator(SECRET).compute_signature(url, fields)
    headers = {"content-type": FORM, "x-twilio-signature": signed}
    body = urlencode(fields).encode()
    assert post(url.replace("sample", "other"), body, headers).status_code == 401
    assert post(endpoint.webhook_url, body, headers).status_code == 401
    assert post(url, body, headers).status_code == 200


def test_a_form_with_files_keeps_the_fields_and_describes_the_files() -> None:
    body = multipart(
        ('name="id"', b"1"),
        ('name="kind"', b"told"),
        ('name="note"', "مرحبا".encode()),
        ('name="page"; filename="scan.bin"', bytes(range(256)) * 40),
    )
    assert deliver(connect("outside_json"), body, MULTIPART).status_code == 200
    payload = payload_of(kept())
    file = payload.pop("page")
    assert payload == {"id": "1", "kind": "told", "note": "مرحبا"}
    assert (file["filename"], file["size"], len(file["sha256"])) == ("scan.bin", 10_240, 64)
    assert bytes(kept().raw_body or b"") == body


@pytest.mark.parametrize("charset", ["windows-1256", "utf-16", "utf-8", "UTF-8", "iso-8859-6"])
def test_the_charset_of_the_content_type_is_heard(charset: str) -> None:
    body = json.dumps({"id": "1", "kind": "told", "name": "علي"}, ensure_ascii=False).encode(charset)
    assert deliver(connect("outside_json"), body, f"application/json; charset={charset}").status_code == 200
    assert payload_of(kept())["name"] == "علي"


def test_a_form_in_another_charset_is_read_in_it() -> None:
    body = urlencode({"id": "1", "kind": "told", "name": "علي"}, encoding="windows-1256").encode()
    assert deliver(connect("outside_json"), body, f"{FORM}; charset=windows-1256").status_code == 200
    assert payload_of(kept())["name"] == "علي"


@pytest.mark.parametrize("content_type", ["text/plain; charset=UTF-8", "application/vnd.api+json", "", FORM])
def test_json_is_read_whatever_it_is_called(content_type: str) -> None:
    assert deliver(connect("outside_json"), b' {"id": "1", "kind": "told"}', content_type).status_code == 200
    assert payload_of(kept())["kind"] == "told"


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip"])
def test_a_compressed_body_is_verified_and_kept_as_it_came(name: str) -> None:
    body = gzip.compress(b'{"id": "1", "kind": "told"}')
    assert deliver(connect("outside_json"), body, headers={"content-encoding": name}).status_code == 200
    assert bytes(kept().raw_body or b"") == body
    assert payload_of(kept()) == {"id": "1", "kind": "told"}


def test_a_body_compressed_in_several_members_is_read_whole() -> None:
    body = gzip.compress(b'{"id": "1", ') + gzip.compress(b'"kind": "told"}')
    assert deliver(connect("outside_json"), body, headers={"content-encoding": "gzip"}).status_code == 200


BOMBS = {
    "200 megabytes of one byte": (lambda: gzip.compress(b"0" * 200 * MEGABYTE, 9), (413, "too_large")),
    "nothing, many times": (lambda: gzip.compress(b"") * 50_000, (400, "unreadable_payload")),
}


@pytest.mark.parametrize(("made", "refused"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_bursts(made: Callable[[], bytes], refused: tuple[int, str]) -> None:
    bomb = made()
    assert len(bomb) < MEGABYTE
    started = time.process_time()
    answer = deliver(connect("outside_json"), bomb, headers={"content-encoding": "gzip"})
    assert refusal(answer) == refused
    assert time.process_time() - started < 0.5
    assert not WebhookEvent.objects.exists()


UNREADABLE: dict[str, tuple[bytes, str, dict[str, str]]] = {
    "gzip that breaks off": (gzip.compress(b'{"id": "1"}' * 9)[:-9], "application/json", {"content-encoding": "gzip"}),
    "not gzip": (b'{"id": "1", "kind": "told"}', "application/json", {"content-encoding": "gzip"}),
    "another compression": (b'{"id": "1", "kind": "told"}', "application/json", {"content-encoding": "br"}),
    "an unknown charset": (b'{"id": "1", "kind": "told"}', "application/json; charset=klingon", {}),
    "another charset than said": ('{"id": "1", "kind": "علي"}'.encode("windows-1256"), "application/json", {}),
    "a codec that is no charset": (b'{"id": "1", "kind": "told"}', "application/json; charset=base64", {}),
    "text": (b"hello", "text/plain", {}),
    "a number": (b"7", "application/json", {}),
    "text as a form": (b"hello", FORM, {}),
    "nothing as a form": (b"", FORM, {}),
    "a form of too many fields": (b"id=1&kind=told&" + b"a=1&" * 1100, FORM, {}),
    "a form that is not UTF-8": (b"id=1&kind=%FF", FORM, {}),
    "multipart without boundary": (multipart(('name="id"', b"1")), "multipart/form-data", {}),
    "multipart that is none": (b"hello", MULTIPART, {}),
    "multipart of too many fields": (multipart(*[('name="a"', b"1")] * 1100), MULTIPART, {}),
}


@pytest.mark.parametrize(("body", "content_type", "headers"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_refused(body: bytes, content_type: str, headers: dict[str, str]) -> None:
    answer = deliver(connect("outside_json"), body, content_type, headers=headers)
    assert refusal(answer) == (400, "unreadable_payload")
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["application/json; charset*=klingon''utf-8", "; charset=utf-8;;", "a/b;\x00=1"]
)
def test_an_odd_content_type_is_read_or_refused(content_type: str) -> None:
    """Django's own request would stumble over the first: the door stands before it."""
    with suppress(UnreadablePayload):
        assert read_payload(b'{"id": "1"}', {"content-type": content_type}) == {"id": "1"}


@pytest.mark.parametrize("content_type", ["application/json", FORM, MULTIPART])
def test_an_altered_body_of_any_kind_is_refused(content_type: str) -> None:
    endpoint = connect("outside_json")
    answer = deliver(endpoint, b"id=1&kind=told", content_type, secret="another sample")
    assert refusal(answer) == (401, "signature_refused")


@pytest.mark.parametrize("content_type", [FORM, MULTIPART])
def test_the_limits_hold_for_forms_too(content_type: str) -> None:
    endpoint = connect("outside_json")
    large = multipart(('name="id"', b"1"), ('name="x"; filename="x"', b"x" * MEGABYTE))
    assert refusal(deliver(endpoint, large, content_type)) == (413, "too_large")
    update_endpoint(endpoint, max_per_minute=1)
    small = multipart(('name="id"', b"1"), ('name="kind"', b"told"))
    answers = [deliver(endpoint, small, MULTIPART).status_code for _ in range(3)]
    assert 429 in answers  # the minute may turn once


def test_without_an_id_the_content_is_the_id_however_it_is_wrapped() -> None:
    endpoint, body = connect("outside_nameless"), b'{"kind": "told", "n": 1}'
    for _ in range(2):
        assert deliver(endpoint, body).status_code == 200
    assert deliver(endpoint, gzip.compress(body), headers={"content-encoding": "gzip"}).status_code == 200
    event_id = kept().event_id
    assert len(event_id) == 64
    assert deliver(endpoint, body.replace(b"1", b"2")).status_code == 200
    assert WebhookEvent.objects.exclude(event_id=event_id).count() == 1


def test_two_files_of_one_size_are_not_one_event() -> None:
    endpoint = connect("outside_nameless")
    for content in (b"one", b"two", b"one"):
        body = multipart(('name="kind"', b"told"), ('name="x"; filename="x"', content))
        assert deliver(endpoint, body, MULTIPART).status_code == 200
    assert WebhookEvent.objects.count() == 2


def test_a_hash_of_the_body_is_not_to_be_guessed_from_outside() -> None:
    import hashlib

    body = b'{"kind": "told"}'
    deliver(connect("outside_nameless"), body)
    assert kept().event_id not in (hashlib.sha256(body).hexdigest(), hashlib.sha256(b"").hexdigest())


def test_what_an_event_is_about_and_when_is_kept() -> None:
    deliver(connect("outside_json"), b'{"id": "1", "kind": "told", "thing": "parcel-1", "at": 1795000000}')
    assert kept().subject == "parcel-1"
    assert kept().occurred_at is not None
    assert kept().occurred_at.timestamp() == 1_795_000_000  # type: ignore[union-attr]


@pytest.mark.parametrize("thing", ["x" * 256, "a\\u0000b", "a\\ud800b"])
def test_a_subject_that_cannot_be_kept_costs_no_event(thing: str) -> None:
    assert (
        deliver(connect("outside_json"), b'{"id": "1", "kind": "told", "thing": "%s"}' % thing.encode()).status_code
        == 200
    )
    assert kept().subject == ""


def test_a_token_in_the_path_opens_the_door_and_another_does_not() -> None:
    endpoint = connect("outside_path")
    body, path = b'{"id": "1", "kind": "told"}', urlsplit(endpoint.webhook_url).path
    headers: dict[str, Any] = {"content-type": "application/json"}
    for wrong in (path, f"{path}another/", f"{path}{SECRET[:-1]}/", path.rstrip("/")):
        assert post(wrong, body, headers).status_code == 401
    assert deliver(endpoint, body).status_code == 200
    assert post(f"{path}{SECRET}", body, headers).status_code == 200
