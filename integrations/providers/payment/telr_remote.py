"""Telr's remote API, for what follows a payment: XML out and in. https://docs.telr.com/reference/request-methods

Its answers as in ActiveMerchant's `telr_test.rb`, which were taken from the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ...errors import InvalidResponse
from ..base import Client
from .telr_errors import refusal

PATH = "/gateway/remote.xml"
_XML = {"Content-Type": "application/xml", "Accept": "application/xml"}
_DONE, _WAITS, _REFUSED = "A", frozenset("HP"), frozenset("CDEX")


@dataclass(frozen=True)
class FollowUp:
    """`reference` is the new transaction's own; `is_done` False: Telr holds it for inspection."""

    reference: str
    is_done: bool
    code: str
    message: str


def follow_up(
    client: Client, kind: Literal["capture", "release", "refund"], reference: str, amount: Decimal, currency: str
) -> FollowUp:
    """Do `kind` to the transaction `reference`. Raises what Telr refuses, and InvalidResponse."""
    body = _document(client, {"type": kind, "class": "ecom", "currency": currency, "amount": str(amount)}, reference)
    return _read(client.post(PATH, body=body, headers=_XML).body)


def mode(client: Client) -> str:
    """One host serves both: each call says whether it is a test."""
    return "0" if client.environment == "production" else "1"


def _document(client: Client, transaction: dict[str, str], reference: str) -> bytes:
    remote = Element("remote")
    for name, key in (("store", "store_id"), ("key", "remote_auth_key")):
        SubElement(remote, name).text = client.credential(key)
    tran = SubElement(remote, "tran")
    for name, value in {**transaction, "ref": reference, "test": mode(client)}.items():
        SubElement(tran, name).text = value
    return bytes(tostring(remote, encoding="UTF-8", xml_declaration=True))


def _read(body: bytes) -> FollowUp:
    try:
        remote = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InvalidResponse("Telr's answer is not XML.") from error
    wrong = remote.find("error")
    if wrong is not None:
        raise refusal("", " ".join(text.strip() for text in wrong.itertext() if text.strip()))
    told = {name: (remote.findtext(f"auth/{name}") or "").strip() for name in ("status", "code", "message", "tranref")}
    status = told["status"]
    if status in _REFUSED:
        raise refusal(told["code"], told["message"])
    if (status != _DONE and status not in _WAITS) or not told["tranref"]:
        raise InvalidResponse("Telr's answer to a follow-up is not as documented.")
    return FollowUp(told["tranref"], status == _DONE, told["code"], told["message"])
