"""Personal data, masked so that only somebody who knows it recognises it: `a***@example.com`, `J*** D***`, `+97***67`.

What it is, is told by the name that it stands under, whichever way a provider writes it (`firstName`, `FNAME`,
`billing_details.address.line1`), and wherever it stands by its shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache

HIDDEN = "[hidden]"
_LONGEST = 2000  # of a longer text the rest is not looked at, and not shown


class Kind(Enum):
    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    CONTACT = "contact"  # an e-mail address, a number or a name: its shape tells
    WORDS = "words"  # what somebody wrote
    NUMBER = "number"  # of a document or an account
    HIDDEN = "hidden"


# Names are compared in one way of writing: `billingAddress.Line1` reads `billing_address`, `line1`.
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")


def _named(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|_)(?:{words})(?:_|\d|$)")


_KINDS = [
    (Kind.HIDDEN, _named(r"dob|birth\w*|gender|avatar|photo|picture|profile_(?:pic|url|image)|face|selfie")),
    (Kind.EMAIL, _named(r"e?mail|e_mail|emails")),
    (Kind.PHONE, _named(r"phone\w*|mobile|msisdn|tel|telephone|cell|cellphone|fax|whatsapp")),
    (Kind.NUMBER, _named(
        r"iban|account_(?:number|no)|bank_account|passport|emirates_id|national_id|identity|iqama|civil_id|ssn|tax_id"
        r"|trn|licen[cs]e|plate|ip|ipv[46]|ip_addr\w*|client_ip|device_id|fingerprint")),
    (Kind.ADDRESS, _named(
        r"address(?:es)?|addr\w*|street\w*|line[12]|post(?:al)?_?code|zip|zip_?code|city|town|district|neighbou?rhood|area"
        r"|building|apartment|flat|villa|floor|landmark|makani|latitude|longitude|lat|lng|lon|coordinates|geo\w*")),
    (Kind.CONTACT, re.compile(
        r"^(?:from|to|cc|bcc|reply_to|sender|recipients?|recipient_id|wa_?id|caller|called|callee|author|attendees?"
        r"|consignee|cardholder|account_holder|payer|contact|user|handle)$")),
    (Kind.WORDS, re.compile(
        r"^(?:text|body|subject|caption|comments?|notes?|message|message_(?:body|text)|content|instructions|remarks?"
        r"|transcript|bio|biography|review|feedback)$|_(?:notes?|comments?|instructions|remarks?)$")),
]  # fmt: skip
_NAME = re.compile(r"names?(?:_?\d|_(?:ar|en|latin|kana|kanji))?$")
# What has a name and is nobody: `product_name`, or `name` within `line_items`.
_NOBODY = (
    r"event|type|product|plan|price|item|line_item|file|field|template|bank|brand|domain|host|class|queue|bucket"
    r"|provider|merchant|store|shop|restaurant|branch|country|currency|region|service|variant|category|method|carrier"
    r"|status|state|app|application|model|list|campaign|tag|network|issuer|report|scheme|gateway|channel|action|attribute"
    r"|option|modifier|tax|discount|coupon|webhook|project|repository|environment|custom_field|component|button|key"
)
_NAME_OF_NOBODY = re.compile(rf"(?:^|_)(?:{_NOBODY})_?names?(?:_(?:ar|en))?$")
_NOBODY_ALONE = re.compile(rf"(?:^|_)(?:{_NOBODY})(?:s|es)?$")
_TECHNICAL = re.compile(r"(?:^|_)(?:errors?|outcome|status|failure|result|response|decline|warnings?|reason)(?:_|$)")
# `address`, `name` or `phone` may hold an object: its parts are what it is, but for what tells nobody.
_OF_EVERY_PART = {Kind.NAME, Kind.EMAIL, Kind.PHONE, Kind.ADDRESS, Kind.NUMBER, Kind.HIDDEN}
_COARSE = re.compile(
    r"^(?:country\w*|state|province|region|emirate|type|id|object|currency|verified|valid)$|_id$|_type$"
)

_EMAIL_SHAPE = re.compile(r"([^\s@<>\"',;:()\[\]{}=/]{1,64})@([^\s@<>\"',;:()\[\]{}=/]{1,255}\.[^\W\d_]{2,})")
_PHONE_SHAPE = re.compile(
    r"(?<![\w+.])(?:\+|00[1-9])\d[\d\s().-]{5,18}\d(?![\w])|(?<![\w.])05\d[ -]?\d{3}[ -]?\d{4}(?![\w.])"
)
_IBAN_SHAPE = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_SUSPECT = re.compile(r"@|\+\d|\b0[05]|[A-Z]{2}\d{2}")


@lru_cache(maxsize=8192)
def kind_of(name: str, parent: str = "") -> Kind | None:
    """What stands under `name`, which stands within `parent`; None for what is nobody's."""
    plain, within = _plain(name), _plain(parent)
    if plain.endswith("name") or _NAME.search(plain):
        is_nobodys = _NAME_OF_NOBODY.search(plain) or (plain.startswith("name") and _NOBODY_ALONE.search(within))
        return None if is_nobodys else Kind.NAME
    if plain == "message" and _TECHNICAL.search(within):
        return None
    for kind, names in _KINDS:
        if names.search(plain):
            return kind
    inherited = kind_of(parent) if parent and not _COARSE.search(plain) else None
    return inherited if inherited in _OF_EVERY_PART else None


