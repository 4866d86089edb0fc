"""What lenders are told of a customer: phones as people write them here, in one form."""

from __future__ import annotations

import pytest

from integrations.errors import InvalidRequest
from integrations.providers.payment.lenders import plain_phone
from integrations.providers.results import Customer


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("+971501234567", "+971501234567"),
        ("+971 50 123-4567", "+971501234567"),
        ("00971501234567", "+971501234567"),
        ("+971 (0)50 123 4567", "+971501234567"),
        ("٠٥٠١٢٣٤٥٦٧", "0501234567"),
        ("+٩٧١ ٥٠ ١٢٣ ٤٥٦٧", "+971501234567"),
        ("۰۵۰۱۲۳۴۵۶۷", "0501234567"),
        ("971501234567", "971501234567"),
        ("\u202a+971501234567\u202c", "+971501234567"),
    ],
)
def test_a_phone_is_told_in_one_form_however_it_is_written(written: str, plain: str) -> None:
    assert plain_phone(written) == plain


@pytest.mark.parametrize(
    "written", ["", "+", "none", "12345", "+97150123456789012", "050-1234567 / 055-7654321", "++971501234567"]
)
def test_what_is_no_phone_is_refused_before_it_is_sent(written: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        plain_phone(written)
    assert (refused.value.field, refused.value.message) == ("customer", "A phone has 7 to 15 digits: +971501234567.")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Sample Customer Three", "Sample", "Customer Three"),
        (" Sample  Customer ", "Sample", "Customer"),
        ("سارة\u00a0أحمد", "سارة", "أحمد"),
        ("Sample", "Sample", ""),
        ("  ", "", ""),
    ],
)
def test_a_name_is_split_at_its_first_gap(name: str, first: str, last: str) -> None:
    customer = Customer(name=name)
    assert (customer.first_name, customer.last_name) == (first, last)
