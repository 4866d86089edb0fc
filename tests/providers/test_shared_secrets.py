"""Tokens, passwords and JSON Web Tokens: what proves the sender alone."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from integrations.errors import ConfigurationError, NotSupported, SignatureRefused
from integrations.providers.events import Trust
from integrations.providers.signatures import (
    AnyOf,
    BasicAuth,
    BodyField,
    Header,
    InboundRequest,
    PathEnd,
    QueryParameter,
    SharedKeyToken,
    SharedToken,
    Signature,
)

BODY = b'{"id": "evt_sample"}'
SECRET = "sample_not_a_secret"
URL = "https://hub.example/webhooks/1/"
NOW = 1_795_000_000
FORM = {"content-type": "application/x-www-form-urlencoded"}

TAMARA = SharedKeyToken((Header("authorization", "Bearer "), QueryParameter("tamaraToken")))
TALABAT_POS = SharedKeyToken(algorithm="HS512", claims=(("service", "middleware"),))
KEY = "notification_token_sample_not_a_secret_of_sixty_four_bytes_or_more__"


def request(headers: dict[str, str] | None = None, *, body: bytes = BODY, url: str = URL) -> InboundRequest:
    return InboundRequest(body, headers or {}, NOW, url=url)


@pytest.mark.parametrize(
    ("scheme", "genuine", "forged"),
    [
        pytest.param(
            SharedToken("x-api-key"),
            request({"x-api-key": SECRET}),
            [request(), request({"x-api-key": SECRET + "1"}), request({"x-api-key": SECRET[:-1]})],
            id="header",
        ),
        pytest.param(
            SharedToken("authorization", prefix="Bearer "),
            request({"authorization": f"Bearer {SECRET}"}),
            [request({"authorization": SECRET}), request({"authorization": f"bearer {SECRET}"})],
            id="bearer",
        ),
        pytest.param(
            SharedToken(QueryParameter("token")),
            request(url=f"{URL}?a=1&token={SECRET}"),
            [request(), request(url=f"{URL}?token={SECRET}&token={SECRET}"), request(url="https://[?token=")],
            id="query",
        ),
        pytest.param(
            SharedToken(PathEnd()),
            request(url=f"{URL}{SECRET}/"),
            [request(), request(url=f"{URL}{SECRET}/x/"), request(url=""), request(url="https://[")],
            id="path",
        ),
        pytest.param(
            SharedToken(BodyField("secret_token")),
            request(body=json.dumps({"id": "1", "secret_token": SECRET}).encode()),
            [
                request(),
                request(body=b""),
                request(body=b"[]"),
                request(body=b'{"secret_token": ["x"]}'),
                request(body=b"{" * 100_000),
                request(body=b'{"secret_token": "\\ud800"}'),
            ],
            id="moyasar",
        ),
        pytest.param(
            SharedToken(BodyField("token")),
            request(FORM, body=urlencode({"a": "1", "token": SECRET}).encode()),
            [request(FORM, body=b"token=x"), request(FORM, body=b"\xff"), request(FORM, body=b"&a=" * 2_000)],
            id="form",
        ),
        pytest.param(
            BasicAuth(),
            request({"authorization": "Basic " + base64.b64encode(f"hub:{SECRET}".encode()).decode()}),
            [
                request(),
                request({"authorization": f"Basic hub:{SECRET}"}),
                request({"authorization": "Bearer " + base64.b64encode(f"hub:{SECRET}".encode()).decode()}),
                request({"authorization": "Basic "}),
                request({"authorization": "Basic é"}),
            ],
            id="basic",
        ),
    ],
)
def test_a_token_is_taken_where_it_belongs_and_compared_whole(
    scheme: SharedToken | BasicAuth, genuine: InboundRequest, forged: list[InboundRequest]
) -> None:
    secret = f"hub:{SECRET}" if isinstance(scheme, BasicAuth) else SECRET

    scheme.verify(genuine, ["another:one", secret])
    assert scheme.trust == Trust.SHARED_SECRET
    assert scheme.header == ""
    for keys in (["another:one"], [""], []):
        with pytest.raises(SignatureRefused):
            scheme.verify(genuine, keys)
    for one in forged:
        with pytest.raises(SignatureRefused):
            scheme.verify(one, [secret, ""])


@pytest.mark.parametrize(
    "scheme",
    [
        SharedToken("x-api-key"),
        SharedToken(QueryParameter("token")),
        SharedToken(PathEnd()),
        SharedToken(BodyField("secret_token")),
        BasicAuth(),
        BasicAuth("infobip"),
    ],
    ids=repr,
)
def test_what_we_send_as_a_genuine_sender_would_is_accepted(scheme: SharedToken | BasicAuth) -> None:
    secret = scheme.generate_secret()
    scheme.check_secret(secret)
    for bare in (request(), request(body=b"{}")):
        scheme.verify(scheme.sign_request(bare, secret, event_id="", timestamp=NOW), [secret])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("token", '{"id": 1.50,  "token":\t"%s" }\n'),
        ("token", '{"\\u0074oken": "%s"}'),
        ("token", '{"token": "%s", "token": "%s"}'),
        ("token", '{"a": {"token": "b"}, "token": "%s"}'),
        ("token", '{"a": ["token", {"token": ":"}], "token": "%s"}'),
        ("a.token", '{"a": {"b": [{}], "token": "%s"}}'),
        ("a.token", '{"a.token": "%s", "a": 1}'),
        ("token", '{"note": "\\"token\\": \\"{", "token": "%s"}'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
def test_a_token_in_the_body_is_blanked_and_all_else_left_as_it_is(path: str, body: str, encoding: str) -> None:
    scheme, genuine = SharedToken(BodyField(path)), request(body=body.replace("%s", SECRET).encode(encoding))
    scheme.verify(genuine, [SECRET])
    assert scheme.body_to_keep(genuine) == body.replace("%s", "[redacted]").encode(encoding)


def test_of_a_token_that_comes_twice_none_is_kept() -> None:
    blanked = SharedToken(BodyField("token")).body_to_keep(request(body=b'{"token": "an older one", "token": "t"}'))
    assert blanked == b'{"token": "[redacted]", "token": "[redacted]"}'


def test_a_token_that_is_written_as_a_number_is_blanked_too() -> None:
    scheme, genuine = SharedToken(BodyField("token")), request(body=b'{"token": 12345678}')
    scheme.verify(genuine, ["12345678"])
    assert scheme.body_to_keep(genuine) == b'{"token": "[redacted]"}'


@pytest.mark.parametrize("name", ["token", "t%6Fken"])
def test_a_token_in_a_form_is_blanked(name: str) -> None:
    scheme = SharedToken(BodyField("token"))
    genuine = request(FORM, body=f"a=%201&{name}={SECRET}&b=+".encode())
    scheme.verify(genuine, [SECRET])
    assert scheme.body_to_keep(genuine) == f"a=%201&{name}=%5Bredacted%5D&b=+".encode()


@pytest.mark.parametrize("scheme", [SharedToken("x-api-key"), SharedToken(PathEnd()), BasicAuth(), TAMARA], ids=repr)
def test_a_body_without_the_token_is_kept_as_it_came(scheme: Signature) -> None:
    assert scheme.body_to_keep(request(body=b'{"token": "x"}')) == b'{"token": "x"}'


def test_one_of_several_ways_blanks_its_own() -> None:
    scheme = AnyOf((SharedToken("x-api-key"), SharedToken(BodyField("token"))))
    assert scheme.body_to_keep(request(body=b'{"token": "x"}')) == b'{"token": "[redacted]"}'


def test_a_token_within_a_field_of_the_body_cannot_be_added() -> None:
    scheme = SharedToken(BodyField("meta.token"))
    scheme.verify(request(body=b'{"meta": {"token": "t"}}'), ["t"])
    with pytest.raises(NotSupported):
        scheme.sign_request(request(), "t", event_id="", timestamp=NOW)


@pytest.mark.parametrize("secret", ["", "word", ":word", "name:"])
def test_a_name_and_a_password_are_wanted_where_neither_is_known(secret: str) -> None:
    with pytest.raises(ConfigurationError):
        BasicAuth().check_secret(secret)
    BasicAuth("infobip").check_secret("word")


def bearer(token: str) -> InboundRequest:
    return request({"authorization": f"Bearer {token}"})


def claims(**changed: Any) -> dict[str, Any]:
    wanted = {"iss": "Tamara", "iat": NOW, "exp": NOW + 900, **changed}
    return {name: value for name, value in wanted.items() if value is not None}


def test_a_token_signed_by_pyjwt_is_accepted_in_the_header_or_the_query() -> None:
    token = jwt.encode(claims(), KEY, "HS256")

    TAMARA.verify(bearer(token), ["another", KEY])
    TAMARA.verify(request(url=f"{URL}?tamaraToken={token}"), [KEY])
    assert TAMARA.trust == Trust.SHARED_SECRET
    for forged in (
        request(),
        request({"authorization": token}),
        bearer(token[:-2]),
        bearer(token + "A"),
        bearer(token + "."),
        bearer(token.rpartition(".")[0] + "."),
        bearer("."),
        bearer(".."),
        bearer("é.é.é"),
        bearer(jwt.encode(claims(), KEY, "HS384")),
        bearer(jwt.encode(claims(), KEY, "HS512")),
        bearer(jwt.encode(claims(), "", "none")),
        bearer(jwt.encode(claims(), "another_key_of_thirty_two_bytes_or_more", "HS256")),
    ):
        with pytest.raises(SignatureRefused):
            TAMARA.verify(forged, [KEY, ""])


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 61},
        {"exp": None},
        {"nbf": NOW + 61},
        {"iat": NOW + 61},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e300},
        {"exp": -1},
        {"exp": float("nan")},
        {"exp": 10**400},
    ],
    ids=repr,
)
def test_a_token_counts_only_in_its_time(changed: dict[str, Any]) -> None:
    payload = json.dumps(claims(**changed)).encode()
    token = jwt.api_jws.encode(payload, KEY, "HS256")
    with pytest.raises(SignatureRefused):
        TAMARA.verify(bearer(token), [KEY])


def test_a_minute_s_difference_between_clocks_is_borne() -> None:
    TAMARA.verify(bearer(jwt.encode(claims(exp=NOW - 60, iat=NOW - 960), KEY, "HS256")), [KEY])
    TAMARA.verify(bearer(jwt.encode(claims(iat=NOW + 60, nbf=NOW + 60), KEY, "HS256")), [KEY])


def test_claims_that_are_agreed_must_be_there() -> None:
    """The token was made with openssl: docs of the POS integration give no sample."""
    token = (
        "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzZXJ2aWNlIjoibWlkZGxld2FyZSIsImV4cCI6NDEwMjQ0NDgwMH0."
        "tApi0rMgavOS_NItMIS9hkiqy2te2M906ak34wmNsUWen6d4_Iql9IsqA15jrnvZHSNGVDUDfks4A8COL2ifUw"
    )
    TALABAT_POS.verify(bearer(token), ["plugin-secret"])
    for wrong in (claims(service="other"), claims()):
        with pytest.raises(SignatureRefused):
            TALABAT_POS.verify(bearer(jwt.encode(wrong, KEY, "HS512")), [KEY])


def test_pyjwt_takes_what_we_sign() -> None:
    now = int(time.time())
    signed = TALABAT_POS.sign_request(request(), KEY, event_id="", timestamp=now)
    token = signed.headers["authorization"].removeprefix("Bearer ")

    assert jwt.decode(token, KEY, ["HS512"]) == {"service": "middleware", "iat": now, "exp": now + 900}
    TALABAT_POS.verify(replace(signed, received_at=now), [KEY])
