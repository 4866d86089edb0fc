"""Payments: taken, captured, let go, given back."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from ..models import Connection, Payment, PaymentOperation
from ..operations import payments
from .idempotency import idempotency_key
from .openapi import IDEMPOTENCY_KEY
from .payment_books import DisputeRow
from .payment_filters import PaymentFilter
from .payment_instructions import SCHEMA as INSTRUCTIONS
from .payment_instructions import instructions_as_data
from .permissions import HasScope
from .serializers import Amount, Money, OwnRow, SecretField, StrictSerializer, TrueOrFalse
from .viewsets import OrganizationViewSet


class OperationRow(serializers.ModelSerializer[PaymentOperation]):
    amount = Money(allow_null=True)

    class Meta:
        model = PaymentOperation
        fields = ("id", "kind", "amount", "status", "provider_reference", "error_code", "error_message", "created_at")


@extend_schema_field({"type": "string", "nullable": True})
class FeeField(Money):
    """In the currency of the fee, which may be another than the payment's."""

    def get_attribute(self, instance: Payment) -> Any:
        return instance.fee, instance.fee_currency or instance.currency


class PaymentRow(serializers.ModelSerializer[Payment]):
    amount = Money()
    amount_captured = Money()
    amount_refunded = Money()
    fee = FeeField()
    capture = serializers.SerializerMethodField()

    class Meta:
        model = Payment
        fields: tuple[str, ...] = (
            "id", "status", "amount", "currency", "reference", "provider_reference", "connection", "method", "capture",
            "amount_captured", "amount_refunded", "redirect_url", "customer", "metadata", "failure_code",
            "failure_message", "attempts", "country", "fee", "fee_currency", "difference", "created_at", "updated_at",
        )  # fmt: skip

    def get_capture(self, payment: Payment) -> bool:
        return payment.capture_mode == Payment.CaptureMode.AUTOMATIC


class PaymentDetail(PaymentRow):
    client_secret = serializers.SerializerMethodField()
    operations = OperationRow(many=True, read_only=True)
    disputes = DisputeRow(many=True, read_only=True)
    instructions = serializers.SerializerMethodField()

    class Meta(PaymentRow.Meta):
        fields = (*PaymentRow.Meta.fields, "client_secret", "operations", "disputes", "instructions")

    @extend_schema_field(
        serializers.CharField(allow_null=True, help_text="For the payer's browser, while unpaid; not for readers.")
    )
    def get_client_secret(self, payment: Payment) -> str | None:
        """Whoever holds it can pay, so those who may only read do not get it."""
        waiting = payment.status in (Payment.Status.REQUIRES_ACTION, Payment.Status.PENDING)
        if not (waiting and payment.client_secret):
            return None
        may_take_payments = HasScope().allows(self.context["request"], self.context["view"], reading=False)
        return str(payment.client_secret.reveal()) if may_take_payments else None

    @extend_schema_field(INSTRUCTIONS)
    def get_instructions(self, payment: Payment) -> dict[str, Any] | None:
        return instructions_as_data(payment)


class PaymentCustomer(StrictSerializer):
    name = serializers.CharField(max_length=255, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    phone = serializers.CharField(max_length=32, required=False, allow_blank=True, help_text="+971501234567")
    registered_since = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="ISO 8601; lenders (Tabby) ask for it."
    )
    orders = serializers.CharField(
        max_length=9, required=False, allow_blank=True, help_text="How many they have completed before."
    )


class PaymentAddress(StrictSerializer):
    line1 = serializers.CharField(max_length=255, required=False, allow_blank=True)
    line2 = serializers.CharField(max_length=255, required=False, allow_blank=True)
    city = serializers.CharField(max_length=100, required=False, allow_blank=True)
    region = serializers.CharField(max_length=100, required=False, allow_blank=True)
    postal_code = serializers.CharField(max_length=20, required=False, allow_blank=True)
    country = serializers.CharField(max_length=2, required=False, allow_blank=True, help_text="ISO 3166-1")


class PaymentItem(StrictSerializer):
    name = serializers.CharField(max_length=255)
    quantity = serializers.IntegerField(min_value=1, default=1)
    unit_price = Amount(help_text="In the currency of the payment.")
    sku = serializers.CharField(max_length=255, required=False, allow_blank=True)
    category = serializers.CharField(max_length=255, required=False, allow_blank=True)


