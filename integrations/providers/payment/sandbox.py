"""The sandbox: a payment gateway that this application serves itself, to try the whole way with no account anywhere.

Its far end, and the amounts that make it decline, dawdle or fail, are in `integrations/sandbox/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar
from urllib.parse import quote

from ...errors import InvalidRequest, InvalidResponse, NotSupported, UnreadablePayload
from ...money import parse_amount
from ..auth import Bearer
from ..base import Client, Field, PaymentProvider
from ..events import EventIdentity, EventType, NormalizedEvent
from ..json_values import mapping
from ..probes import Probe, ProbeKind
from ..results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult, RefundStatus
from ..signatures import StandardWebhooks

STATUSES = {
    "awaiting_payer": PaymentStatus.REQUIRES_ACTION,
    "authorised": PaymentStatus.AUTHORISED,
    "captured": PaymentStatus.CAPTURED,
    "failed": PaymentStatus.FAILED,
    "cancelled": PaymentStatus.CANCELLED,
    "partially_refunded": PaymentStatus.PARTIALLY_REFUNDED,
    "refunded": PaymentStatus.REFUNDED,
}

# The payment of a test event: its status, what is captured of it and what refunded.
_SAMPLES = {
    "payment.created": ("awaiting_payer", "0.00", "0.00"),
    "payment.authorised": ("authorised", "0.00", "0.00"),
    "payment.captured": ("captured", "10.00", "0.00"),
    "payment.failed": ("failed", "0.00", "0.00"),
    "payment.cancelled": ("cancelled", "0.00", "0.00"),
    "payment.refunded": ("refunded", "10.00", "10.00"),
}


class Sandbox(PaymentProvider):
    slug = "sandbox"
    name = "Sandbox"
    name_ar = "بيئة تجريبية"
    description = "A gateway of our own to try payments and webhooks with. No real money moves."
    description_ar = "بوابة دفع خاصة بنا لتجربة المدفوعات والويب هوك، بلا أموال حقيقية."
    documentation_url = "https://github.com/standard-webhooks/standard-webhooks"
    api_version = "v1"
    is_sandbox = True
    base_urls: ClassVar = dict.fromkeys(("production", "staging", "development"), "{public_url}/sandbox")
    auth = Bearer("api_key")
    idempotency_header = "Idempotency-Key"
    pricing_model = "free"
    probe = Probe("/v1/account")
    further_probes = (Probe("/v1/account", kind=ProbeKind.PING, every=timedelta(minutes=15)),)
    operations = frozenset({"create", "get", "capture", "void", "refund"})
    payment_capabilities = frozenset({"card"})
    regions = ("mena",)
    countries = ("AE", "BH", "EG", "JO", "KW", "OM", "QA", "SA")
    currencies = ("AED", "BHD", "EGP", "EUR", "GBP", "JOD", "JPY", "KWD", "OMR", "QAR", "SAR", "USD")
    rate_limits: ClassVar = {"per_minute": 600}
    timeouts: ClassVar = {"get_payment": 10}  # slow are new payments alone
    credentials = (
        Field(
            "api_key",
            "API key",
            "مفتاح API",
            secret=True,
            pattern=r"sk_sandbox_[A-Za-z0-9_]{4,64}",
            help="Any text of your own after sk_sandbox_; each is an account of its own.",
            help_ar="أي نص من عندك بعد sk_sandbox_، ولكل مفتاح حسابه.",
        ),
        Field(
            "webhook_secret",
            "Webhook signing secret",
            "سر توقيع الويب هوك",
            required=False,
            secret=True,
            pattern=r"whsec_[A-Za-z0-9+/]{32,88}={0,2}",
            help="whsec_ and at least 24 bytes in base64.",
            help_ar="‏whsec_ يتبعه 24 بايت على الأقل بترميز base64.",
            credential_type="webhook_secret",
        ),
    )
    signature = StandardWebhooks()
    registers_webhooks = True
    issues_credentials = frozenset({"api_key"})
    event_types: ClassVar = {
        "payment.created": EventType.PAYMENT_REQUIRES_ACTION,
        "payment.authorised": EventType.PAYMENT_AUTHORISED,
        "payment.captured": EventType.PAYMENT_CAPTURED,
        "payment.failed": EventType.PAYMENT_FAILED,
        "payment.cancelled": EventType.PAYMENT_CANCELLED,
        "payment.refunded": EventType.PAYMENT_REFUNDED,
    }
    recommended_events = tuple(event_types)

    def create_payment(self, client: Client, request: PaymentRequest, *, idempotency_key: str) -> PaymentResult:
        answer = client.post("/v1/payments", json=_creation(request), idempotency_key=idempotency_key)
        return _read_payment(answer.json())

    def get_payment(self, client: Client, provider_reference: str) -> PaymentResult:
        return _read_payment(client.get(_path(provider_reference)).json())

    def capture_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> PaymentResult:
        path = _path(provider_reference, "/capture")
        return _read_payment(client.post(path, json=_amount(amount), idempotency_key=idempotency_key).json())

    def void_payment(self, client: Client, provider_reference: str, *, idempotency_key: str) -> PaymentResult:
        path = _path(provider_reference, "/void")
        return _read_payment(client.post(path, json={}, idempotency_key=idempotency_key).json())

    def refund_payment(
        self, client: Client, provider_reference: str, *, amount: Decimal | None, currency: str, idempotency_key: str
    ) -> RefundResult:
        path = _path(provider_reference, "/refunds")
        return _read_refund(client.post(path, json=_amount(amount), idempotency_key=idempotency_key).json())

    def error_details(self, body: Mapping[str, Any]) -> tuple[str, str]:
        return super().error_details(mapping(body.get("error")))

    def register_webhook(self, client: Client, url: str, secret: str) -> None:
        client.post("/v1/webhook-endpoints", json={"url": url, "secret": secret})

    def issue_credential(self, client: Client, key: str, *, idempotency_key: str) -> str:
        issued = client.post("/v1/keys", json={}, idempotency_key=idempotency_key).json()
        if not isinstance(issued.get("api_key"), str):
            raise InvalidResponse("The sandbox's key is not as documented.")
        return str(issued["api_key"])

    def revoke_credential(self, client: Client, key: str) -> None:
        client.delete("/v1/keys/current")

    def identify_event(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> EventIdentity:
        event_id, event_type = payload.get("id"), payload.get("type")
        if not (isinstance(event_id, str) and event_id and isinstance(event_type, str) and event_type):
            raise UnreadablePayload("A sandbox event has an id and a type; this has not.")
        return EventIdentity(event_id, event_type, _subject(payload), _created_at(payload))

    def sample_event(self, event_type: str, *, event_id: str, now: datetime) -> Mapping[str, Any]:
        told = _SAMPLES.get(event_type)
        if told is None:
            raise NotSupported("There is no sample of {type}.", type=event_type)
        status, captured, refunded = told
        payment = {
            "id": f"pay_{event_id}",
            "object": "payment",
            "status": status,
            "amount": "10.00",
            "currency": "AED",
            "amount_captured": captured,
            "amount_refunded": refunded,
            "reference": "test",
            "capture": True,
            "metadata": {},
            "payment_url": None,
            "failure": {"code": "card_declined", "message": "The card was declined."} if status == "failed" else None,
            "created_at": now.isoformat(),
        }
        return {"id": event_id, "type": event_type, "created_at": now.isoformat(), "data": payment}

    def parse_events(self, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[NormalizedEvent]:
        """Every event carries the whole payment."""
        event_type = self.event_types.get(str(payload.get("type")), EventType.UNKNOWN)
        if event_type is EventType.UNKNOWN:
            return [NormalizedEvent(EventType.UNKNOWN)]
        try:
            occurred_at = datetime.fromisoformat(payload["created_at"])
            payment = _read_payment(payload["data"])
        except (KeyError, TypeError, ValueError, InvalidResponse) as error:
            raise UnreadablePayload(
                "The sandbox event {type} is not as documented.", type=payload.get("type")
            ) from error
        return [NormalizedEvent(EventType(event_type), payment.provider_reference, occurred_at, payment)]


def _subject(payload: Mapping[str, Any]) -> str:
    payment = payload.get("data")
    key = payment.get("id") if isinstance(payment, Mapping) else None
    return key if isinstance(key, str) else ""


def _created_at(payload: Mapping[str, Any]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(payload["created_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _creation(request: PaymentRequest) -> dict[str, Any]:
    customer = {"name": request.customer.name, "email": request.customer.email, "phone": request.customer.phone}
    optional = {
        "method": request.method,
        "customer": {key: value for key, value in customer.items() if value},
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "payment_token": request.payment_token,
        "metadata": dict(request.metadata),
    }
    return {
        "amount": str(request.amount),
        "currency": request.currency,
        "reference": request.reference,
        "capture": request.capture,
        **{key: value for key, value in optional.items() if value},
    }


def _amount(amount: Decimal | None) -> dict[str, str]:
    return {} if amount is None else {"amount": str(amount)}


def _path(provider_reference: str, action: str = "") -> str:
    return f"/v1/payments/{quote(provider_reference, safe='')}{action}"


def _read_payment(payment: Mapping[str, Any]) -> PaymentResult:
    try:
        failure = payment.get("failure") or {}
        return PaymentResult(
            provider_reference=payment["id"],
            status=STATUSES[payment["status"]],
            amount=parse_amount(payment["amount"], payment["currency"]),
            currency=payment["currency"],
            amount_captured=Decimal(payment["amount_captured"]),
            amount_refunded=Decimal(payment["amount_refunded"]),
            redirect_url=payment.get("payment_url") or "",
            failure_code=failure.get("code", ""),
            failure_message=failure.get("message", ""),
            raw=dict(payment),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation, InvalidRequest) as error:
        raise InvalidResponse("The sandbox's payment is not as documented.") from error


def _read_refund(refund: Mapping[str, Any]) -> RefundResult:
    try:
        return RefundResult(
            provider_reference=refund["id"],
            status=RefundStatus(refund["status"]),
            amount=parse_amount(refund["amount"], refund["currency"]),
            currency=refund["currency"],
            raw=dict(refund),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidRequest) as error:
        raise InvalidResponse("The sandbox's refund is not as documented.") from error
