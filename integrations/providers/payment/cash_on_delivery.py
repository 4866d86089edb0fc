"""Cash on delivery: a courier takes the money at the door, and brings it or the parcel back.

There is no API. The emirates go by their ISO 3166-2 codes and their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ...errors import ConfigurationError, InvalidRequest
from ...money import check_decimals, in_own_decimals
from ..base import Answer, Client, Field, codes
from ..offline import CURRENCIES, WORDS_TO_THE_PAYER, OfflinePaymentProvider, is_count_of_days
from ..results import Address, Instruction, PaymentRequest, PaymentResult, PaymentStatus
from .bank_transfer import note_of

# ISO 3166-2:AE, with the names as people write them.
EMIRATES: Mapping[str, tuple[str, ...]] = {
    "AJ": ("ajman", "عجمان"),
    "AZ": ("abu dhabi", "abudhabi", "أبوظبي", "أبو ظبي", "ابوظبي", "ابو ظبي"),
    "DU": ("dubai", "دبي"),
    "FU": ("fujairah", "al fujairah", "الفجيرة"),
    "RK": ("ras al khaimah", "ras al-khaimah", "rak", "رأس الخيمة", "راس الخيمة"),
    "SH": ("sharjah", "ash shariqah", "الشارقة"),
    "UQ": ("umm al quwain", "umm al-quwain", "uaq", "أم القيوين", "ام القيوين"),
}
_AMOUNT = r"\d{1,12}(?:\.\d{1,3})?"


class CashOnDelivery(OfflinePaymentProvider):
    slug = "cash_on_delivery"
    name = "Cash on delivery"
    name_ar = "الدفع عند الاستلام"
    description = "The courier collects the money at the door; refused parcels cancel the payment."
    description_ar = "يحصّل المندوب المبلغ عند التسليم، ويُلغى الدفع إذا رُفض الطرد."
    documentation_url = "https://www.iso.org/iso-3166-country-codes.html"
    payment_capabilities = frozenset({"cod"})
    currencies = CURRENCIES
    page_lifetime = timedelta(days=60)
    window_field = "collection_days"
    is_handed_over_once = True
    configuration = (
        Field("currency", "Currency", "العملة", choices=CURRENCIES, default="AED"),
        Field(
            "countries",
            "Countries",
            "الدول",
            required=False,
            pattern=r"[A-Z]{2}(?: [A-Z]{2})*",
            example="AE SA",
            help="Codes of two letters with spaces between: AE SA. Empty: all.",
            help_ar="رموز من حرفين تفصلها مسافات: AE SA. فارغ: كل الدول.",
        ),
        Field(
            "emirates",
            "Emirates",
            "الإمارات",
            required=False,
            pattern=r"(?:AJ|AZ|DU|FU|RK|SH|UQ)(?: (?:AJ|AZ|DU|FU|RK|SH|UQ))*",
            example="DU AZ SH",
            help="Of those in the UAE, where you deliver: AZ DU SH AJ UQ RK FU. Empty: all.",
            help_ar="الإمارات التي توصل إليها: AZ DU SH AJ UQ RK FU. فارغ: كلها.",
        ),
        Field("min_amount", "Smallest amount", "أقل مبلغ", required=False, pattern=_AMOUNT, example="25.00"),
        Field("max_amount", "Largest amount", "أكبر مبلغ", required=False, pattern=_AMOUNT, example="25.00"),
        Field(
            "fee",
            "Courier's fee",
            "رسوم المندوب",
            required=False,
            pattern=_AMOUNT,
            example="10.00",
            help="What the courier keeps of each collection. Booked as the payment's fee.",
            help_ar="ما يحتفظ به المندوب من كل تحصيل. يُقيَّد رسوماً على الدفعة.",
        ),
        Field(
            "collection_days",
            "Days to collect",
            "مهلة التحصيل بالأيام",
            kind="integer",
            default=60,
            help="1 to 365. After that the payment has failed; money that comes later can still be confirmed.",
            help_ar="من 1 إلى 365. بعدها تُعد الدفعة فاشلة، ويمكن تأكيد ما يصل متأخراً.",
            is_possible=is_count_of_days,
        ),
        *WORDS_TO_THE_PAYER,
    )

    def currencies_of(self, configuration: Mapping[str, Any]) -> tuple[str, ...]:
        return (configuration.get("currency", "AED"),)

    def check(self, client: Client) -> Answer:
        for key in ("min_amount", "max_amount", "fee"):
            _check_decimals(client.configuration, key)
        least, most = client.configuration.get("min_amount"), client.configuration.get("max_amount")
        if least and most and Decimal(least) > Decimal(most):
            raise ConfigurationError("The smallest amount is larger than the largest.")
        return super().check(client)

    def check_request(self, request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
        _check_amount(configuration, request)
        _check_place(configuration, request)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        self.check_request(request, client.configuration)
        return PaymentResult(
            provider_reference=request.payment_id,
            status=PaymentStatus.PENDING,
            amount=request.amount,
            currency=request.currency,
            redirect_url=request.instructions_url,
            method="cod",
        )

    def instructions(self, configuration: Mapping[str, Any], payment: PaymentResult) -> Sequence[Instruction]:
        lines = [
            Instruction(
                "amount", "To have ready at the door", "المبلغ عند الاستلام", f"{payment.amount} {payment.currency}"
            ),
            note_of(configuration),
        ]
        return [line for line in lines if line.value or line.value_ar]


def _check_decimals(configuration: Mapping[str, Any], key: str) -> None:
    """What would have to be rounded is no amount of the connection's currency. Raises ConfigurationError."""
    amount, currency = configuration.get(key), configuration.get("currency", "AED")
    try:
        check_decimals(Decimal(amount or 0), currency)
    except InvalidRequest as error:
        raise ConfigurationError(error.template, **error.values) from error


