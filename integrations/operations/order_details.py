"""What an order says beside its amount: who pays, for what, and where it goes. Checked as it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from ..errors import InvalidRequest
from ..money import parse_amount
from ..providers.results import Address, Customer, Item

_MOST_ITEMS = 100
_MOST_OF_ONE = 1_000_000
_LONGEST = 255
_PHONE = re.compile(r"[+0-9 ()./-]{3,32}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_ITEM_KEYS = {field.name for field in fields(Item)}


def read_customer(given: Mapping[str, str]) -> Customer:
    """Raises InvalidRequest."""
    _check_keys("customer", given, {field.name for field in fields(Customer)})
    orders, since = given.get("orders", ""), given.get("registered_since", "")
    if orders and not re.fullmatch(r"[0-9]{1,9}", orders):
        raise InvalidRequest("A customer's orders are a whole number.", field="customer")
    if since and not _is_time(since):
        raise InvalidRequest("registered_since is a time in ISO 8601.", field="customer")
    return Customer(**given)


def read_address(name: str, given: Mapping[str, str]) -> Address:
    """Raises InvalidRequest that blames `name`."""
    _check_keys(name, given, {field.name for field in fields(Address)})
    if given.get("country") and not _COUNTRY.fullmatch(given["country"]):
        raise InvalidRequest("A country is two letters of ISO 3166-1.", field=name)
    return Address(**given)


def read_items(given: Sequence[Mapping[str, Any]], currency: str) -> tuple[Item, ...]:
    """Raises InvalidRequest for what is not `{name, quantity, unit_price, sku?, category?}` with a plain decimal."""
    if not isinstance(given, list | tuple) or len(given) > _MOST_ITEMS:
        raise InvalidRequest("items is a list of at most {most}.", most=_MOST_ITEMS, field="items")
    return tuple(_read_item(item, currency) for item in given)


def _read_item(given: Any, currency: str) -> Item:
    if not isinstance(given, Mapping):
        raise InvalidRequest("An item is an object.", field="items")
    _check_keys("items", given, _ITEM_KEYS)
    quantity = given.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 < quantity <= _MOST_OF_ONE:
        raise InvalidRequest("A quantity is a whole number of at least 1.", field="items")
    texts = {key: given.get(key, "") for key in ("name", "sku", "category")}
    if not texts["name"] or not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts.values()):
        raise InvalidRequest(
            "An item has a name; its texts have at most {longest} characters.", longest=_LONGEST, field="items"
        )
    try:
        price = parse_amount(str(given.get("unit_price", "")), currency)
    except InvalidRequest as error:
        raise InvalidRequest(error.template, **{**error.values, "field": "items"}) from error
    return Item(quantity=quantity, unit_price=price, **texts)


def _check_keys(name: str, given: Mapping[str, Any], known: set[str]) -> None:
    if surplus := sorted(set(given) - known):
        raise InvalidRequest("There is no {surplus!r} in {name}.", surplus=surplus[0], name=name, field=name)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
