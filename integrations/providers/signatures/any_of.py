"""A provider that signs in one of several ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ...errors import ConfigurationError, NotSupported, SignatureRefused
from ..events import Trust
from .base import InboundRequest, Signature

_WEAKEST_FIRST = (Trust.HINT, Trust.SHARED_SECRET, Trust.SIGNED)


@dataclass(frozen=True)
class AnyOf:
    """Accepts what one of `schemes` accepts, and trusts it as far as the weakest of them. Signs by the first.

    For a provider whose documentation leaves the encoding open, as FedEx's does (base64 or hex), or that signs
    different fields by the kind of event, as Paymob does. Not to let in by an easier way what a harder one refuses.
    """

    schemes: tuple[Signature, ...]

    @property
    def trust(self) -> Trust:
        return min((scheme.trust for scheme in self.schemes), key=_WEAKEST_FIRST.index)

    @property
    def header(self) -> str:
        return next((scheme.header for scheme in self.schemes if scheme.header), "")

    @property
    def can_sign(self) -> bool:
        return self._signer().can_sign

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        refusal: SignatureRefused | None = None
        for scheme in self.schemes:
            try:
                scheme.verify(request, secrets)
            except SignatureRefused as error:
                refusal = refusal or error
            else:
                return
        raise refusal or SignatureRefused("The signature does not match.")

    def body_to_keep(self, request: InboundRequest) -> bytes:
        for scheme in self.schemes:
            request = replace(request, body=scheme.body_to_keep(request))
        return request.body

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        for scheme in self.schemes:
            if scheme.can_sign:
                with suppress(SignatureRefused):  # by one that is for another kind of event
                    return scheme.sign_request(request, secret, event_id=event_id, timestamp=timestamp)
        raise NotSupported("Only the provider itself can sign this.")

    def sign(self, body: bytes, secret: str, *, event_id: str, timestamp: int) -> Mapping[str, str]:
        return self._signer().sign(body, secret, event_id=event_id, timestamp=timestamp)

    def address(self, url: str, secret: str) -> str:
        return self._signer().address(url, secret)

    def generate_secret(self) -> str:
        return self._signer().generate_secret()

    def check_secret(self, secret: str) -> None:
        refusal: ConfigurationError | None = None
        for scheme in self.schemes:
            try:
                scheme.check_secret(secret)
            except ConfigurationError as error:
                refusal = refusal or error
            else:
                return
        if refusal:
            raise refusal

    def _signer(self) -> Signature:
        """The first that can sign; the first of all where none can."""
        return next((scheme for scheme in self.schemes if scheme.can_sign), self.schemes[0])
