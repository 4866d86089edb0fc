"""Card numbers, which never enter: what looks like one is refused wherever it stands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from ..errors import InvalidRequest
from ..redaction import passes_luhn

_LONGEST_CARD = 19
# Digits that may be written in groups. A "+" makes them a phone's.
_DIGITS = re.compile(r"(?<![\d+])\d(?:[ -]?\d){12,}(?!\d)", re.ASCII)
_POINTS = re.compile(r"(?<=\d{4})[\s._/](?=\d{4})", re.ASCII)  # 4242.4242.4242.4242
# Issuers' ranges (ISO/IEC 7812): 3 to 6 for most, sixteen digits for those that begin with 22 to 27, 8 or 9. Narrower
# than "13 to 19 digits", because timestamps and order numbers pass the Luhn check one time in ten.
_ISSUED = re.compile(r"[3-6]\d{12,18}|2[2-7]\d{14}|[89]\d{15}", re.ASCII)
# Ids in hexadecimal, of which one in some hundreds would pass for a card's number: UUIDs, and what has a letter within.
_IDS = re.compile(
    r"(?<![0-9a-z])(?=[0-9-]*[a-f])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24,})(?![0-9a-z])",
    re.IGNORECASE,
)


def refuse_card_number(name: str, text: str) -> None:
    """Raises InvalidRequest that blames `name`."""
    if holds_card_number(text):
        raise InvalidRequest(
            "{name} looks like a card number. Card numbers are not taken here: send the gateway's token.",
            name=name,
            field=name,
        )


def holds_card_number(text: str) -> bool:
    """Whether a run of digits in `text` has a card's length, an issuer's beginning and a right check digit."""
    return any(
        _ISSUED.fullmatch(digits) and passes_luhn(digits)
        for match in _DIGITS.findall(_POINTS.sub(" ", _IDS.sub(" ", _plainly(text))))
        for digits in _runs(re.split("[ -]", match))
    )


def _plainly(text: str) -> str:
    """With western digits and plain spaces and hyphens, whatever they were typed as, and nothing that is not seen."""
    if text.isascii():
        return text
    seen = (sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return "".join("-" if unicodedata.category(sign) == "Pd" else str(unicodedata.decimal(sign, sign)) for sign in seen)


def _runs(groups: Sequence[str]) -> Iterator[str]:
    """The digits of one group, or of several in a row: others may stand beside a card's."""
    for start in range(len(groups)):
        digits = ""
        for group in groups[start:]:
            digits += group
            if len(digits) > _LONGEST_CARD:
                break
            yield digits
