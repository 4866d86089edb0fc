"""What PayPal keeps of its orders, as far as a story needs it: amounts to the cent, and no step out of turn."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from integrations.providers.base import codes

CURRENCIES = codes("AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD")
WHOLE = frozenset({"HUF", "JPY", "TWD"})
API = "https://api-m.sandbox.paypal.com"
JSON = dict[str, Any]


class Refused(Exception):
    """As PayPal's error object has it; `issue` is what its `details` name."""

    def __init__(self, status: int, name: str, issue: str = "", description: str = "") -> None:
        super().__init__(issue or name)
        details = [{"issue": issue, "description": description or issue}] if issue else []
        self.status = status
        self.body = {"name": name, "message": description or name, "debug_id": "90957fca61718", "details": details}


def unprocessable(issue: str, description: str = "") -> Refused:
    return Refused(422, "UNPROCESSABLE_ENTITY", issue, description)


def money(value: Decimal, currency: str) -> JSON:
    digits = 0 if currency in WHOLE else 2
    return {"currency_code": currency, "value": f"{value:.{digits}f}"}


def amount_of(given: JSON) -> Decimal:
    """Refuses what PayPal would: a currency of others, and decimals that are not the currency's."""
    currency, value = given["currency_code"], given["value"]
    if currency not in CURRENCIES:
        raise unprocessable("INVALID_CURRENCY_CODE", f"The currency {currency} is not supported.")
    if currency in WHOLE and "." in value:
        raise unprocessable("DECIMALS_NOT_SUPPORTED")
    if currency not in WHOLE and not re.fullmatch(r"\d+\.\d\d", value):
        raise unprocessable("DECIMAL_PRECISION")
    if Decimal(value) <= 0:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE")
    return Decimal(value)


