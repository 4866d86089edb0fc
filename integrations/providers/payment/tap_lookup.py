"""Finding out how a payment of Tap's stands: its object, and the captures and refunds that hang on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ...errors import InvalidRequest, InvalidResponse, Rejected, Unavailable
from ..base import Client
from ..json_values import mapping
from ..results import PaymentResult, PaymentStatus
from .tap_reading import error_details, read_payment, with_captures, with_refunds

AUTHORISATION = "auth_"
_MOST_PAGES = 20


def path_of(provider_reference: str) -> str:
    kind = "authorize" if provider_reference.startswith(AUTHORISATION) else "charges"
    return f"/{kind}/{quote(provider_reference, safe='')}"


def object_of(client: Client, provider_reference: str) -> dict[str, Any]:
    return client.get(path_of(provider_reference)).json()


def captured(client: Client, authorisation: PaymentResult) -> PaymentResult:
    """Tap may not have marked it yet when a charge has captured it, so that is looked for as soon as it can be."""
    word = authorisation.raw.get("status")
    if word not in ("AUTHORIZED", "CAPTURED"):
        return authorisation
    captures = _captures(client, authorisation.provider_reference)
    if captures:
        whole = with_captures(authorisation, captures)
        return refunded(client, whole, [capture.provider_reference for capture in captures])
    if word == "CAPTURED":
        raise InvalidResponse("Tap says that the authorisation is captured, and shows no charge of it.")
    return authorisation


def _captures(client: Client, authorisation_id: str) -> list[PaymentResult]:
    charges = _listed(client, "charges", {"sources": [authorisation_id], "limit": "50"})
    own = (charge for charge in charges if mapping(charge.get("source")).get("id") == authorisation_id)
    return [charge for charge in map(read_payment, own) if charge.status is PaymentStatus.CAPTURED]


def refunded(client: Client, payment: PaymentResult, charge_ids: Sequence[str]) -> PaymentResult:
    if payment.status is not PaymentStatus.CAPTURED:
        return payment
    refunds = _listed(client, "refunds", {"charges": list(charge_ids), "limit": 50})
    return with_refunds(payment, [refund for refund in refunds if refund.get("charge_id") in charge_ids])


def charge_of(client: Client, provider_reference: str) -> PaymentResult:
    if not provider_reference.startswith(AUTHORISATION):
        return read_payment(object_of(client, provider_reference))
    captures = _captures(client, provider_reference)
    if not captures:
        raise InvalidRequest("Tap shows no charge of this authorisation: there is nothing to refund.")
    return captures[0]


def _listed(client: Client, name: str, query: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All pages of a list. Raises InvalidResponse for one without an end."""
    found: list[Mapping[str, Any]] = []
    for _ in range(_MOST_PAGES):
        page = _page(client, name, {**query, "starting_after": found[-1].get("id")} if found else query)
        rows = page.get(name)
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise InvalidResponse("Tap's list of {name} is not as documented.", name=name)
        found += rows
        if not rows or page.get("has_more") is not True:
            return found
    raise InvalidResponse("Tap's list of {name} has no end.", name=name)


def _page(client: Client, name: str, query: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return client.post(f"/{name}/list", json=query).json()
    except Unavailable as failure:
        failure.may_have_taken_effect = False  # a question, though it is posted
        raise
    except Rejected as refusal:
        if is_empty(refusal, name):
            return {name: []}
        raise


def is_empty(refusal: Rejected, name: str) -> bool:
    """Tap refuses to list what there is none of."""
    message = error_details(refusal.body)[1]
    return refusal.provider_status in (400, 404) and message.lower().rstrip(".") == f"{name} not found"
