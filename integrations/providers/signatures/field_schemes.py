"""Hashes over some fields of a webhook, not over its bytes."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any
from urllib.parse import quote_plus

from ...errors import InvalidRequest, SignatureRefused
from ...money import in_own_decimals
from ..events import Trust
from .base import InboundRequest, Scheme, check_any, matches, octets
from .encodings import Algorithm, Encoding, signatures_in
from .fields import fields_of, is_form, text_at
from .places import BodyField, Header, Place

_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True)
class SignedField:
    """One of the fields that are signed, by its dotted path, after `label`; a missing one counts as empty.

    `amount_in` is the path of the currency where the value is an amount.
    """

    path: str
    label: str = ""
    amount_in: str = ""

    def texts(self, fields: Mapping[str, Any]) -> list[str]:
        """As it may have been written for signing, the likeliest first."""
        value = text_at(fields, self.path)
        written = _written(value, text_at(fields, self.amount_in)) if self.amount_in else [value]
        return [self.label + text for text in written]


@dataclass(frozen=True)
class SignedFields(Scheme):
    """A hash over listed fields, joined by `joiner`: those are proven, so `trust` is not SIGNED.

    HMAC, or with `secret_first` the plain digest of the secret and the fields. `only_where` names a field and its value
    that an event must have for this list to be the one, where a provider has several (see AnyOf).

    - Paymob: HMAC-SHA512 over twenty bare values, in the query parameter `hmac`.
      https://developers.paymob.com/paymob-docs/developers/webhook-callbacks-and-hmac/hmac-transaction-callback
      (the order also in the official plugin; farapi/paymob-emulator has a test value)
    - Tap: HMAC-SHA256 over labelled values, in the header `hashstring`. https://developers.tap.company/docs/webhook
      The amount has the currency's decimals; the official plugin (Tap-Payments/Tap-WooCommerce-V2,
      class-tap-signature.php) also takes it as it stands in the body, and shortened, and so is it here.
    - Telr: SHA-1 over the secret and fourteen values joined by `:`, in the form field `tran_check`; values trimmed.
      https://docs.telr.com/reference/transaction-advice-service (four independent integrations agree on the order)
    """

    place: Place
    fields: tuple[SignedField | str, ...]
    algorithm: Algorithm = "sha256"
    encoding: Encoding = Encoding.HEX
    joiner: str = ""
    secret_first: bool = False
    trimmed: bool = False
    only_where: tuple[str, str] | None = None
    trust: Trust = Trust.SHARED_SECRET

    @property
    def header(self) -> str:
        return self.place.name if isinstance(self.place, Header) else ""

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        given = signatures_in(self.place.find(request), encoding=self.encoding)
        texts = list(self._texts(request))
        check_any(secrets, lambda secret: any(matches(self._digest(text, secret), given) for text in texts))

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        text = next(self._texts(request))
        return self.place.put(request, self.encoding.write(self._digest(text, secret)))

    def _texts(self, request: InboundRequest) -> Iterator[str]:
        fields = fields_of(request)
        if self.only_where and text_at(fields, self.only_where[0]) != self.only_where[1]:
            raise SignatureRefused("This kind of event is not signed so.")
        described = [SignedField(one) if isinstance(one, str) else one for one in self.fields]
        for values in product(*(one.texts(fields) for one in described)):
            yield self.joiner.join(value.strip() for value in values) if self.trimmed else self.joiner.join(values)

    def _digest(self, text: str, secret: str) -> bytes:
        if self.secret_first:
            return hashlib.new(self.algorithm, octets(secret + self.joiner + text)).digest()
        return hmac.digest(octets(secret), octets(text), self.algorithm)


@dataclass(frozen=True)
class SortedFields(Scheme):
    """HMAC over a form's fields but the signature, sorted by name, as a query string; empty ones do not count.

    PayTabs signs so the form that a payer's browser brings back.
    https://support.paytabs.com/en/support/solutions/articles/60000718961 (with a test value)
    PHP's way of writing is meant: a space is `+`, and `~` is encoded. `left_out` are the values that do not count:
    older official plugins have "0" among them, and then fields of that value are not proven.
    """

    name: str = "signature"
    algorithm: Algorithm = "sha256"
    encoding: Encoding = Encoding.HEX
    left_out: tuple[str, ...] = ("",)
    trust: Trust = Trust.SIGNED

    @property
    def header(self) -> str:
        return ""

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        if request.body and not is_form(request):
            raise SignatureRefused("The body is not a form.")
        fields = fields_of(request)
        given = signatures_in(text_at(fields, self.name), encoding=self.encoding)
        text = self._text(fields)
        check_any(secrets, lambda secret: matches(hmac.digest(octets(secret), text, self.algorithm), given))

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        digest = hmac.digest(octets(secret), self._text(fields_of(request)), self.algorithm)
        return BodyField(self.name).put(request, self.encoding.write(digest))

    def _text(self, fields: Mapping[str, Any]) -> bytes:
        values = {name: text_at({name: value}, name) for name, value in fields.items() if name != self.name}
        kept = sorted((name, value) for name, value in values.items() if value not in self.left_out)
        return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in kept).encode("ascii")


def _quoted(text: str) -> str:
    return quote_plus(octets(text)).replace("~", "%7E")


def _written(amount: str, currency: str) -> list[str]:
    """An amount with the currency's decimals, as it stands, and without zeros at its end."""
    if not _DECIMAL.fullmatch(amount):
        return [amount]
    value = Decimal(amount)
    try:
        formatted = [format(in_own_decimals(value, currency), "f")]
    except InvalidRequest:
        formatted = []
    return list(dict.fromkeys([*formatted, amount, format(value.normalize(), "f")]))
