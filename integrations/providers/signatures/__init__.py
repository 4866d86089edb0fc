"""Ways a webhook is signed. A scheme verifies the raw bytes, and signs them too, for test events and the sandbox."""

from __future__ import annotations

from .any_of import AnyOf
from .base import InboundRequest, Signature
from .certificates import PinnedCertificate
from .encodings import Encoding
from .field_schemes import SignedField, SignedFields, SortedFields
from .handshakes import (
    Challenge,
    Handshake,
    LinkedInChallenge,
    MetaVerification,
    MicrosoftValidation,
    SlackChallenge,
    SNSConfirmation,
    XChallenge,
)
from .hmac_schemes import HeaderHMAC, TimestampedHMAC
from .json_web_tokens import SharedKeyToken
from .paypal import PayPalTransmission
from .places import BodyField, Header, PathEnd, QueryParameter
from .public_keys import PublicKeySignature
from .shared_secrets import BasicAuth, SharedToken
from .sns import SNSMessage
from .standard_webhooks import StandardWebhooks
from .url_and_form import URLAndForm

__all__ = [
    "AnyOf",
    "BasicAuth",
    "BodyField",
    "Challenge",
    "Encoding",
    "Handshake",
    "Header",
    "HeaderHMAC",
    "InboundRequest",
    "LinkedInChallenge",
    "MetaVerification",
    "MicrosoftValidation",
    "PathEnd",
    "PayPalTransmission",
    "PinnedCertificate",
    "PublicKeySignature",
    "QueryParameter",
    "SNSConfirmation",
    "SNSMessage",
    "SharedKeyToken",
    "SharedToken",
    "Signature",
    "SignedField",
    "SignedFields",
    "SlackChallenge",
    "SortedFields",
    "StandardWebhooks",
    "TimestampedHMAC",
    "URLAndForm",
    "XChallenge",
]
