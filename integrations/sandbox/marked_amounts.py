"""Amounts that make the sandbox misbehave, by their decimals: AED 10.02 is declined for want of funds.

| decimals | what happens                                                        |
| -------- | ------------------------------------------------------------------- |
| .02      | declined: insufficient_funds                                        |
| .05      | declined: card_declined                                             |
| .08      | declined: expired_card                                              |
| .03      | slow: a new payment is answered after three seconds                 |
| .53      | down: a new payment is answered with 503, and no payment is made    |
"""

from __future__ import annotations

from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DECLINES = {
    Decimal("0.02"): "insufficient_funds",
    Decimal("0.05"): "card_declined",
    Decimal("0.08"): "expired_card",
}
SLOW = Decimal("0.03")
SLOW_SECONDS = 3
DOWN = Decimal("0.53")

FAILURES: dict[str, str | Promise] = {
    "insufficient_funds": _("The card has insufficient funds."),
    "card_declined": _("The card was declined."),
    "expired_card": _("The card has expired."),
    "declined_by_payer": _("The payer declined."),
}


def decline_code(amount: Decimal) -> str:
    """Why a payment of this amount is declined; empty when it is not."""
    return DECLINES.get(amount % 1, "")


def is_slow(amount: Decimal) -> bool:
    return amount % 1 == SLOW


def is_down(amount: Decimal) -> bool:
    return amount % 1 == DOWN