def mask(text: str, kind: Kind) -> str:
    """`text`, known to be of this kind."""
    return _MASKS[kind](text.strip()[:_LONGEST])


def mask_shapes(text: str) -> str:
    """Any text without the e-mail addresses, telephone numbers and bank accounts in it."""
    text = text[:_LONGEST]
    if not _SUSPECT.search(text):  # as most
        return text
    text = _EMAIL_SHAPE.sub(lambda found: f"{found[1][:1]}***@{found[2]}", text)
    text = _PHONE_SHAPE.sub(lambda found: _phone(found[0]), text)
    return _IBAN_SHAPE.sub(lambda found: _ends(found[0]) if _is_iban(found[0]) else found[0], text)


def _plain(name: str) -> str:
    return _BETWEEN.sub("_", _CAMEL.sub("_", name).lower()).strip("_")


def _initials(text: str) -> str:
    return " ".join(f"{word[:1]}***" for word in text.split()[:4])


def _start(text: str) -> str:
    return f"{text[:1]}***"


def _phone(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    if len(digits) < 7:
        return _start(text)
    sign = "+" if "+" in text[: text.find(digits[0]) + 1] else ""
    return f"{sign}{digits[:2]}***{digits[-2:]}"


def _email(text: str) -> str:
    masked = _EMAIL_SHAPE.sub(lambda found: f"{found[1][:1]}***@{found[2]}", text)
    return masked if masked != text and _EMAIL_SHAPE.fullmatch(text) else _start(text)


def _ends(text: str) -> str:
    return f"{text[:2]}***{text[-2:]}" if len(text) > 7 else "***"


def _contact(text: str) -> str:
    if "@" in text:
        return _email(text)
    return _phone(text) if len(re.sub(r"\D", "", text)) >= 7 else _initials(text)


def _words(text: str) -> str:
    return f"[{len(text)} characters]"


def _is_iban(text: str) -> bool:
    """ISO 13616: the check digits."""
    plain = text.replace(" ", "")
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


_MASKS: dict[Kind, Callable[[str], str]] = {
    Kind.NAME: _initials,
    Kind.EMAIL: _email,
    Kind.PHONE: _phone,
    Kind.ADDRESS: _start,
    Kind.CONTACT: _contact,
    Kind.WORDS: _words,
    Kind.NUMBER: _ends,
    Kind.HIDDEN: lambda text: HIDDEN,
}
