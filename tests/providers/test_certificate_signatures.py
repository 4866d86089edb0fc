"""PayPal and Amazon SNS, whose certificates are fetched: against published samples, and keys of our own."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from integrations.errors import ConfigurationError
from integrations.providers.events import Trust
from integrations.providers.signatures import InboundRequest, PayPalTransmission, SNSMessage

from .signers import (
    AT,
    PAYPAL_ADDRESS,
    SNS_ADDRESS,
    TOPIC,
    Issued,
    issue,
    paypal_certificate,
    paypal_request,
    refuses,
    sns_request,
    with_body,
    with_header,
)

HERE = Path(__file__).parent
BODY = b'[{"event":"delivered"}]\r\n'
PAYPAL = PayPalTransmission()
SNS = SNSMessage()
WEBHOOK_ID = "4JH86294D6297924G"
PAYPAL_EVENT = (HERE / "paypal_transmission" / "event.json").read_bytes()


def published_paypal_request() -> InboundRequest:
    """The text that PayPal's SDKs publish, signed by our own key."""
    text = b"dfb3be50-fd74-11e4-8bf3-77339302725b|2015-05-18T15:45:13Z|4JH86294D6297924G|2771810304"
    headers = {
        "paypal-transmission-id": "dfb3be50-fd74-11e4-8bf3-77339302725b",
        "paypal-transmission-time": "2015-05-18T15:45:13Z",
        "paypal-transmission-sig": paypal_certificate().sign(text, hashes.SHA256()),
        "paypal-cert-url": PAYPAL_ADDRESS,
        "paypal-auth-algo": "SHA256withRSA",
    }
    return InboundRequest(PAYPAL_EVENT, headers, AT, fetch=lambda address: paypal_certificate().pem)


def test_the_text_that_paypal_publishes_is_what_is_verified() -> None:
    request = published_paypal_request()

    PAYPAL.verify(request, ["WEBHOOK_ID", WEBHOOK_ID])
    for name, value in (
        ("paypal-transmission-id", "another"),
        ("paypal-transmission-id", ""),
        ("paypal-transmission-id", "dfb3be50-fd74-11e4-8bf3-77339302725b|x"),
        ("paypal-transmission-time", "2015-05-18T15:45:14Z"),
        ("paypal-transmission-time", "yesterday"),
        ("paypal-auth-algo", "SHA1withRSA"),
        ("paypal-auth-algo", ""),
        ("paypal-cert-url", ""),
        ("paypal-transmission-sig", request.headers["paypal-transmission-sig"][:-8]),
        ("paypal-transmission-sig", "?"),
    ):
        refuses(PAYPAL, with_header(request, name, value), WEBHOOK_ID)
    refuses(PAYPAL, with_body(request, PAYPAL_EVENT + b"\n"), WEBHOOK_ID)
    refuses(PAYPAL, request, "WEBHOOK_ID", "")


def test_a_checksum_does_not_prove_paypal_s_body() -> None:
    """Four bytes, free to be chosen, give a forged body the checksum that was signed: so it is not called signed."""
    genuine = paypal_request(b'{"id": "WH-1", "amount": "1.00"}', WEBHOOK_ID)
    forged = with_checksum(b'{"id": "WH-2", "amount": "9999.00"} ', zlib.crc32(genuine.body))

    PAYPAL.verify(with_body(genuine, forged), [WEBHOOK_ID])
    assert PAYPAL.trust == Trust.SHARED_SECRET


def with_checksum(body: bytes, wanted: int) -> bytes:
    """`body` and four bytes, such that the whole has the CRC32 `wanted`: the register run backwards."""
    entries = [crc_entry(byte) for byte in range(256)]
    register = wanted ^ 0xFFFFFFFF
    order = []
    for _ in range(4):
        index = next(at for at, entry in enumerate(entries) if entry >> 24 == register >> 24)
        order.append(index)
        register = ((register ^ entries[index]) << 8) & 0xFFFFFFFF
    state, added = zlib.crc32(body) ^ 0xFFFFFFFF, b""
    for index in reversed(order):
        added += bytes([(state ^ index) & 0xFF])
        state = (state >> 8) ^ entries[index]
    return body + added


def crc_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xEDB88320 if byte & 1 else 0)
    return byte


def test_paypal_s_age_counts_only_where_that_is_said() -> None:
    three_days = 3 * 86_400
    strict = PayPalTransmission(tolerance_seconds=three_days)
    old, ahead = paypal_request(BODY, WEBHOOK_ID, at=AT - three_days - 1), paypal_request(BODY, WEBHOOK_ID, at=AT * 2)

    PAYPAL.verify(old, [WEBHOOK_ID])
    for request in (old, ahead):
        refuses(strict, request, WEBHOOK_ID)
    strict.verify(paypal_request(BODY, WEBHOOK_ID, at=AT - three_days), [WEBHOOK_ID])


NOT_PAYPAL_S = [
    "http://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
    "https://evil.example/v1/notifications/certs/CERT-1?api.paypal.com",
    "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
    "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
    "https://apixpaypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com/v1/notifications/certs/../../redirect",
    "https://api.paypal.com/v1/notifications/certs/CERT-1\n",
    "https://api.paypal.com/v1/notifications/certs/CERT-١",
    "https://api.paypal.com\\@evil.example/v1/notifications/certs/CERT-1",
    "file:///etc/passwd",
    "x" * 5000,
]
NOT_SNS = [
    "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
    "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
    "https://evil.s3.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.evil.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.us-east-1.amazonaws.com:443/SimpleNotificationService-1.pem",
    "https://sns.us-east-1.amazonaws.com/other.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem?x=1",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem#",
]


