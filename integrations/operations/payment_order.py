"""What a caller orders, checked whole before anything is written or sent."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from ..errors import InvalidRequest
from ..models import Connection, Payment, PaymentOperation
from ..money import in_own_decimals, parse_amount
from ..providers.results import Address, PaymentRequest
from .card_numbers import refuse_card_number
from .order_details import read_address, read_customer, read_items
from .payment_terms import check_country, check_method

_LANGUAGES = ("", "en", "ar")
_MAX_METADATA = 40  # Stripe takes 50 keys; some stay free for our own
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class PaymentOrder:
    """A payment that a caller wants taken. `amount` is a plain decimal in major units; `connection_id` None: routed.
    `capture` None: as the settings of the connection say that takes it first.

    `payment_token` is the gateway's own name for a way to pay, never a card number.
    """

    amount: str
    currency: str
    reference: str
    method: str = ""
    capture: bool | None = None
    customer: Mapping[str, str] = field(default_factory=dict)
    success_url: str = ""
    cancel_url: str = ""
    country: str = ""
    connection_id: UUID | str | None = None
    payment_token: str = field(default="", repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    language: str = ""
    items: Sequence[Mapping[str, Any]] = ()
    shipping_address: Mapping[str, str] = field(default_factory=dict)
    billing_address: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""

    def request(self) -> PaymentRequest:
        """The order as providers take it. Raises InvalidRequest naming the field that is wrong."""
        self._check_shape()
        self._check_texts()
        if self.environment and self.environment not in Connection.Environment.values:
            raise InvalidRequest("There is no such environment.", field="environment")
        if self.language not in _LANGUAGES:
            raise InvalidRequest("The language is en or ar.", field="language")
        return PaymentRequest(
            amount=parse_amount(self.amount, self.currency),
            currency=self.currency,
            reference=self.reference,
            capture=self.capture is not False,
            method=self.method,
            customer=read_customer(self.customer),
            country=self.country,
            description=self.description,
            language=self.language or "en",
            items=read_items(self.items, self.currency),
            shipping_address=read_address("shipping_address", self.shipping_address),
            billing_address=read_address("billing_address", self.billing_address),
            success_url=self.success_url,
            cancel_url=self.cancel_url,
            payment_token=self.payment_token,
            metadata=dict(self.metadata),
        )

    def fingerprint(self) -> str:
        """The same for the same order, whichever way its parts were arranged."""
        canonical = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()

    def _check_shape(self) -> None:
        if self.capture is not None and not isinstance(self.capture, bool):
            raise InvalidRequest("capture is true or false.", field="capture")
        for name, limit in _TEXT_LIMITS.items():
            if not isinstance(getattr(self, name), str):
                raise InvalidRequest("{name} must be a string.", name=name, field=name)
            if len(getattr(self, name)) > limit:
                raise InvalidRequest("{name} has at most {limit} characters.", name=name, limit=limit, field=name)
        for name in ("customer", "shipping_address", "billing_address"):
            _check_mapping(name, getattr(self, name), max_items=10)
        _check_mapping("metadata", self.metadata, max_items=_MAX_METADATA)

    def _check_texts(self) -> None:
        for name, text in self._texts():
            if _UNSTORABLE.search(text):
                raise InvalidRequest("{name} contains characters that cannot be stored.", name=name, field=name)
            refuse_card_number(name, text)
        if not self.reference.strip():
            raise InvalidRequest("A payment needs a reference of yours.", field="reference")
        if self.country:
            check_country(self.country)
        if self.method:
            check_method(self.method)
        for name in ("success_url", "cancel_url"):
            _check_url(name, getattr(self, name))

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield from ((name, getattr(self, name)) for name in _TEXT_LIMITS)
        for name in ("customer", "metadata", "shipping_address", "billing_address"):
            yield from ((name, text) for pair in getattr(self, name).items() for text in pair)
        yield from (("items", str(text)) for item in self.items for pair in item.items() for text in pair)


def kept_request(request: PaymentRequest, order: PaymentOrder) -> dict[str, Any]:
    """The columns of the create operation: what a repetition of the request needs beside the payment's own."""
    return {
        "raw": {
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "connection": str(order.connection_id or ""),
            "description": request.description,
            "language": order.language,  # empty: nobody said, and our pages follow the browser
            "items": [asdict(item) for item in request.items],
            "shipping_address": _without_blanks(request.shipping_address),
            "billing_address": _without_blanks(request.billing_address),
        },
        "payment_token": request.payment_token or None,
    }


def stored_request(payment: Payment) -> PaymentRequest:
    """The request as it was first made, read back from the payment and its create operation."""
    created = payment.operations.get(kind=PaymentOperation.Kind.CREATE)
    return PaymentRequest(
        amount=in_own_decimals(payment.amount, payment.currency),
        currency=payment.currency,
        reference=payment.reference,
        capture=payment.capture_mode == Payment.CaptureMode.AUTOMATIC,
        method=payment.method,
        customer=read_customer(payment.customer),
        country=payment.country,
        description=created.raw.get("description", ""),
        language=created.raw.get("language") or "en",
        items=read_items(created.raw.get("items", ()), payment.currency),
        shipping_address=Address(**created.raw.get("shipping_address", {})),
        billing_address=Address(**created.raw.get("billing_address", {})),
        success_url=created.raw.get("success_url", ""),
        cancel_url=created.raw.get("cancel_url", ""),
        payment_token=created.payment_token.reveal() if created.payment_token else "",
        metadata=payment.metadata,
    )


def _without_blanks(address: Address) -> dict[str, str]:
    return {name: text for name, text in asdict(address).items() if text}


def stored_order(payment: Payment) -> PaymentOrder:
    """What decides, of the order as it was first made, which connections may take it."""
    created = payment.operations.get(kind=PaymentOperation.Kind.CREATE)
    return PaymentOrder(
        amount=f"{payment.amount:f}",
        currency=payment.currency,
        reference=payment.reference,
        method=payment.method,
        capture=payment.capture_mode == Payment.CaptureMode.AUTOMATIC,
        country=payment.country,
        connection_id=created.raw.get("connection") or None,
    )


_TEXT_LIMITS = {
    "amount": 64,
    "currency": 8,
    "reference": 255,
    "method": 32,
    "success_url": 2000,
    "cancel_url": 2000,
    "country": 8,
    "payment_token": 2000,
    "description": 255,
    "environment": 16,
    "language": 2,
}


def check_idempotency_key(key: str) -> None:
    """Raises InvalidRequest for one that cannot be kept."""
    if len(key) > 255 or not key.isprintable():
        raise InvalidRequest("An idempotency key has at most 255 printable characters.", field="idempotency_key")
    refuse_card_number("idempotency_key", key)


def _check_mapping(name: str, value: Any, *, max_items: int) -> None:
    if not isinstance(value, Mapping) or len(value) > max_items:
        raise InvalidRequest(
            "{name} is an object of at most {max_items} entries.", name=name, max_items=max_items, field=name
        )
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str) or not 0 < len(key) <= 40 or len(text) > 500:
            raise InvalidRequest(
                "{name} holds keys of at most 40 and strings of at most 500 characters.", name=name, field=name
            )


def _check_url(name: str, url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        is_web_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable()
    except ValueError:
        is_web_address = False
    if not is_web_address or " " in url:
        raise InvalidRequest("{name} must be an http(s) address.", name=name, field=name)
