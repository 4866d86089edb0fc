"""What is signed by a key pair: against official verifiers, published samples, and keys of our own."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from sendgrid.helpers.eventwebhook import EventWebhook

from integrations.errors import ConfigurationError, NotSupported
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
    ed25519_key,
    p256_key,
    public_text,
    refuses,
    rsa_key,
    sendgrid_request,
    standard_request,
    with_body,
    with_header,
)

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
