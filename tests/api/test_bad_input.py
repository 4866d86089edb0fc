"""What cannot be taken is refused with a clear error of one shape, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from rest_framework.exceptions import APIException

from integrations.models import Connection, Organization
from tests.operations.stripe_wire import StripeWire
from tests.pages.rows import plant

from .client import ApiClient, error_of
from .test_isolation import LISTS

PAYMENT = {"amount": "12.50", "currency": "AED", "reference": "order-1", "payment_token": "pm_card_visa"}
CONNECTION = {
    "provider": "stripe", "connection_name": "Shop", "environment": "development",
    "credentials": {"api_key": "sk_test_sample_not_a_key"},
}  # fmt: skip
# Signing in notes when a token was last used; nothing else may change.
_APPS = ("integrations", "webhooks", "monitoring")
_MODELS = [model for app in _APPS for model in apps.get_app_config(app).get_models()]


def _counts() -> dict[str, int]:
    return {model._meta.label: model._default_manager.count() for model in _MODELS}


def _refused(api: ApiClient, path: str, body: Any, status: int = 400, **options: Any) -> dict[str, Any]:
    before = _counts()
    response = api.post(path, body, **options)
    assert response.status_code == status, response.content
    assert b"Traceback" not in response.content
    assert _counts() == before
    return error_of(response)


@pytest.mark.parametrize(
    "amount",
    ["12.505", "-12.50", "0", "0.00", "-0", "twelve", "", " ", "1e3", "1E3", "NaN", "Infinity", "12,50", "12.", ".5",
     "+1", "1_000", "١٢", "0x10", "9" * 16, "9" * 4000, "1.00000000000000000000001", 12.505, -1, 0, 1e300, True, None,
     [], {}, ["12.50"]],
)  # fmt: skip
def test_a_malformed_amount_is_refused(amount: Any, api: ApiClient, connection: Connection, wire: StripeWire) -> None:
    assert _refused(api, "payments/", {**PAYMENT, "amount": amount})["field"] == "amount"
    assert wire.charges == 0


@pytest.mark.parametrize(
    ("currency", "amount"), [("AED", "1.001"), ("JPY", "1.5"), ("KWD", "1.0001"), ("CLF", "1.00001")]
)
def test_an_amount_has_no_more_decimals_than_its_currency(
    currency: str, amount: str, api: ApiClient, connection: Connection
) -> None:
    assert _refused(api, "payments/", {**PAYMENT, "currency": currency, "amount": amount})["field"] == "amount"


@pytest.mark.parametrize("currency", ["XYZ", "aed", "XAU", "XXX", "DEM", "AE", "AEDX", "", 784, None, "د.إ"])
def test_an_unknown_currency_is_refused(currency: Any, api: ApiClient, connection: Connection) -> None:
    assert _refused(api, "payments/", {**PAYMENT, "currency": currency})["field"] == "currency"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amonut": "1"}, "amonut"),
        ({"id": "01a1fb7b-69c5-7260-8a1b-5ffece41c6c7"}, "id"),
        ({"status": "captured"}, "status"),
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 256}, "reference"),
        ({"reference": "4242 4242 4242 4242"}, "reference"),
        ({"capture": "perhaps"}, "capture"),
        ({"customer": {"email": "nobody"}}, "customer.email"),
        ({"customer": {"card_number": "1"}}, "customer.card_number"),
        ({"customer": "Aisha"}, "customer"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"country": "UAE"}, "country"),
        ({"country": "u1"}, "country"),
        ({"country": "ZZ"}, "country"),
        ({"method": "crad"}, "method"),
        ({"method": "Card"}, "method"),
        ({"metadata": {"a": {"b": "c"}}}, "metadata.a"),
        ({"metadata": []}, "metadata"),
        ({"connection": "not-an-id"}, "connection"),
        ({"connection": {"id": 1}}, "connection"),
    ],
)
def test_a_payment_names_the_field_that_is_wrong(
    changes: dict[str, Any], field: str, api: ApiClient, connection: Connection, wire: StripeWire
) -> None:
    assert _refused(api, "payments/", {**PAYMENT, **changes})["field"] == field
    assert wire.charges == 0


def test_a_misspelt_method_is_told_which_there_are(api: ApiClient, connection: Connection) -> None:
    for routed in ({}, {"connection": str(connection.pk)}):
        message = _refused(api, "payments/", {**PAYMENT, "method": "crad", **routed})["message"]
        assert "'crad'" in message
        assert "card, cod," in message


def _yes_or_no() -> Iterator[Any]:
    """Every field of any call's body that is true or false. Imported late: the views' settings name each other."""
    from rest_framework.serializers import BooleanField

    from integrations.api.serializers import StrictSerializer

    taken = list(StrictSerializer.__subclasses__())
    while taken:
        body = taken.pop()
        taken += body.__subclasses__()
        yield from (field for field in body().fields.values() if isinstance(field, BooleanField))


@pytest.mark.parametrize("value", ["yes", "true", "True", "false", "on", "", 1, 0, 1.0, [], {}])
def test_what_is_true_or_false_is_one_of_jsons_two_words(value: Any, api: ApiClient, connection: Connection) -> None:
    error = _refused(api, "payments/", {**PAYMENT, "capture": value})
    assert (error["field"], error["message"]) == ("capture", "Must be true or false.")
    fields = list(_yes_or_no())
    assert len(fields) > 10
    for field in fields:
        with pytest.raises(APIException, match="Must be true or false"):
            field.run_validation(value)


@pytest.mark.parametrize("name", ["amount", "currency", "reference"])
def test_a_payment_needs_what_it_is_of(name: str, api: ApiClient, connection: Connection) -> None:
    body = {key: value for key, value in PAYMENT.items() if key != name}
    assert _refused(api, "payments/", body)["field"] == name


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"provider": "nobody"}, "provider"),
        ({"provider": ""}, "provider"),
        ({"provider": None}, "provider"),
        ({"provider": "stripe' OR 1=1 --"}, "provider"),
        ({"connection_name": "x" * 101}, "connection_name"),
        ({"connection_name": "line\nbreak"}, "connection_name"),
        ({"environment": "moon"}, "environment"),
        ({"configuration": {"colour": "red"}}, "configuration.colour"),
        ({"configuration": {"base_url": "ftp://example.com"}}, "configuration.base_url"),
        ({"configuration": []}, "configuration"),
        ({"environment": "production", "configuration": {"base_url": "https://example.com"}}, "configuration.base_url"),
        ({"credentials": {}}, "credentials.api_key"),
        ({"credentials": {"api_key": ""}}, "credentials.api_key"),
        ({"credentials": {"api_key": 7}}, "credentials.api_key"),
        ({"credentials": {"api_key": "sk_test_sample_not_a_key", "pin": "1"}}, "credentials.pin"),
        ({"credentials": "sk_test_sample_not_a_key"}, "credentials"),
        ({"is_primary": "maybe"}, "is_primary"),
        ({"status": "active"}, "status"),
        ({"organization": "01a1fb7b-69c5-7260-8a1b-5ffece41c6c7"}, "organization"),
    ],
)
def test_a_connection_names_the_field_that_is_wrong(
    changes: dict[str, Any], field: str, api: ApiClient, connection: Connection
) -> None:
    error = _refused(api, "connections/", {**CONNECTION, **changes})
    assert error["field"] == field
    assert "sk_test_sample" not in json.dumps(error)


def test_all_that_is_wrong_is_told_at_once(api: ApiClient) -> None:
    error = _refused(api, "payments/", {"amount": None, "colour": "red"})
    assert [detail["field"] for detail in error["details"]] == ["colour"]
    error = _refused(api, "payments/", {"amount": None})
    assert {detail["field"] for detail in error["details"]} == {"amount", "currency", "reference"}


DEEP = 100_000
BODIES = {
    "no JSON": b"amount=12.50",
    "cut off": b'{"amount": "12.5',
    "blank": b"  ",
    "a list": b"[]",
    "a text": b'"amount"',
    "null": b"null",
    "a number": b"1",
    "not a number": b'{"amount": NaN}',
    "infinity": b'{"amount": -Infinity}',
    "a key twice": b'{"amount": "1.00", "amount": "9.00"}',
    "NUL escaped": rb'{"reference": "a\u0000b"}',
    "NUL in a key": rb'{"metadata": {"a\u0000": "b"}}',
    "NUL raw": b'{"reference": "a\x00b"}',
    "half a surrogate pair": rb'{"reference": "\ud83d"}',
    "half a pair in a key": rb'{"\udc00": 1}',
    "no UTF-8": b'{"reference": "\xff\xfe"}',
    "UTF-16": json.dumps(PAYMENT).encode("utf-16"),
    "deep lists": b'{"metadata": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep and never closed": b'{"a": ' + b"[" * 900_000,
    "a number of 5000 digits": b'{"amount": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("path", ["payments/", "connections/"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_cannot_be_read_is_refused(name: str, path: str, api: ApiClient, connection: Connection) -> None:
    assert _refused(api, path, BODIES[name])["code"] == "parse_error"


def test_brackets_in_a_text_are_no_nesting(api: ApiClient, connection: Connection) -> None:
    body = {**PAYMENT, "metadata": {"note": '[[{{"\\' * 60, "quoted": '"[' * 60}}
    assert api.post("payments/", body).status_code == 201


def test_ten_megabytes_are_refused_at_once(api: ApiClient, connection: Connection) -> None:
    body = json.dumps({**PAYMENT, "metadata": {"a": "x" * 10_000_000}}).encode()
    started = time.monotonic()
    error = _refused(api, "payments/", body, status=413)
    assert error["code"] == "too_large"
    assert time.monotonic() - started < 1


def test_a_body_that_is_longer_than_it_says_is_counted(api: ApiClient, connection: Connection) -> None:
    """The server cuts a body at its announced length, so that what is left is no JSON."""
    body = json.dumps({**PAYMENT, "metadata": {"a": "x" * 2_000_000}}).encode()
    response = api.django.generic(
        "POST", "/api/v1/payments/", body, "application/json", CONTENT_LENGTH="100", headers=api.headers
    )
    assert response.status_code == 400


def test_a_body_in_chunks_is_refused_rather_than_lost(api: ApiClient, connection: Connection) -> None:
    error = _refused(api, "payments/", None, status=411, Transfer_Encoding="chunked")
    assert error["code"] == "length_required"


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "application/xml", ""])
def test_only_json_is_read(content_type: str, api: ApiClient, connection: Connection) -> None:
    body = json.dumps(PAYMENT).encode()
    assert _refused(api, "payments/", body, 415, content_type=content_type)["code"] == "unsupported_media_type"


def _cursor(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("path", ["providers/", *LISTS])
@pytest.mark.parametrize(
    "cursor",
    ["x", "ü", _cursor("p=abc"), _cursor("p=%00"), _cursor("r=1&p=%ED%A0%80"), _cursor("o=-1"),
     _cursor("p=" + "9" * 400)],
)  # fmt: skip
def test_a_made_up_cursor_leads_nowhere(path: str, cursor: str, api: ApiClient, organization: Organization) -> None:
    plant(organization, "ours")
    response = api.get(path, {"cursor": cursor})
    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


FILTERS = {
    "since": ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "yesterday", "2026-02-30", "\x00"],
    "until": ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"],
    "status": ["nan", "1e400", "-1", "unheard-of", "\x00"],
    "connection": ["abc", "01a1fb7b-69c5-7260-8a1b-5ffece41c6c7"],
    "endpoint": ["abc", "01a1fb7b-69c5-7260-8a1b-5ffece41c6c7"],
    "q": ["%", "\x00", "x" * 10_000],
    "type": ["\x00", "unheard-of"],
    "country": ["\x00", "x" * 10_000],
    "currency": ["x" * 10_000],
    "is_active": ["perhaps"],
    "page_size": ["-1", "0", "00", "201", "1e3", "9" * 40, "٣"],
    "format": ["csv", "api"],
}


@pytest.mark.parametrize("path", ["providers/", *LISTS])
def test_no_filter_breaks_a_list(path: str, api: ApiClient, organization: Organization) -> None:
    plant(organization, "ours")
    for name, values in FILTERS.items():
        for value in values:
            response = api.get(path, {name: value})
            assert response.status_code in (200, 400), (name, value, response.content)
            if response.status_code == 400:
                assert error_of(response)["field"] == name


@pytest.mark.parametrize("action", ["void/", "sync/"])
def test_a_call_that_takes_no_body_refuses_one(action: str, api: ApiClient, connection: Connection) -> None:
    payment = api.post("payments/", {**PAYMENT, "capture": False}).json()["id"]
    assert _refused(api, f"payments/{payment}/{action}", {"amount": "1.00"})["field"] == "amount"


@pytest.mark.parametrize("action", ["test/", "activate/", "deactivate/"])
def test_a_connections_actions_take_no_body(action: str, api: ApiClient, connection: Connection) -> None:
    assert _refused(api, f"connections/{connection.pk}/{action}", {"force": True})["field"] == "force"


@pytest.mark.parametrize("path", ["connections/", "payments/", "logs/", "webhook-events/"])
@pytest.mark.parametrize("key", ["abc", "1", "0" * 36, "01a1fb7b-69c5-7260-8a1b-5ffece41c6c", "%00", "..%2f"])
def test_an_id_that_is_no_uuid_is_not_found(path: str, key: str, api: ApiClient) -> None:
    assert error_of(api.get(f"{path}{key}/"))["code"] == "not_found"


def test_a_method_that_a_resource_has_not_is_refused(api: ApiClient, connection: Connection) -> None:
    for method, path in (("PUT", f"connections/{connection.pk}/"), ("DELETE", "payments/"), ("POST", "logs/")):
        response = api.send(method, path, {})
        assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
        assert response["Allow"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_write_without_its_final_slash_is_told_so(method: str, api: ApiClient) -> None:
    """A redirect would lose its body, and with it what was asked for."""
    response = getattr(api.django, method)("/api/v1/payments", json.dumps(PAYMENT), content_type="application/json")
    assert response.status_code == 404
    assert "slash" in error_of(response)["message"]
    assert api.django.get("/api/v1/payments").status_code == 301
