"""What Telr's codes mean to us. https://docs.telr.com/reference/authorisation-response-codes

They come with HTTP 200: as `E56:Duplicate transaction` from orders, as a number with a letter from the remote API.
"""

from __future__ import annotations

import re

from ...errors import AuthenticationFailed, IntegrationError, Rejected, Unavailable

INVALID_REQUEST, INVALID_STORE, DUPLICATE = 1, 4, 56
# No response; error connecting to the service provider; time-out at the processor; internal and unknown errors.
_IN_DOUBT = frozenset({34, 58, 78, 98, 99})
_CODED = re.compile(r"\s*E(\d{1,3})\s*:\s*(.*)", re.DOTALL | re.ASCII)
_ABOUT_THE_KEY = re.compile(r"auth(entication)?[ _-]?key|authentication", re.IGNORECASE)


def split_code(message: str) -> tuple[str, str]:
    """`E56:Duplicate transaction` as its code and its words; no code where there is none."""
    coded = _CODED.fullmatch(message)
    return (coded[1], coded[2].strip()) if coded else ("", message.strip())


def number_of(code: str) -> int:
    """Of `05` and of `5`; -1 for what is none."""
    return int(code) if code.isascii() and code.isdecimal() else -1


def refusal(code: str, words: str) -> IntegrationError:
    """The error to raise for a code and its message."""
    number, told = number_of(code), words or "no reason is given."
    if number == INVALID_STORE or (number < 0 and _ABOUT_THE_KEY.search(words)):
        return AuthenticationFailed("Telr refuses the store ID or the authentication key: {words}", words=told)
    if number in _IN_DOUBT:
        return Unavailable("Telr: {words}", words=told, may_have_taken_effect=True)
    return Rejected("Telr: {words}", words=told, provider_code=code, provider_status=200)