def collection_fee(configuration: Mapping[str, Any], currency: str) -> Decimal | None:
    """What the courier keeps, with the currency's own decimals; None where that is not said."""
    if not configuration.get("fee"):
        return None
    return in_own_decimals(Decimal(configuration["fee"]), currency)


def emirate_code(region: str) -> str:
    """`Dubai`, `دبي`, `AE-DU` and `DU` are `DU`; empty for what is none."""
    plain = " ".join(region.split()).casefold()
    code = plain.removeprefix("ae-").upper()
    return code if code in EMIRATES else next((code for code, names in EMIRATES.items() if plain in names), "")


def _check_amount(configuration: Mapping[str, Any], request: PaymentRequest) -> None:
    currency = configuration.get("currency", "AED")
    if request.currency != currency:
        raise InvalidRequest("Cash is taken in {currency} alone.", currency=currency, field="currency")
    least, most = configuration.get("min_amount"), configuration.get("max_amount")
    if least and request.amount < Decimal(least):
        raise InvalidRequest(
            "Cash is taken from {amount} {currency} on.", amount=least, currency=currency, field="amount"
        )
    if most and request.amount > Decimal(most):
        raise InvalidRequest("Cash is taken up to {amount} {currency}.", amount=most, currency=currency, field="amount")


def _check_place(configuration: Mapping[str, Any], request: PaymentRequest) -> None:
    address: Address = request.shipping_address
    country = address.country or request.country
    countries = codes(configuration.get("countries", ""))
    if countries and country not in countries:
        raise InvalidRequest(
            "Cash is collected in these countries: {places}.", places=", ".join(countries), field="country"
        )
    emirates = codes(configuration.get("emirates", ""))
    if emirates and country in ("", "AE") and emirate_code(address.region) not in emirates:
        raise InvalidRequest(
            "Cash is collected in these emirates: {places}. The shipping address's region names another, or none.",
            places=", ".join(emirates),
            field="shipping_address",
        )