class NewPayment(StrictSerializer):
    amount = Amount(help_text='Major units as a decimal string, `"12.50"`.')
    currency = serializers.CharField(max_length=3, min_length=3, help_text="ISO 4217")
    reference = serializers.CharField(max_length=255, help_text="The caller's own.")
    method = serializers.CharField(max_length=32, required=False, allow_blank=True)
    capture = TrueOrFalse(
        required=False,
        allow_null=True,
        default=None,
        help_text="False authorises only. Left out: as the connection's settings say, which is to capture at once.",
    )
    customer = PaymentCustomer(required=False)
    success_url = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    cancel_url = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    country = serializers.CharField(
        max_length=2, required=False, allow_blank=True, help_text="ISO 3166-1 of the payer."
    )
    connection = OwnRow(
        queryset=Connection.objects.all(), required=False, allow_null=True, help_text="Routed when left out."
    )
    payment_token = SecretField(
        max_length=255,
        required=False,
        allow_blank=True,
        trim_whitespace=True,
        help_text="The gateway's name for a way to pay.",
    )
    metadata = serializers.DictField(child=serializers.CharField(max_length=500), required=False)
    environment = serializers.ChoiceField(
        choices=Connection.Environment.choices,
        required=False,
        help_text="Left out: production where a connection is active there, else staging, else development.",
    )
    description = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="What the payer is told that they pay for."
    )
    language = serializers.ChoiceField(choices=["en", "ar"], required=False, help_text="Of the gateway's page.")
    items = PaymentItem(many=True, required=False, help_text="What is paid for; lenders (Tabby, Tamara) ask for it.")
    shipping_address = PaymentAddress(required=False)
    billing_address = PaymentAddress(required=False)


class PaymentAmount(StrictSerializer):
    amount = Amount(required=False, help_text="Left out: all of it.")


class Refund(PaymentAmount):
    reason = serializers.CharField(max_length=255, required=False, allow_blank=True)


class PaymentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Payments through any gateway, in one form."""

    queryset = Payment.objects.all()
    serializer_class = PaymentDetail
    filterset_class = PaymentFilter
    scope = "payments"

    def get_serializer_class(self) -> Any:
        by_action = {"list": PaymentRow, "create": NewPayment, "capture": PaymentAmount, "refund": Refund}
        return by_action.get(self.action, PaymentDetail)

    @extend_schema(request=NewPayment, responses={201: PaymentDetail}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        """Take a payment. A decline is a payment too: `status` failed, with `failure_code`."""
        given = self.validated(request)
        connection = given.pop("connection", None)
        given["connection_id"] = connection.pk if connection else None
        order = payments.PaymentOrder(**given)
        payment = payments.create_payment(self.organization, order, idempotency_key=idempotency_key(request))
        return self.shown(payment, PaymentDetail, created=True)

    @extend_schema(request=PaymentAmount, responses=PaymentDetail, parameters=[IDEMPOTENCY_KEY])
    @action(detail=True, methods=["post"])
    def capture(self, request: Request, **kwargs: Any) -> Response:
        """Take what was authorised, or a part of it."""
        given = self.validated(request)
        payment = payments.capture_payment(self.get_object(), **given, idempotency_key=idempotency_key(request))
        return self.shown(payment, PaymentDetail)

    @extend_schema(request=None, responses=PaymentDetail, parameters=[IDEMPOTENCY_KEY])
    @action(detail=True, methods=["post"])
    def void(self, request: Request, **kwargs: Any) -> Response:
        """Let an authorisation go."""
        self.expect_no_body(request)
        payment = payments.void_payment(self.get_object(), idempotency_key=idempotency_key(request))
        return self.shown(payment, PaymentDetail)

    @extend_schema(request=Refund, responses=PaymentDetail, parameters=[IDEMPOTENCY_KEY])
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, **kwargs: Any) -> Response:
        """Give back what was captured, or a part of it."""
        given = self.validated(request)
        payment = payments.refund_payment(self.get_object(), **given, idempotency_key=idempotency_key(request))
        return self.shown(payment, PaymentDetail)

    @extend_schema(request=None, responses=PaymentDetail)
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, **kwargs: Any) -> Response:
        """Ask the gateway how the payment stands."""
        self.expect_no_body(request)
        return self.shown(payments.sync_payment(self.get_object()), PaymentDetail)
