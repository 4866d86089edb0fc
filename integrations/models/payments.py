"""Payments, what was done to them, and how a payment connection takes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from ..fields import EncryptedTextField
from .base import IdentifiedModel, TenantModel, TimestampedModel, organization_key
from .connections import Connection


def default_currencies() -> list[str]:
    return ["AED"]


class MoneyField(models.DecimalField):  # type: ignore[type-arg]  # generic in the stubs alone
    """Major units. Four decimals hold every ISO 4217 currency; its code is in the column beside it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_digits": 19, "decimal_places": 4, **kwargs})


class PaymentSettings(TenantModel, TimestampedModel):
    class SettlementSchedule(models.TextChoices):
        INSTANT = "instant", _("Instant")
        DAILY = "daily", _("Daily")
        WEEKLY = "weekly", _("Weekly")

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, related_name="payment_settings", verbose_name=_("connection")
    )
    provider_name = models.CharField(_("provider"), max_length=100)
    merchant_id = models.CharField(_("merchant id"), max_length=100, blank=True)
    account_id = models.CharField(_("account id"), max_length=100, blank=True)
    supported_currencies = ArrayField(
        models.CharField(max_length=3), default=default_currencies, verbose_name=_("currencies")
    )
    supported_payment_methods = ArrayField(
        models.CharField(max_length=32), default=list, blank=True, verbose_name=_("payment methods")
    )
    webhook_url = models.URLField(_("webhook address"), max_length=500, blank=True)
    success_url = models.URLField(_("success address"), max_length=500, blank=True)
    cancel_url = models.URLField(_("cancel address"), max_length=500, blank=True)
    is_test_mode = models.BooleanField(_("test mode"), default=False)
    auto_capture = models.BooleanField(_("capture at once"), default=True)
    fee_percent = models.DecimalField(
        _("fee (%)"), max_digits=6, decimal_places=3, null=True, blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("What the gateway keeps of a payment: routing prefers the cheaper of two that are equally good."),
    )  # fmt: skip
    fee_fixed = MoneyField(_("fee per payment"), null=True, blank=True, validators=[MinValueValidator(0)])
    settlement_schedule = models.CharField(
        _("settlement"), max_length=8, choices=SettlementSchedule, default=SettlementSchedule.DAILY
    )

    class Meta:
        db_table = "payment_providers"
        verbose_name = _("payment settings")
        verbose_name_plural = _("payment settings")

    def __str__(self) -> str:
        return self.provider_name


def _searched(name: str) -> models.GeneratedField:
    """A text of the customer's as it is searched by its beginning. A column of its own, in the order of its bytes:
    behind row-level security an index serves only comparisons that PostgreSQL holds to be leakproof, and neither `LIKE`
    nor an expression over JSON is."""
    return models.GeneratedField(
        expression=Lower(KT(f"customer__{name}")),
        output_field=models.TextField(null=True, db_collation="C"),
        db_persist=True,
        editable=False,
    )


