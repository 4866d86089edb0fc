"""What Paymob is sent, and how its answers are taken."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ...errors import ConfigurationError, InvalidRequest, InvalidResponse, Rejected, Unavailable
from ...money import to_minor_units
from ..auth import TokenExchange, Unauthenticated
from ..base import Answer, Client
from ..before_changes import changes_nothing
from ..results import PaymentRequest
from .paymob_reading import Order, Transaction, read_transaction

# By the three letters that a key begins with.
HOSTS = {
    "are": "https://uae.paymob.com",
    "uae": "https://uae.paymob.com",
    "egy": "https://accept.paymob.com",
    "ksa": "https://ksa.paymob.com",
    "sau": "https://ksa.paymob.com",
    "omn": "https://oman.paymob.com",
    "pak": "https://pakistan.paymob.com",
}
METHODS = frozenset(
    {"card", "mada", "meeza", "omannet", "wallet", "apple_pay", "google_pay", "valu", "bnpl", "stc_pay", "fawry"}
)
HELD = "_auth"  # after the method, for an integration that authorises only
PAGE_SECONDS = 3600
# Reading wants a token, which ends after an hour.
READING = TokenExchange(
    "/api/auth/tokens",
    by=Unauthenticated(),
    credentials_sent={"api_key": "api_key"},
    is_json=True,
    token_field="token",  # noqa: S106 - the name of a field
    lifetime_seconds=3300.0,
)
_INTEGRATION = re.compile(r"([a-z_]+)\s*=\s*([0-9]+)")
_UNKNOWN = "NA"  # what Paymob wants in the place of what is not known
_LONGEST_NAME = 45
_GENERATIONS = 4


def public_key(configuration: Mapping[str, Any]) -> str:
    return str(configuration.get("public_key") or "")


def host(configuration: Mapping[str, Any]) -> str:
    return HOSTS.get(public_key(configuration)[:3], HOSTS["are"])


def exponent(configuration: Mapping[str, Any]) -> int:
    """Accounts of Oman count in thousandths, all others in hundredths, whatever the currency."""
    return 3 if public_key(configuration).startswith("omn") else 2


def check_keys(client: Client) -> None:
    """Raises ConfigurationError for two keys of which one is of another country, or for tests."""
    public, secret = public_key(client.configuration), str(client.credential("secret_key"))
    if (HOSTS.get(public[:3]), public[7:11]) != (HOSTS.get(secret[:3]), secret[7:11]):
        raise ConfigurationError("Paymob's public and secret key are of two accounts, or one is for tests alone.")


def creation(configuration: Mapping[str, Any], request: PaymentRequest) -> dict[str, Any]:
    """Raises InvalidRequest for what Paymob would refuse, ConfigurationError where it has no way to pay it."""
    if request.payment_token:
        raise InvalidRequest("Paymob takes payments on its own page alone.", field="payment_token")
    digits = exponent(configuration)
    body: dict[str, Any] = {
        "amount": to_minor_units(request.amount, request.currency, exponent=digits),
        "currency": request.currency,
        "payment_methods": _integrations(configuration, request),
        "items": [
            {
                "name": line.name[:_LONGEST_NAME],
                "amount": to_minor_units(line.unit_price, request.currency, exponent=digits),
                "quantity": line.quantity,
            }
            for line in request.lines
        ],
        "billing_data": _billing(request),
        "special_reference": request.payment_id,
        "expiration": PAGE_SECONDS,
        "notification_url": request.webhook_url,
        "redirection_url": request.success_url,
    }
    return {name: value for name, value in body.items() if value != ""}


def integrations(text: str) -> dict[str, int]:
    """`card=123, card_auth=124` by method. Raises ConfigurationError, which says what cannot be read."""
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _INTEGRATION.fullmatch(part)
        if match is None or match[1].removesuffix(HELD) not in METHODS:
            raise ConfigurationError(
                "The integration IDs are written card=123, apple_pay=456; not {part!r}.", part=part
            )
        found[match[1]] = int(match[2])
    return found


def _integrations(configuration: Mapping[str, Any], request: PaymentRequest) -> list[int]:
    """Those of the method that was asked for, or else all; of those that authorise only, or of those that do not."""
    known = integrations(str(configuration.get("integration_ids") or ""))
    of_kind = {name.removesuffix(HELD): key for name, key in known.items() if name.endswith(HELD) != request.capture}
    chosen = [key for method, key in of_kind.items() if request.method in ("", method)]
    if not chosen:
        wanted = (request.method or "card") + ("" if request.capture else HELD)
        raise ConfigurationError("The connection names no Paymob integration for {method}.", method=wanted)
    return list(dict.fromkeys(chosen))


def _billing(request: PaymentRequest) -> dict[str, str]:
    customer, address = request.customer, request.billing_address
    if not customer.email:
        raise InvalidRequest("Paymob wants the customer's e-mail address.", field="customer")
    told = {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "phone_number": customer.phone,
        "street": " ".join(filter(None, (address.line1, address.line2))),
        "city": address.city,
        "state": address.region,
        "country": address.country or request.country,
        "postal_code": address.postal_code,
    }
    return {name: value or _UNKNOWN for name, value in told.items()}


def known_order(client: Client, reference: str) -> Order:
    order = ask(client, reference)
    if order is None:
        raise Rejected("Paymob shows nothing of this payment: nobody has tried to pay it yet.", provider_status=404)
    return order


def order_before_change(client: Client, reference: str) -> Order:
    """`known_order` for a change: where the question fails, the change was never asked for."""
    with changes_nothing():
        return known_order(client, reference)


def ask(client: Client, reference: str) -> Order | None:
    """The payments that were tried under our reference; None where Paymob knows of none."""
    try:
        answer = client.post(
            "/api/ecommerce/orders/transaction_inquiry", json={"merchant_order_id": reference}, auth=READING
        )
    except Rejected as refusal:
        if refusal.provider_status != 404:
            raise
        return None
    payments = _payments(client, [read_transaction(told) for told in _list(answer)])
    if not payments:
        return None
    order = Order(payments, exponent(client.configuration))
    if order.payments[0].order != reference:
        raise InvalidResponse("Paymob tells of another payment than the one it was asked for.")
    return order


def _payments(client: Client, told: Sequence[Transaction]) -> list[Transaction]:
    """The payments among the transactions, each with what its children say; one that only a child names is fetched."""
    known = {one.id: one for one in told}
    families: dict[int, list[Transaction]] = {}
    for one in told:
        payment = _payment_of(client, one, known)
        families.setdefault(payment.id, []).extend([one] if one.parent else [])
    return [known[key].with_children(children) for key, children in families.items()]


def _payment_of(client: Client, transaction: Transaction, known: dict[int, Transaction]) -> Transaction:
    """A refund's parent may be a capture, and a child itself."""
    for _ in range(_GENERATIONS):
        if not transaction.parent:
            return transaction
        if transaction.parent not in known:
            path = f"/api/acceptance/transactions/{transaction.parent}"
            known[transaction.parent] = read_transaction(client.get(path, auth=READING).json())
        transaction = known[transaction.parent]
    raise InvalidResponse("Paymob's transactions are each other's parents.")