@dataclass
class Books:
    """`declines`: the issue with which an order's completion is refused. `holds`: why captures stay pending."""

    orders: dict[str, JSON] = field(default_factory=dict)
    declines: str = ""
    holds: str = ""
    refund_status: str = "COMPLETED"
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def create(self, given: JSON, reference: str = "") -> JSON:
        (unit,) = given["purchase_units"]
        self._check_unit(unit)
        reference = reference or self._id("ORDER")
        links = [{"href": f"{API}/v2/checkout/orders/{reference}", "rel": "self", "method": "GET"}]
        page = f"https://www.sandbox.paypal.com/checkoutnow?token={reference}"
        order = {
            "id": reference,
            "intent": given["intent"],
            "status": "PAYER_ACTION_REQUIRED",
            "payment_source": {"paypal": {}},
            "purchase_units": [{**unit, "payments": {"authorizations": [], "captures": [], "refunds": []}}],
            "create_time": "2026-11-26T09:00:00Z",
            "links": [*links, {"href": page, "rel": "payer-action", "method": "GET"}],
        }
        self.orders[reference] = order
        return order

    def approve(self, reference: str, source: str = "paypal") -> None:
        """What the payer does on the page."""
        order = self.order(reference)
        order.update(status="APPROVED", payment_source={source: {}})
        order["links"] = [link for link in order["links"] if link["rel"] == "self"]

    def order(self, reference: str) -> JSON:
        if reference not in self.orders:
            raise Refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", "Specified resource ID does not exist.")
        return self.orders[reference]

    def complete(self, reference: str, action: str) -> JSON:
        order = self.order(reference)
        if order["intent"] != {"capture": "CAPTURE", "authorize": "AUTHORIZE"}[action]:
            raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT")
        if order["status"] == "COMPLETED":
            raise unprocessable("ORDER_ALREADY_CAPTURED" if action == "capture" else "ORDER_ALREADY_AUTHORIZED")
        if order["status"] != "APPROVED":
            raise unprocessable("ORDER_NOT_APPROVED")
        if self.declines:
            raise unprocessable(self.declines, "The instrument presented was declined.")
        order["status"] = "COMPLETED"
        (unit,) = order["purchase_units"]
        whole = amount_of(unit["amount"])
        if action == "capture":
            self._add_capture(order, whole, final=True)
        else:
            held = {
                "id": self._id("AUTH"),
                "status": "CREATED",
                "amount": money(whole, unit["amount"]["currency_code"]),
            }
            payments(order)["authorizations"].append({**held, **_custom(unit)})
        return order

    def capture(self, key: str, given: JSON) -> JSON:
        order, authorisation = self._find("authorizations", key)
        if authorisation["status"] in ("VOIDED", "CAPTURED"):
            issues = {"VOIDED": "AUTHORIZATION_VOIDED", "CAPTURED": "AUTHORIZATION_ALREADY_CAPTURED"}
            raise unprocessable(issues[authorisation["status"]])
        whole = amount_of(authorisation["amount"])
        left = whole - sum((amount_of(one["amount"]) for one in payments(order)["captures"]), Decimal(0))
        asked = _asked(given, authorisation, "AUTH_CAPTURE_CURRENCY_MISMATCH") or whole
        if asked > left:
            raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED")
        is_last = given.get("final_capture", False) or asked == left
        authorisation["status"] = "CAPTURED" if is_last else "PARTIALLY_CAPTURED"
        return self._add_capture(order, asked, final=is_last)

    def void(self, key: str) -> JSON:
        _, authorisation = self._find("authorizations", key)
        if authorisation["status"] in ("VOIDED", "CAPTURED"):
            raise unprocessable(f"PREVIOUSLY_{authorisation['status']}")
        authorisation["status"] = "VOIDED"
        return authorisation

    def refund(self, key: str, given: JSON) -> JSON:
        order, capture = self._find("captures", key)
        if capture["status"] in ("PENDING", "DECLINED"):
            raise unprocessable("PENDING_CAPTURE")
        left = amount_of(capture["amount"]) - self._refunded(order, key)
        if not left:
            raise unprocessable("CAPTURE_FULLY_REFUNDED")
        asked = _asked(given, capture, "REFUND_CAPTURE_CURRENCY_MISMATCH") or left
        if asked > left:
            raise unprocessable("REFUND_AMOUNT_EXCEEDED")
        refund = {
            "id": self._id("REFUND"),
            "status": self.refund_status,
            "amount": money(asked, capture["amount"]["currency_code"]),
            "links": [{"href": f"{API}/v2/payments/captures/{key}", "rel": "up", "method": "GET"}],
            **_custom(given),
        }
        payments(order)["refunds"].append(refund)
        capture["status"] = "REFUNDED" if asked == left else "PARTIALLY_REFUNDED"
        return refund

    def _add_capture(self, order: JSON, value: Decimal, *, final: bool) -> JSON:
        (unit,) = order["purchase_units"]
        currency = unit["amount"]["currency_code"]
        fee = {"gross_amount": money(value, currency), "paypal_fee": money(Decimal("0.50"), currency)}
        held = (
            {"status": "PENDING", "status_details": {"reason": self.holds}} if self.holds else {"status": "COMPLETED"}
        )
        told = {} if self.holds else {"seller_receivable_breakdown": fee}
        whole = {"id": self._id("CAPTURE"), "amount": money(value, currency), "final_capture": final}
        capture = {**whole, **held, **told, **_custom(unit)}
        payments(order)["captures"].append(capture)
        return capture

    def _refunded(self, order: JSON, capture: str) -> Decimal:
        given = [one for one in payments(order)["refunds"] if one["status"] not in ("FAILED", "CANCELLED")]
        of_it = [one for one in given if one["links"][0]["href"].endswith(f"/{capture}")]
        return sum((amount_of(one["amount"]) for one in of_it), Decimal(0))

    def _find(self, kind: str, key: str) -> tuple[JSON, JSON]:
        for order in self.orders.values():
            for one in payments(order)[kind]:
                if one["id"] == key:
                    return order, one
        raise Refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", "Specified resource ID does not exist.")

    def _check_unit(self, unit: JSON) -> None:
        total = amount_of(unit["amount"])
        items = sum((amount_of(one["unit_amount"]) * int(one["quantity"]) for one in unit.get("items", ())), Decimal(0))
        breakdown = unit["amount"].get("breakdown", {})
        if unit.get("items") and amount_of(breakdown["item_total"]) != items:
            raise unprocessable("ITEM_TOTAL_MISMATCH")
        if breakdown and amount_of(breakdown["item_total"]) != total:
            raise unprocessable("AMOUNT_MISMATCH")

    def _id(self, kind: str) -> str:
        return f"{kind}{next(self._ids):011}"


def payments(order: JSON) -> JSON:
    found: JSON = order["purchase_units"][0]["payments"]
    return found


def _asked(given: JSON, of: JSON, mismatch: str) -> Decimal | None:
    if "amount" not in given:
        return None
    if given["amount"]["currency_code"] != of["amount"]["currency_code"]:
        raise unprocessable(mismatch)
    return amount_of(given["amount"])


def _custom(given: JSON) -> JSON:
    return {"custom_id": given["custom_id"]} if "custom_id" in given else {}
