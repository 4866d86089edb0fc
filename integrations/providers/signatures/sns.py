"""Amazon SNS: signed messages, and the confirmation of a subscription."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes

from ...errors import ConfigurationError, SignatureRefused
from ..events import Trust
from .base import InboundRequest, ProviderSigned, check_any, check_iso_age, octets
from .certificates import PinnedCertificate, check_rsa
from .encodings import Encoding, signatures_in
from .fields import json_of

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_OPTIONAL = "Subject"
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - what Amazon signs with
_TOPIC = re.compile(r"arn:aws(-[a-z]+)*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}", re.ASCII)

SNS_CERTIFICATE = PinnedCertificate(
    address=r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem",
    name=r"sns(-signing\.[a-z0-9-]+|-[a-z0-9-]+)?\.amazonaws\.com(\.cn)?",
)


@dataclass(frozen=True)
class SNSMessage(ProviderSigned):
    """RSA over the lines that each type of message has, with SHA-1 (signature version 1) or SHA-256 (2).

    https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
    The lines, and the names in AWS's certificates (me-central-1 and other newer regions have
    `sns-signing.<region>.amazonaws.com`), are also in the AWS SDK for Java 2, services-custom/sns-message-manager,
    whose test messages were signed by AWS.

    Anybody with an AWS account can have SNS sign a message, so the signature alone proves nothing of ours: the
    endpoint's secret is the ARN of the topic, and a message from another is refused before its certificate is fetched.
    Of the body, only those lines are proven: a provider class must not read anything else, `MessageAttributes` say.
    AWS advises to refuse what is older than an hour; it repeats a message for about as long, so a little more is left
    for the last time.
    """

    certificate: PinnedCertificate = SNS_CERTIFICATE
    versions: tuple[str, ...] = ("1", "2")
    tolerance_seconds: int | None = 3_900
    trust: Trust = Trust.SIGNED

    @property
    def header(self) -> str:
        """None: the signature is in the body."""
        return ""

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        self.read(request, secrets)

    def read(self, request: InboundRequest, secrets: Sequence[str]) -> Mapping[str, Any]:
        """The message, verified."""
        message = json_of(request)
        topic = octets(_text(message, "TopicArn"))
        check_any(secrets, lambda secret: hmac.compare_digest(topic, octets(secret)))
        check_iso_age(_text(message, "Timestamp"), request.received_at, self.tolerance_seconds)
        version = _text(message, "SignatureVersion")
        if version not in self.versions:
            raise SignatureRefused("The signature's version is not one that is accepted.")
        given = signatures_in(_text(message, "Signature"), encoding=Encoding.BASE64)
        text = _signed_text(message)
        key = self.certificate.key(request, _text(message, "SigningCertURL"))
        check_rsa(key, given[0], text, _HASHES[version])
        return message

    def check_secret(self, secret: str) -> None:
        if not _TOPIC.fullmatch(secret):
            raise ConfigurationError("The signing secret must be the ARN of the topic.")


def _signed_text(message: Mapping[str, Any]) -> bytes:
    """Each name and each value on a line of its own."""
    names = _SIGNED_BY_TYPE.get(_text(message, "Type"))
    if names is None:
        raise SignatureRefused("The message is of no known type.")
    present = [name for name in names if name != _OPTIONAL or message.get(_OPTIONAL) is not None]
    return octets("".join(f"{name}\n{_text(message, name)}\n" for name in present))


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise SignatureRefused("The message has no {name}.", name=name)
    return value
