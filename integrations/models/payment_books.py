"""The books beside the payments: each move of money, disputes, and what each day comes to."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..fields import EncryptedTextField
from .base import IdentifiedModel, TenantModel, TimestampedModel
from .connections import Connection
from .payments import MoneyField, Payment


class PaymentMovement(TenantModel):
    """A change of what was captured, given back or kept as fee. A trigger on `payments` writes it, whoever changes
    those; `amount` is the difference, negative where a total shrank (a refund that the bank sent back)."""

    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_default=Now())

    class Kind(models.TextChoices):
        CAPTURE = "capture", _("Capture")
        REFUND = "refund", _("Refund")
        FEE = "fee", _("Fee")

    payment = models.ForeignKey(Payment, on_delete=models.CASCADE, related_name="movements", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    amount = MoneyField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)

    class Meta:
        db_table = "payment_movements"
        verbose_name = _("payment movement")
        verbose_name_plural = _("payment movements")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["payment"], name="payment_movements_payment"),
            models.Index(fields=["connection", "created_at"], name="payment_movements_connection"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} {self.currency}"


class PaymentDispute(TenantModel, TimestampedModel):
    class Status(models.TextChoices):
        OPEN = "open", pgettext_lazy("dispute", "Open")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    payment = models.ForeignKey(Payment, on_delete=models.CASCADE, related_name="disputes", verbose_name=_("payment"))
    provider_reference = models.CharField(_("provider's reference"), max_length=255)
    status = models.CharField(_("status"), max_length=4, choices=Status, default=Status.OPEN)
    amount = MoneyField(_("amount"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    respond_by = models.DateTimeField(_("answer by"), null=True)
    opened_at = models.DateTimeField(pgettext_lazy("dispute", "opened"), null=True)
    closed_at = models.DateTimeField(pgettext_lazy("dispute", "closed"), null=True)
    known_as_of = models.DateTimeField(null=True, editable=False)  # the provider's time of what was last told of it

    class Meta:
        db_table = "payment_disputes"
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["organization", "status"], name="payment_disputes_status"),
            models.Index(fields=["respond_by"], name="payment_disputes_due", condition=models.Q(status="open")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["payment", "provider_reference"], name="payment_disputes_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_reference} · {self.get_status_display()}"


def _sum(label: Promise) -> MoneyField:
    """Of as many amounts as a day may have, each of which may fill its own column."""
    return MoneyField(label, max_digits=28, default=Decimal(0))


class PaymentSettlement(TenantModel, TimestampedModel):
    """What a connection moved on one day (Asia/Dubai) in one currency. Recounted for as long as the day may change."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="settlements", verbose_name=_("connection")
    )
    day = models.DateField(_("day"))
    currency = models.CharField(_("currency"), max_length=3)
    payments = models.PositiveIntegerField(_("payments"), default=0)
    refunds = models.PositiveIntegerField(_("refunds"), default=0)
    captured = _sum(_("captured"))
    refunded = _sum(_("refunded"))
    fees = _sum(_("fees"))
    net = _sum(_("net"))
    disputed = _sum(_("disputed"))
    differences = models.PositiveIntegerField(_("differences"), default=0)

    class Meta:
        db_table = "payment_settlements"
        verbose_name = _("settlement summary")
        verbose_name_plural = _("settlement summaries")
        ordering = ("-day", "connection")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "day", "currency"], name="payment_settlements_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} · {self.net} {self.currency}"


class PaymentProof(TenantModel, IdentifiedModel):
    """A payer's proof of a bank transfer, sealed in object storage; shown to those who may confirm the payment."""

    payment = models.ForeignKey(Payment, on_delete=models.CASCADE, related_name="proofs", verbose_name=_("payment"))
    file_name = models.CharField(_("file"), max_length=150)
    content_type = models.CharField(_("type"), max_length=64)
    size = models.PositiveIntegerField(_("size"))
    sha256 = models.CharField(max_length=64, editable=False)
    storage_region = models.CharField(max_length=32, editable=False)
    storage_key = models.CharField(max_length=255, editable=False)
    data_key = EncryptedTextField(null=True, editable=False)  # under which the file is sealed; without it, it is gone
    uploaded_by = models.ForeignKey(
        "integrations.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )

    class Meta:
        db_table = "payment_proofs"
        verbose_name = _("proof of transfer")
        verbose_name_plural = _("proofs of transfer")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["payment", "sha256"], name="payment_proofs_once"),
        ]

    def __str__(self) -> str:
        return self.file_name
