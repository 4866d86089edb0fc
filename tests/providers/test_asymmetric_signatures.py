"""SendGrid, PayPal and Amazon SNS: against official verifiers, published samples, and keys of our own."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from sendgrid.helpers.eventwebhook import EventWebhook

from integrations.errors import ConfigurationError, NotSupported, SignatureRefused
from integrations.providers.events import Trust
from integrations.providers.signatures import (
    Encoding,
    InboundRequest,
    PayPalTransmission,
    PublicKeySignature,
    Signature,
    SNSMessage,
)

from .signers import (
    AT,
    PAYPAL_ADDRESS,
    SNS_ADDRESS,
    TOPIC,
    Issued,
    ed25519_key,
    issue,
    p256_key,
    paypal_certificate,
    paypal_request,
    public_text,
    rsa_key,
    sendgrid_request,
    sns_request,
    standard_request,
    with_body,
    with_header,
)

HERE = Path(__file__).parent
BODY = b'[{"event":"delivered"}]\r\n'

SENDGRID = PublicKeySignature(
    "x-twilio-email-event-webhook-signature", "p256", timestamp_header="x-twilio-email-event-webhook-timestamp"
)
STANDARD = PublicKeySignature(
    "webhook-signature",
    "ed25519",
    prefix="v1a,",
    separator=" ",
    signed="{webhook-id}.{timestamp}.{body}",
    timestamp_header="webhook-timestamp",
    tolerance_seconds=300,
)
WISE = PublicKeySignature("x-signature-sha256", "rsa", signed="{body}")
PAYPAL = PayPalTransmission()
SNS = SNSMessage()
WEBHOOK_ID = "4JH86294D6297924G"


def refuses(scheme: Signature, request: InboundRequest, *secrets: str) -> None:
    with pytest.raises(SignatureRefused):
        scheme.verify(request, secrets)


# The sample in the tests of SendGrid's official packages.
SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8"
    "eNEc6wEA3F+g=="
)
SENDGRID_EVENT = {
    "email": "hello@world.com",
    "event": "dropped",
    "reason": "Bounced Address",
    "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
    "timestamp": 1600112492,
}


def test_sendgrid_s_sample_is_accepted() -> None:
    body = json.dumps([SENDGRID_EVENT], sort_keys=True, separators=(",", ":")).encode() + b"\r\n"
    headers = {
        "x-twilio-email-event-webhook-signature": (
            "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
        ),
        "x-twilio-email-event-webhook-timestamp": "1600112502",
    }
    request = InboundRequest(body, headers, 1_600_112_510)

    SENDGRID.verify(request, [public_text(p256_key(0)), SENDGRID_KEY])
    refuses(SENDGRID, with_body(request, body.rstrip()), SENDGRID_KEY)
    refuses(SENDGRID, with_header(request, "x-twilio-email-event-webhook-timestamp", "1600112503"), SENDGRID_KEY)


def test_sendgrid_s_official_verifier_takes_what_our_sender_signs() -> None:
    request = sendgrid_request(BODY)
    signature = request.headers["x-twilio-email-event-webhook-signature"]

    assert EventWebhook(public_text(p256_key(0))).verify_signature(BODY.decode(), signature, str(AT))
    SENDGRID.verify(request, [public_text(p256_key(0))])


def test_an_age_counts_where_a_tolerance_is_set() -> None:
    key, strict = public_text(p256_key(0)), replace(SENDGRID, tolerance_seconds=300)
    for at in (AT - 301, AT + 301):
        SENDGRID.verify(sendgrid_request(BODY, at=at), [key])
        refuses(strict, sendgrid_request(BODY, at=at), key)
    strict.verify(sendgrid_request(BODY, at=AT - 300), [key])


def test_a_public_key_may_be_entered_in_several_ways() -> None:
    key = public_text(p256_key(0))
    lines = "\n".join(key[at : at + 64] for at in range(0, len(key), 64))
    for text in (key, lines, f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"):
        SENDGRID.check_secret(text)
        SENDGRID.verify(sendgrid_request(BODY), [text])


@pytest.mark.parametrize(
    "text",
    ["", "x", "é", public_text(ed25519_key(0)), public_text(rsa_key(0, 2048)), "AAAA", "\ud800"],
    ids=["empty", "short", "accented", "Ed25519", "RSA", "too few bytes", "half a character"],
)
def test_what_is_no_public_key_of_this_kind_is_told_and_lets_nobody_in(text: str) -> None:
    with pytest.raises(ConfigurationError):
        SENDGRID.check_secret(text)
    refuses(SENDGRID, sendgrid_request(BODY), text)


@pytest.mark.parametrize("scheme", [SENDGRID, STANDARD, PAYPAL, SNS])
def test_what_only_the_provider_signs_we_do_not(scheme: Signature) -> None:
    assert not scheme.can_sign
    with pytest.raises(NotSupported):
        scheme.sign(BODY, "key", event_id="", timestamp=AT)
    with pytest.raises(NotSupported):
        scheme.sign_request(InboundRequest(BODY, {}, AT), "key", event_id="", timestamp=AT)
    with pytest.raises(NotSupported):
        scheme.generate_secret()


def test_standard_webhooks_may_be_signed_with_a_public_key() -> None:
    raw = ed25519_key(0).public_key().public_bytes_raw()
    request = standard_request(b"{}")
    for secret in (public_text(ed25519_key(0)), f"whpk_{base64.b64encode(raw).decode()}", raw.hex()):
        STANDARD.check_secret(secret)
        STANDARD.verify(request, [secret])
        refuses(STANDARD, with_header(request, "webhook-id", "msg_2"), secret)
        refuses(STANDARD, standard_request(b"{}", at=AT - 301), secret)
    beside = with_header(request, "webhook-signature", "v1,AAAA " + request.headers["webhook-signature"])
    STANDARD.verify(beside, [raw.hex()])
    unversioned = request.headers["webhook-signature"].replace("v1a,", "v1,")
    refuses(STANDARD, with_header(request, "webhook-signature", unversioned), raw.hex())


def test_the_second_test_of_rfc_8032_is_accepted() -> None:
    scheme = PublicKeySignature("x-signature", "ed25519", signed="{body}", encoding=Encoding.HEX)
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    request = InboundRequest(b"\x72", {"x-signature": signature}, AT)

    scheme.verify(request, [key])
    refuses(scheme, with_body(request, b"\x73"), key)


# transferwise/digital-signatures-examples: verify-webhook-signature, the sandbox's key.
WISE_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwpb91cEYuyJNQepZAVfPZIlPZfNUefH+n6w9SW3fykqKu938cR7WadQv87oF2VuT+fDt7k"
    "qeRziTmPSUhqPUys/V2Q1rlfJuXbE+Gga37t7zwd0egQ+KyOEHQOpcTwKmtZ81ieGHynAQzsn1We3jwt760MsCPJ7GMT141ByQM+yW1Bx+4SG3IGjX"
    "WyqOWrcXsxAvIXkpUD/jK/L958CgnZEgz0BSEh0QxYLITnW1lLokSx/dTianWPFEhMC9BgijempgNXHNfcVirg1lPSygz7KqoKUN0oHqWLr2U1A+7k"
    "qrl6O2nx3CKs1bj1hToT1+p4kcMoHXA7kA+VBLUpEsVwIDAQAB"
)
WISE_BODY = (
    b'{"data":{"resource":{"id":49983981,"profile_id":16055450,"account_id":14124090,"type":"transfer"},'
    b'"current_state":"incoming_payment_waiting","previous_state":null,"occurred_at":"2021-08-23T10:12:50Z"},'
    b'"subscription_id":"90aa8e14-4ef1-4a56-861c-f3c9cde097ea","event_type":"transfers#state-change",'
    b'"schema_version":"2.0.0","sent_at":"2021-08-23T10:12:50Z"}'
)
WISE_SIGNATURE = (
    "wKcKCYXAzxNgiu7xmoDm943NUni7Rz33QN8JkEA9dWSGebgndonabgSj18Y4C08OrwVmueGsED2s00M7DtJVcYKOS1i3G4TMVx+mgM3aL9djMBkQtiYN"
    "BFUd6wrPI7ZUNHv/TrlKSjTMc+6JFvUvJ7owY3z85e3I4jLRLJowMFvO8kvCJ60+1pY9wDwZvtZ//WS93LrwGjk9Dvwzpmu0w+P4J75tETT5qC3Uv0"
    "y5G2yO8SEoO3yNP/tg/BOli02niHb53vEOUWUb9bly6thnfMoXoiV/osoGxgF20R58RlvkAmezyyl1Sv542TfS2DpiwVnmjjjkCyXeSUcKookYLQ=="
)


def test_what_wise_signed_with_rsa_is_accepted() -> None:
    request = InboundRequest(WISE_BODY, {"x-signature-sha256": WISE_SIGNATURE}, AT)

    WISE.verify(request, [public_text(rsa_key(0, 2048)), WISE_KEY])
    refuses(WISE, with_body(request, WISE_BODY + b" "), WISE_KEY)


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
