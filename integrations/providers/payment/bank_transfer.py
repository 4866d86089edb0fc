"""Bank transfer: the payer sends the money to an account of ours, and staff confirm what has arrived.

There is no API. What holds elsewhere: the reference that the payer types is an RF Creditor Reference (ISO 11649), whose
check digits banks and `stdnum.iso11649` know; IBANs are checked by ISO 13616, SWIFT codes by the form of ISO 9362.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from stdnum import iban
from stdnum.iso7064 import mod_97_10

from ...errors import InvalidRequest
from ..base import Client, Field
from ..offline import CURRENCIES, WORDS_TO_THE_PAYER, OfflinePaymentProvider, is_count_of_days
from ..results import Instruction, PaymentRequest, PaymentResult, PaymentStatus

_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is taken for another
_LENGTH = 10  # 30**10: of a million payments, two share a reference once in a thousand times


class BankTransfer(OfflinePaymentProvider):
    slug = "bank_transfer"
    name = "Bank transfer"
    name_ar = "تحويل بنكي"
    description = "The payer transfers the money to your account; you confirm what has arrived."
    description_ar = "يحوّل الدافع المبلغ إلى حسابك، وتؤكد أنت ما وصل."
    documentation_url = "https://www.iso.org/standard/50649.html"
    payment_capabilities = frozenset({"bank_transfer"})
    currencies = CURRENCIES
    page_lifetime = timedelta(days=7)
    window_field = "payment_days"
    takes_proofs = True
    configuration = (
        Field(
            "account_name",
            "Account name",
            "اسم صاحب الحساب",
            pattern=r".{2,140}",
            is_prose=True,
            help="As the bank has it.",
            help_ar="كما هو مسجل لدى البنك.",
        ),
        Field("bank_name", "Bank", "البنك", pattern=r".{2,140}", is_prose=True),
        Field(
            "iban",
            "IBAN",
            "رقم الآيبان (IBAN)",
            pattern=r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}",
            example="AE07 0331 2345 6789 0123 456",
            help="23 characters in the UAE, beginning with AE.",
            help_ar="23 خانة في الإمارات، تبدأ بـ AE.",
            is_possible=iban.is_valid,
        ),
        Field(
            "swift",
            "SWIFT code (BIC)",
            "رمز السويفت (BIC)",
            required=False,
            pattern=r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?",
            example="AAAAAEAAXXX",
            help="8 or 11 characters; payers abroad need it.",
            help_ar="8 أو 11 خانة؛ يحتاجه من يدفع من الخارج.",
        ),
        Field("currency", "Currency of the account", "عملة الحساب", choices=CURRENCIES, default="AED"),
        Field(
            "payment_days",
            "Days to pay",
            "مهلة الدفع بالأيام",
            kind="integer",
            default=7,
            help="1 to 365. After that the payment has failed; money that comes later can still be confirmed.",
            help_ar="من 1 إلى 365. بعدها تُعد الدفعة فاشلة، ويمكن تأكيد ما يصل متأخراً.",
            is_possible=is_count_of_days,
        ),
        *WORDS_TO_THE_PAYER,
    )

    def currencies_of(self, configuration: Mapping[str, Any]) -> tuple[str, ...]:
        return (configuration.get("currency", "AED"),)

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        currency = configuration.get("currency", "AED")
        if request.currency != currency:
            raise InvalidRequest("The account takes {currency} alone.", currency=currency, field="currency")

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        self.check_request(request, client.configuration)
        return PaymentResult(
            provider_reference=payment_reference(request.payment_id),
            status=PaymentStatus.REQUIRES_ACTION,
            amount=request.amount,
            currency=request.currency,
            redirect_url=request.instructions_url,
            method="bank_transfer",
        )

    def instructions(self, configuration: Mapping[str, Any], payment: PaymentResult) -> Sequence[Instruction]:
        lines = [
            Instruction("amount", "Amount", "المبلغ", f"{payment.amount} {payment.currency}"),
            Instruction("reference", "Payment reference", "مرجع الدفع", in_fours(payment.provider_reference)),
            Instruction("account_name", "Account name", "اسم صاحب الحساب", configuration.get("account_name", "")),
            Instruction("bank_name", "Bank", "البنك", configuration.get("bank_name", "")),
            Instruction("iban", "IBAN", "رقم الآيبان (IBAN)", in_fours(configuration.get("iban", ""))),
            Instruction("swift", "SWIFT code (BIC)", "رمز السويفت (BIC)", configuration.get("swift", "")),
            note_of(configuration),
        ]
        return [line for line in lines if line.value or line.value_ar]


def payment_reference(payment_id: str) -> str:
    """The same for the same payment: `RF`, two check digits and ten letters that no one mistakes for others."""
    number = int.from_bytes(hashlib.sha256(payment_id.encode()).digest())
    text = ""
    for _ in range(_LENGTH):
        number, position = divmod(number, len(_LETTERS))
        text += _LETTERS[position]
    return f"RF{mod_97_10.calc_check_digits(f'{text}RF')}{text}"


def in_fours(text: str) -> str:
    """As people read and type it: `RF84 7K3M 9Q2X TB`."""
    plain = text.replace(" ", "")
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def note_of(configuration: Mapping[str, Any]) -> Instruction:
    """The merchant's own words; where there are none in one language, those in the other."""
    english, arabic = (str(configuration.get(key) or "") for key in ("instructions", "instructions_ar"))
    return Instruction("note", "Note", "ملاحظة", english or arabic, arabic or english)