def never(address: str) -> bytes:
    raise AssertionError(f"{address} was fetched")


@pytest.mark.parametrize("address", NOT_PAYPAL_S)
def test_only_paypal_s_own_addresses_are_fetched(address: str) -> None:
    request = with_header(replace(paypal_request(BODY, WEBHOOK_ID), fetch=never), "paypal-cert-url", address)
    refuses(PAYPAL, request, WEBHOOK_ID)


@pytest.mark.parametrize("address", NOT_SNS)
def test_only_sns_s_own_addresses_are_fetched(address: str) -> None:
    request = replace(sns_request({"Message": "x"}, TOPIC), fetch=never)
    refuses(SNS, with_body(request, request.body.replace(SNS_ADDRESS.encode(), address.encode())), TOPIC)


@pytest.mark.parametrize(
    "signer",
    [
        pytest.param(issue("paypal.com.evil.example"), id="another's name"),
        pytest.param(issue("evilpaypal.com"), id="a name that ends alike"),
        pytest.param(issue("api.paypal.com", at=AT - 86_400 * 16), id="expired"),
        pytest.param(issue("api.paypal.com", at=AT + 86_400 * 16), id="not valid yet"),
        pytest.param(issue("api.paypal.com", bits=1024), id="a short key"),
    ],
)
def test_a_certificate_that_is_not_a_valid_one_of_the_provider_s_is_refused(signer: Issued) -> None:
    refuses(PAYPAL, paypal_request(BODY, WEBHOOK_ID, signer=signer), WEBHOOK_ID)


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    refuses(PAYPAL, replace(paypal_request(BODY, WEBHOOK_ID), fetch=lambda address: pem), WEBHOOK_ID)


def test_a_common_name_counts_where_there_is_no_other() -> None:
    signer = issue("messageverificationcerts.paypal.com", alternative=False)
    PAYPAL.verify(paypal_request(BODY, WEBHOOK_ID, signer=signer), [WEBHOOK_ID])


def test_certificates_that_come_together_must_have_issued_each_other() -> None:
    authority, stranger = issue("authority.example"), issue("stranger.example")
    signer = issue("api.paypal.com", issuer=authority)
    request = paypal_request(BODY, WEBHOOK_ID, signer=signer)

    PAYPAL.verify(replace(request, fetch=lambda address: signer.pem + authority.pem), [WEBHOOK_ID])
    refuses(PAYPAL, replace(request, fetch=lambda address: signer.pem + stranger.pem), WEBHOOK_ID)
    late = issue("authority.example", at=AT - 86_400 * 16)
    refuses(PAYPAL, replace(request, fetch=lambda address: signer.pem + late.pem), WEBHOOK_ID)


AWS = HERE / "aws_sns"
AWS_MESSAGES = sorted(AWS.glob("*.json"))


def aws_request(path: Path) -> tuple[InboundRequest, str]:
    """A message that AWS itself signed, at its own time, and its topic."""
    message = json.loads(path.read_bytes())
    at = datetime.fromisoformat(message["Timestamp"]).timestamp()
    certificate = (AWS / "certificate.pem").read_bytes()
    request = InboundRequest(path.read_bytes(), {}, at + 1, fetch=lambda address: certificate)
    return request, message["TopicArn"]


@pytest.mark.parametrize("path", AWS_MESSAGES, ids=lambda path: path.stem)
def test_what_aws_signed_is_accepted_and_altered_refused(path: Path) -> None:
    request, topic = aws_request(path)
    message = json.loads(request.body)

    SNS.verify(request, [TOPIC, topic])
    refuses(SNS, request, TOPIC)
    refuses(SNS, replace(request, received_at=request.received_at + 3_900), topic)
    refuses(SNS, replace(request, received_at=request.received_at - 3_905), topic)
    signed = {"Message", "MessageId", "Timestamp", "TopicArn", "Type", "SignatureVersion", "Signature"}
    signed |= {"Token", "SubscribeURL"} if "Token" in message else {"Subject"}
    for name in signed:
        refuses(SNS, with_body(request, json.dumps({**message, name: message.get(name, "") + "A"}).encode()), topic)
        if name != "Subject":
            without = {key: value for key, value in message.items() if key != name}
            refuses(SNS, with_body(request, json.dumps(without).encode()), topic)
            refuses(SNS, with_body(request, json.dumps({**message, name: 7}).encode()), topic)


def test_a_message_of_another_topic_is_refused_before_anything_is_fetched() -> None:
    request = replace(sns_request({"Message": "x"}, "arn:aws:sns:us-east-1:999999999999:theirs"), fetch=never)
    refuses(SNS, request, TOPIC, "")


def test_a_version_that_is_not_wanted_is_refused() -> None:
    old = sns_request({"Message": "x"}, TOPIC, version="1")
    SNS.verify(old, [TOPIC])
    refuses(SNSMessage(versions=("2",)), old, TOPIC)
    refuses(SNS, with_body(old, old.body.replace(b'"SignatureVersion": "1"', b'"SignatureVersion": "2"')), TOPIC)


@pytest.mark.parametrize("secret", ["", "payments", "arn:aws:sqs:us-east-1:123456789012:q", TOPIC + " "])
def test_sns_wants_the_topic_s_name_as_its_secret(secret: str) -> None:
    SNS.check_secret(TOPIC)
    with pytest.raises(ConfigurationError, match="ARN"):
        SNS.check_secret(secret)


def test_paypal_wants_the_webhook_s_id_as_its_secret() -> None:
    PAYPAL.check_secret(WEBHOOK_ID)
    with pytest.raises(ConfigurationError, match="id"):
        PAYPAL.check_secret("a|b")