def _list(answer: Answer) -> Sequence[Mapping[str, Any]]:
    """One transaction or a list of them: Paymob's own examples have the one, others the list."""
    try:
        told = json.loads(answer.body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse("Paymob answered with a body that is not JSON.") from error
    transactions = [told] if isinstance(told, Mapping) else told
    if not isinstance(transactions, list) or not all(isinstance(one, Mapping) for one in transactions):
        raise InvalidResponse("Paymob's list of transactions is not as documented.")
    return transactions


def follow_up(client: Client, path: str, parent: Transaction, kind: str, units: int | None) -> Transaction:
    """Ask for a capture, a refund or a void of `parent`; `units` None where all of it is meant."""
    amount = {} if units is None else {"amount_cents": units}
    told = client.post(path, json={"transaction_id": parent.id, **amount}).json()
    child = read_transaction(told)
    if child.child_of not in (kind, "") or child.currency != parent.currency or child.parent not in (parent.id, 0):
        raise InvalidResponse("Paymob tells of another transaction than the one it was asked for.")
    return child


def accepted(child: Transaction) -> Transaction:
    if child.is_paid:
        return child
    if child.pending:
        raise Unavailable("Paymob has not decided yet: {words}", words=child.message, may_have_taken_effect=True)
    raise Rejected("Paymob: {words}", words=child.message, provider_code=child.code, provider_status=200)
