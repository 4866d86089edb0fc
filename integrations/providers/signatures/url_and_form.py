"""Twilio's signature, and Mandrill's: over the address and the fields of the form."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ...errors import NotSupported, SignatureRefused
from ..events import Trust
from .base import InboundRequest, Scheme, check_any, header_of, matches, octets
from .encodings import Algorithm, Encoding, signatures_in
from .fields import form_of, is_form, query_value
from .places import QueryParameter

_BODY_HASH = "bodySHA256"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class URLAndForm(Scheme):
    """HMAC over the address as the provider has it, query string included, then each form field's name and value.

    Names are sorted, and so are the values of a name that is repeated, each counted once. Another body than a form is
    covered by its SHA-256, which Twilio puts into the query string as `bodySHA256`; without that it is refused, and so
    is a body that is changed. Twilio signs the address with its port or without: both are tried. Nothing parts names
    from values in what is signed: whoever holds a genuine request could move that border, though change no value.

    - Twilio: `URLAndForm()`; with a shared key `algorithm="sha256"`.
      https://www.twilio.com/docs/usage/webhooks/webhooks-security (the official package's RequestValidator agrees)
    - Mandrill: `URLAndForm("x-mandrill-signature")`.
      https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/
    """

    header: str = "x-twilio-signature"
    algorithm: Algorithm = "sha1"
    encoding: Encoding = Encoding.BASE64
    trust: Trust = Trust.SIGNED

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        given = signatures_in(header_of(request, self.header), encoding=self.encoding)
        fields = self._fields(request)
        texts = [octets(url) + fields for url in _spellings(request.url)]

        def is_signed_with(secret: str) -> bool:
            return any(matches(hmac.digest(octets(secret), text, self.algorithm), given) for text in texts)

        check_any(secrets, is_signed_with)

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        if not request.url:
            raise NotSupported("This signature covers the address too.")
        if request.body and not is_form(request):
            request = QueryParameter(_BODY_HASH).put(request, hashlib.sha256(request.body).hexdigest())
        text = octets(request.url) + self._fields(request)
        signature = self.encoding.write(hmac.digest(octets(secret), text, self.algorithm))
        return replace(request, headers={**request.headers, self.header: signature})

    def _fields(self, request: InboundRequest) -> bytes:
        """What is signed after the address. Where a hash is in the address, the body must be that one, form or not."""
        announced = query_value(request, _BODY_HASH)
        if announced or (request.body and not is_form(request)):
            if not hmac.compare_digest(octets(announced), hashlib.sha256(request.body).hexdigest().encode("ascii")):
                raise SignatureRefused("The body is not the one that was signed.")
            return b""
        fields = sorted(set(form_of(request))) if request.body else []
        if any(not name for name, _ in fields):
            raise SignatureRefused("A field has no name.")
        return octets("".join(name + value for name, value in fields))


def _spellings(url: str) -> list[str]:
    """The address as it is, with its port, and without."""
    try:
        parts = urlsplit(url)
        host, port = parts.netloc.rpartition("@")[2], parts.port
    except ValueError as error:
        raise SignatureRefused("The address that was called cannot be read.") from error
    if not host:
        raise SignatureRefused("The address that was called is not known.")
    bare = parts.netloc.removesuffix(f":{port}") if port else parts.netloc
    beginning = f"{parts.scheme}://"
    rest = url.removeprefix(beginning).removeprefix(parts.netloc)
    with_port = f"{bare}:{port or _PORTS.get(parts.scheme, 80)}"
    return list(dict.fromkeys([url, beginning + bare + rest, beginning + with_port + rest]))