class Payment(TenantModel, TimestampedModel):
    class Status(models.TextChoices):
        REQUIRES_ACTION = "requires_action", _("Requires action")
        PENDING = "pending", _("Pending")
        AUTHORISED = "authorised", _("Authorised")
        CAPTURED = "captured", _("Captured")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")
        PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
        REFUNDED = "refunded", _("Refunded")
        DISPUTED = "disputed", _("Disputed")

    class CaptureMode(models.TextChoices):
        AUTOMATIC = "automatic", _("At once")
        MANUAL = "manual", _("Later")

    class Difference(models.TextChoices):
        PAID_AFTER_END = "paid_after_end", _("Paid at the gateway after it was ended here")
        CAPTURED = "captured", _("The gateway has captured another sum")
        REFUNDED = "refunded", _("The gateway has given back another sum")
        AMOUNT = "amount", _("The gateway has another amount or currency")
        MISSING = "missing", _("The gateway does not know it")
        UNDERPAID = "underpaid", _("Less has arrived than was ordered")
        OVERPAID = "overpaid", _("More has arrived than was ordered")
        NEVER_ANSWERED = "never_answered", _("The gateway never answered, and cannot be asked")

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, related_name="payments", verbose_name=_("connection")
    )
    reference = models.CharField(_("reference"), max_length=255, db_collation="C")  # searched by its beginning
    idempotency_key = models.CharField(_("idempotency key"), max_length=255, null=True, editable=False)  # noqa: DJ001 - NULLs don't collide
    request_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    provider_reference = models.CharField(_("provider's reference"), max_length=255, blank=True)
    amount = MoneyField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_captured = MoneyField(_("captured"), default=Decimal(0))
    amount_refunded = MoneyField(_("refunded"), default=Decimal(0))
    method = models.CharField(_("method"), max_length=32, blank=True)
    capture_mode = models.CharField(_("capture"), max_length=9, choices=CaptureMode, default=CaptureMode.AUTOMATIC)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.PENDING)
    customer = models.JSONField(_("customer"), default=dict, blank=True)
    customer_email = _searched("email")
    customer_name = _searched("name")
    redirect_url = models.URLField(_("payment page"), max_length=2000, blank=True)
    client_secret = EncryptedTextField(null=True, editable=False)  # the gateway's, for the payer's browser
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    failure_code = models.CharField(_("failure code"), max_length=100, blank=True)
    failure_message = models.TextField(_("failure"), blank=True)
    attempts = models.JSONField(_("attempts"), default=list, blank=True)
    country = models.CharField(_("payer's country"), max_length=2, blank=True, db_default="")
    # What the gateway says that it keeps; null where it does not say.
    fee = MoneyField(_("fee"), null=True)
    fee_currency = models.CharField(_("currency of the fee"), max_length=3, blank=True, db_default="")
    # When the provider is next asked how an open payment stands, and in what its answer differs from our books.
    next_look_at = models.DateTimeField(null=True, editable=False)
    looks = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    difference = models.CharField(_("difference"), max_length=32, choices=Difference, blank=True, db_default="")
    difference_seen_at = models.DateTimeField(null=True, editable=False)
    # The provider's times of the newest that was applied: what is older changes nothing. See operations.payment_news.
    known_as_of = models.DateTimeField(null=True, editable=False)
    dispute_known_as_of = models.DateTimeField(null=True, editable=False)
    dispute_won = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        db_table = "payments"
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["connection", "provider_reference"], name="payments_provider_ref"),
            models.Index(fields=["organization", "-id"], name="payments_org_newest"),
            models.Index(fields=["organization", "reference"], name="payments_org_reference"),
            models.Index(fields=["organization", "status"], name="payments_org_status"),
            # Only open payments are looked after: a small index whatever the number of payments.
            models.Index(fields=["next_look_at"], name="payments_next_look", condition=Q(next_look_at__isnull=False)),
            models.Index(fields=["organization", "-id"], name="payments_differing", condition=~Q(difference="")),
            *(
                models.Index(
                    fields=["organization", f"customer_{name}"],
                    name=f"payments_customer_{name}",
                    condition=Q(**{f"customer_{name}__isnull": False}),
                )
                for name in ("email", "name")
            ),
        ]
        permissions: ClassVar = [("export_payment", "Can export payments with their customers")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "idempotency_key"], name="payments_idempotency_key"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_amount_positive"),
            models.CheckConstraint(
                condition=Q(amount_refunded__gte=0) & Q(amount_refunded__lte=F("amount_captured")),
                name="payments_refund_within_capture",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} · {self.amount} {self.currency}"


class PaymentOperation(TenantModel, IdentifiedModel):
    """One thing that was done to a payment, or that its provider told of it."""

    class Kind(models.TextChoices):
        CREATE = "create", _("Create")
        CAPTURE = "capture", _("Capture")
        VOID = "void", _("Void")
        REFUND = "refund", _("Refund")
        SYNC = "sync", _("Sync")
        EVENT = "event", _("Event")

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    payment = models.ForeignKey(Payment, on_delete=models.CASCADE, related_name="operations", verbose_name=_("payment"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    amount = MoneyField(_("amount"), null=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PENDING)
    provider_reference = models.CharField(_("provider's reference"), max_length=255, blank=True)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255, null=True)  # noqa: DJ001 - NULLs don't collide
    request_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error_message = models.TextField(_("error"), blank=True)
    payment_token = EncryptedTextField(null=True, editable=False)  # the gateway's, for a repetition of the same request
    raw = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "payment_operations"
        verbose_name = _("payment operation")
        verbose_name_plural = _("payment operations")
        ordering = ("-id",)
        indexes: ClassVar = [models.Index(fields=["payment", "kind"], name="payment_operations_kind")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["payment", "kind", "idempotency_key"], name="payment_operations_idempotency_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.get_status_display()}"
