from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import InvalidRequest
from integrations.money import currency_exponent, from_minor_units, parse_amount, to_minor_units


@pytest.mark.parametrize(("currency", "exponent"), [("AED", 2), ("KWD", 3), ("BHD", 3), ("JPY", 0), ("CLF", 4)])
def test_a_currency_has_the_decimals_that_iso_4217_gives_it(currency: str, exponent: int) -> None:
    assert currency_exponent(currency) == exponent


@pytest.mark.parametrize("currency", ["", "aed", "XYZ", "AE", "XAU", "XXX", "AED ", "د.إ", "784"])
def test_what_is_no_payable_currency_is_refused(currency: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        currency_exponent(currency)
    assert refused.value.field == "currency"


@pytest.mark.parametrize(
    ("text", "currency", "read"),
    [("12.5", "AED", "12.50"), ("12", "AED", "12.00"), ("5.123", "KWD", "5.123"), ("500", "JPY", "500")],
)
def test_an_amount_is_read_with_its_currency_s_decimals(text: str, currency: str, read: str) -> None:
    assert str(parse_amount(text, currency)) == read


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.00", "-1", "+1", "1,50", "1e3", ".5", "1.", " 1", "1\n", "NaN", "Infinity", "١٢", "12.505", "9" * 16],
)
def test_a_malformed_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_amount(text, "AED")
    assert refused.value.field == "amount"


def test_decimals_that_would_be_rounded_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="JPY has 0 decimals"):
        to_minor_units(Decimal("1.5"), "JPY")


@given(units=st.integers(1, 10**15 - 1), currency=st.sampled_from(["AED", "KWD", "JPY", "USD", "BHD"]))
def test_minor_units_lead_back_to_themselves(units: int, currency: str) -> None:
    amount = from_minor_units(units, currency)

    assert to_minor_units(amount, currency) == units
    assert parse_amount(str(amount), currency) == amount


@pytest.mark.parametrize(
    ("units", "currency", "exponent", "amount"),
    [(1000, "UGX", 2, "10"), (10, "MGA", 0, "10.00"), (1050, "UGX", 2, "10.50")],
)
def test_another_count_is_read_into_the_currency_s_own_decimals(
    units: int, currency: str, exponent: int, amount: str
) -> None:
    assert str(from_minor_units(units, currency, exponent=exponent)) == amount
