"""The same attacks on every scheme, and garbage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.errors import ConfigurationError, SignatureRefused
from integrations.providers.events import Trust
from integrations.providers.signatures import (
    AnyOf,
    BasicAuth,
    BodyField,
    Encoding,
    HeaderHMAC,
    InboundRequest,
    PathEnd,
    PayPalTransmission,
    PublicKeySignature,
    QueryParameter,
    SharedKeyToken,
    SharedToken,
    Signature,
    SignedFields,
    SNSMessage,
    SortedFields,
    StandardWebhooks,
    TimestampedHMAC,
    URLAndForm,
)

from .signers import (
    AT,
    TOPIC,
    ed25519_key,
    p256_key,
    paypal_request,
    public_text,
    sendgrid_request,
    sns_request,
    standard_request,
)
from .test_field_schemes import FORM, TAP, TELR, URL

JSON_BODY = b'{"id": "evt_1", "amount": "12.50", "currency": "AED", "status": "paid"}'
FORM_BODY = b"id=evt_1&amount=12.50&status=paid"
Send = Callable[[str, int], InboundRequest]


@dataclass(frozen=True)
class Case:
    """A scheme, two of its secrets, and its sender; `altered` is the body with what is proven changed."""

    scheme: Signature
    send: Send
    secrets: tuple[str, str]
    altered: Callable[[bytes], bytes] = field(default=lambda body: body.replace(b"12.50", b"99.50"))
    tolerance: int | None = None


def symmetric(
    scheme: Signature,
    *,
    body: bytes = JSON_BODY,
    headers: Mapping[str, str] | None = None,
    tolerance: int | None = None,
) -> Case:
    def send(secret: str, at: int) -> InboundRequest:
        bare = InboundRequest(body, headers or {}, AT, url=URL)
        return scheme.sign_request(bare, secret, event_id="evt_1", timestamp=at)

    return Case(scheme, send, (scheme.generate_secret(), scheme.generate_secret()), tolerance=tolerance)


def by_public_key(scheme: Signature, number_of: dict[str, int], sender: Callable[..., InboundRequest]) -> Case:
    def send(secret: str, at: int) -> InboundRequest:
        return sender(JSON_BODY, number_of[secret], at=at)

    first, second = number_of
    return Case(scheme, send, (first, second), tolerance=300)


CASES = {
    "body": symmetric(HeaderHMAC("x-signature")),
    "body, sha512, base64": symmetric(HeaderHMAC("x-signature", algorithm="sha512", encoding=Encoding.BASE64)),
    "body and method and address": symmetric(
        HeaderHMAC("x-signature", signed="{method}{url}{body}", algorithm="sha384")
    ),
    "slack": symmetric(
        HeaderHMAC("x-signature", signed="v0:{timestamp}:{body}", prefix="v0=", timestamp_header="x-time"),
        tolerance=300,
    ),
    "milliseconds": symmetric(
        HeaderHMAC(
            "x-signature",
            signed="{url}{body}{timestamp}",
            timestamp_header="x-time",
            timestamps_per_second=1000,
            tolerance_seconds=60,
        ),
        tolerance=60,
    ),
    "id and body": symmetric(HeaderHMAC("x-signature", signed="{x-guid} {body}")),
    "stripe": symmetric(TimestampedHMAC(), tolerance=300),
    "tiktok": symmetric(TimestampedHMAC("x-signature", 60, signature_key="s"), tolerance=60),
    "standard webhooks": symmetric(StandardWebhooks(), tolerance=300),
    "either encoding": symmetric(
        AnyOf((HeaderHMAC("x-signature", encoding=Encoding.BASE64), HeaderHMAC("x-signature")))
    ),
    "fields": symmetric(SignedFields(QueryParameter("hmac"), ("id", "amount", "status"), algorithm="sha512")),
    "fields of tap": symmetric(TAP),
    "fields of telr": symmetric(TELR, body=b"tran_ref=1&tran_amount=12.50&tran_status=A", headers=FORM),
    "sorted fields": symmetric(SortedFields(), body=FORM_BODY, headers=FORM),
    "address and form": symmetric(URLAndForm(), body=FORM_BODY, headers=FORM),
    "address and hash of the body": symmetric(URLAndForm(algorithm="sha256")),
    "token in a header": symmetric(SharedToken("x-token", prefix="Bearer ")),
    "token in the query": symmetric(SharedToken(QueryParameter("token"))),
    "token in the path": symmetric(SharedToken(PathEnd())),
    "token in the body": symmetric(SharedToken(BodyField("secret_token"))),
    "name and password": symmetric(BasicAuth()),
    "json web token": symmetric(SharedKeyToken(lifetime_seconds=240), tolerance=300),
    "sendgrid": by_public_key(
        PublicKeySignature(
            "x-twilio-email-event-webhook-signature",
            "p256",
            timestamp_header="x-twilio-email-event-webhook-timestamp",
            tolerance_seconds=300,
        ),
        {public_text(p256_key(number)): number for number in (0, 1)},
        sendgrid_request,
    ),
    "standard webhooks v1a": by_public_key(
        PublicKeySignature(
            "webhook-signature",
            "ed25519",
            prefix="v1a,",
            separator=" ",
            signed="{webhook-id}.{timestamp}.{body}",
            timestamp_header="webhook-timestamp",
            tolerance_seconds=300,
        ),
        {public_text(ed25519_key(number)): number for number in (0, 1)},
        standard_request,
    ),
    "paypal": Case(
        PayPalTransmission(tolerance_seconds=300),
        lambda secret, at: paypal_request(JSON_BODY, secret, at=at),
        ("WEBHOOK_ID", "4JH86294D6297924G"),
        tolerance=300,
    ),
    "sns": Case(
        SNSMessage(tolerance_seconds=300),
        lambda secret, at: sns_request({"Message": "12.50"}, secret, at=at),
        (TOPIC, TOPIC + "2"),
        tolerance=300,
    ),
}
each = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
# The sender's own proof stands in none of its fields, so an altered body passes; and so it is never called signed.
PROVES_THE_SENDER_ALONE = {name for name in CASES if name.startswith(("token in", "name and", "json web"))}

NOT_SIGNED = {"content-type", "paypal-cert-url"}


def refuses(case: Case, request: InboundRequest, *secrets: str) -> None:
    with pytest.raises(SignatureRefused):
        case.scheme.verify(request, secrets)


@each
def test_either_of_two_secrets_is_accepted_and_no_other(case: Case) -> None:
    old, new = case.secrets
    for secret in (old, new):
        case.scheme.check_secret(secret)
        case.scheme.verify(case.send(secret, AT), [new, old])
    for secrets in ([new], [""], [], ["", new], ["x"]):
        refuses(case, case.send(old, AT), *secrets)


@each
def test_an_empty_secret_can_be_entered_nowhere(case: Case) -> None:
    with pytest.raises(ConfigurationError):
        case.scheme.check_secret("")


@pytest.mark.parametrize("name", sorted(CASES.keys() - PROVES_THE_SENDER_ALONE))
def test_an_altered_body_is_refused(name: str) -> None:
    case = CASES[name]
    genuine = case.send(case.secrets[0], AT)
    altered = case.altered(genuine.body)

    assert altered != genuine.body
    refuses(case, replace(genuine, body=altered), case.secrets[0])
    refuses(case, replace(genuine, body=b""), case.secrets[0])


# All but SNS's, which proves lines by their meaning: its message may be written in JSON as one likes.
SIGNED = [name for name, case in CASES.items() if case.scheme.trust is Trust.SIGNED and name != "sns"]


@pytest.mark.parametrize("name", SIGNED)
def test_what_is_called_signed_proves_every_byte(name: str) -> None:
    case = CASES[name]
    genuine = case.send(case.secrets[0], AT)
    for at in range(len(genuine.body)):
        altered = bytearray(genuine.body)
        altered[at] ^= 1
        refuses(case, replace(genuine, body=bytes(altered)), case.secrets[0])


def test_what_proves_the_sender_alone_is_not_called_signed() -> None:
    for name in PROVES_THE_SENDER_ALONE:
        case = CASES[name]
        genuine = case.send(case.secrets[0], AT)
        case.scheme.verify(replace(genuine, body=case.altered(genuine.body)), [case.secrets[0]])
        assert case.scheme.trust is not Trust.SIGNED


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.tolerance is not None])
def test_the_stale_and_the_premature_are_refused(name: str) -> None:
    case = CASES[name]
    secret = case.secrets[0]
    assert case.tolerance is not None
    for at in (AT - case.tolerance - 1, AT + case.tolerance + 1, AT - 10**8, AT + 10**8, 1):
        refuses(case, case.send(secret, at), secret)


@each
def test_a_missing_an_empty_and_a_cut_header_are_refused(case: Case) -> None:
    secret = case.secrets[0]
    genuine = case.send(secret, AT)
    for name, value in genuine.headers.items():
        without = {key: kept for key, kept in genuine.headers.items() if key != name}
        cut = [] if name in NOT_SIGNED else [{**without, name: value[:-4]}, {**without, name: value[4:]}]
        for headers in (without, {**without, name: ""}, *cut):
            refuses(case, replace(genuine, headers=headers), secret)


@each
def test_a_changed_timestamp_or_id_is_refused(case: Case) -> None:
    secret = case.secrets[0]
    genuine = case.send(secret, AT)
    for name, value in genuine.headers.items():
        if name.endswith(("time", "timestamp", "-id", "guid", "stripe-signature")):
            changed = value.replace("1795000000", "1795000001").replace("T", "t") if "1795" in value else value + "0"
            refuses(case, replace(genuine, headers={**genuine.headers, name: changed}), secret)


@pytest.mark.parametrize(
    "name",
    [
        "body and method and address",
        "milliseconds",
        "fields",
        "address and form",
        "address and hash of the body",
        "token in the query",
        "token in the path",
    ],
)
def test_another_address_is_refused_where_the_address_counts(name: str) -> None:
    case = CASES[name]
    secret = case.secrets[0]
    genuine = case.send(secret, AT)
    for url in ("", URL, genuine.url + "x", "https://[", "\ud800"):
        if url != genuine.url:
            refuses(case, replace(genuine, url=url), secret)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_address_to_tell_holds_the_secret_where_that_is_the_proof_and_no_signature(name: str) -> None:
    scheme, secret = CASES[name].scheme, CASES[name].secrets[0]
    expected = {
        "token in the query": f"{URL}?token={quote(secret, safe='')}",
        "token in the path": f"{URL}{quote(secret, safe='')}/",
    }
    assert scheme.address(URL, secret) == expected.get(name, URL)


def test_one_of_several_schemes_tells_the_address_of_that_by_which_it_signs() -> None:
    kinds = [SignedFields(QueryParameter("hmac"), ("id",), only_where=("type", kind)) for kind in ("a", "b")]
    assert AnyOf(tuple(kinds)).address(URL, "sample") == URL
    assert AnyOf((SharedToken(QueryParameter("token")), kinds[0])).address(URL, "sample") == f"{URL}?token=sample"


@pytest.mark.parametrize("name", sorted(name for name, case in CASES.items() if case.scheme.can_sign))
def test_a_fresh_secret_is_long_and_another_each_time(name: str) -> None:
    first, second = CASES[name].secrets
    assert first != second
    assert len(first) >= 32


def header_values() -> st.SearchStrategy[str]:
    shapes = st.from_regex(
        r"(v0=|sha256=|t=\d{1,30},v1=|v1,|v1a,|Bearer |Basic )?[0-9a-zA-Z+/=.]{0,80}", fullmatch=True
    )
    return st.text(max_size=60) | shapes | st.sampled_from(["1795000000", "\ud800", "é", "{}", "=", ".", ".."])


def urls() -> st.SearchStrategy[str]:
    return st.text(max_size=60) | header_values().map(lambda text: f"{URL}?hmac={text}&token={text}&bodySHA256={text}")


def bodies() -> st.SearchStrategy[bytes]:
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
    names = ["id", "amount", "currency", "Type", "Timestamp", "TopicArn", "Signature", "secret_token", "reference", "x"]
    objects = st.dictionaries(st.sampled_from(names), values, max_size=8).map(lambda value: json.dumps(value).encode())
    return st.binary(max_size=60) | objects | st.just(b"[" * 50_000)


HEADER_NAMES = sorted({name for case in CASES.values() for name in case.send(case.secrets[0], AT).headers})


def requests() -> st.SearchStrategy[InboundRequest]:
    headers = st.dictionaries(st.sampled_from([*HEADER_NAMES, "content-type"]), header_values(), max_size=12)
    return st.builds(InboundRequest, bodies(), headers, st.just(float(AT)), st.sampled_from(["GET", "POST"]), urls())


@settings(max_examples=60)
@given(request=requests())
def test_garbage_is_refused_and_breaks_nothing(request: InboundRequest) -> None:
    for case in CASES.values():
        for headers in (request.headers, {**request.headers, **FORM}):
            with pytest.raises(SignatureRefused):
                case.scheme.verify(replace(request, headers=headers), case.secrets)


def damaged(genuine: InboundRequest, text: str, body: bytes) -> Iterator[InboundRequest]:
    """A genuine request with one thing in it replaced."""
    for name in genuine.headers:
        yield replace(genuine, headers={**genuine.headers, name: text})
    yield replace(genuine, url=text)
    yield replace(genuine, fetch=lambda address: body)
    try:
        fields = json.loads(genuine.body)
    except ValueError:
        return
    for name in fields:
        yield replace(genuine, body=json.dumps({**fields, name: text}).encode())
        yield replace(genuine, body=json.dumps({**fields, name: [text]}).encode())


GENUINE = [(case, case.send(case.secrets[0], AT)) for case in CASES.values()]


@settings(max_examples=30)
@given(text=header_values(), body=bodies())
def test_a_damaged_request_is_accepted_or_refused_and_nothing_else(text: str, body: bytes) -> None:
    for case, genuine in GENUINE:
        for request in damaged(genuine, text, body):
            try:
                case.scheme.verify(request, case.secrets)
            except SignatureRefused:
                continue
