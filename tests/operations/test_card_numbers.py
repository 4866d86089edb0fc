from __future__ import annotations

import random
import uuid

import pytest

from integrations.operations.card_numbers import holds_card_number

CARD = "4242424242424242"  # a documented test number


@pytest.mark.parametrize(
    "text",
    [CARD, "4242 4242 4242 4242", "4242-4242-4242-4242", f"card {CARD} 12/27", f"x{CARD}y", f"a{CARD}", f"order-{CARD}",
     f"abcdef {CARD}", f"{CARD[:8]}-{CARD[8:]}", "4242.4242.4242.4242", "4242\t4242\n4242 4242",
     "4242\N{NO-BREAK SPACE}4242\N{EN DASH}4242 4242", "٤٢٤٢ ٤٢٤٢ ٤٢٤٢ ٤٢٤٢",
     "4242\N{ZERO WIDTH SPACE}424242424242", "2223003122003222"],
)  # fmt: skip
def test_a_card_number_is_seen_wherever_it_stands(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text", ["order-1", "+971501234567", "2026-11-26T12:00:00", "1732622400123", "2026112714300018", ""]
)
def test_what_orders_are_called_by_is_none(text: str) -> None:
    assert not holds_card_number(text)


def test_ids_that_hold_many_digits_are_none() -> None:
    """Of random ids in hexadecimal one in some hundreds holds digits that pass every check of a card's number."""
    chance = random.Random(7)
    ids = [uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(20_000)]
    assert not [one for one in ids if holds_card_number(one.hex) or holds_card_number(f"order-{one}")]
