"""What the sandbox gateway remembers. A stranger's database: of no organization, closed to tenants."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..fields import EncryptedTextField
from .base import IdentifiedModel, TimestampedModel
from .payments import MoneyField


class SandboxPayment(TimestampedModel):
    class Status(models.TextChoices):
        AWAITING_PAYER = "awaiting_payer", _("Awaiting the payer")
        AUTHORISED = "authorised", _("Authorised")
        CAPTURED = "captured", _("Paid")
        FAILED = "failed", _("Declined")
        CANCELLED = "cancelled", _("Cancelled")
        PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
        REFUNDED = "refunded", _("Refunded")

    account = models.CharField(_("account"), max_length=64, help_text=_("SHA-256 of the API key."))
    reference = models.CharField(_("reference"), max_length=255)
    amount = MoneyField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_captured = MoneyField(_("captured"), default=0)
    amount_refunded = MoneyField(_("refunded"), default=0)
    capture = models.BooleanField(_("capture at once"), default=True)
    method = models.CharField(_("method"), max_length=32, blank=True)
    customer = models.JSONField(_("customer"), default=dict, blank=True)
    success_url = models.URLField(_("success address"), max_length=2000, blank=True)
    cancel_url = models.URLField(_("cancel address"), max_length=2000, blank=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.AWAITING_PAYER)
    failure_code = models.CharField(_("failure code"), max_length=100, blank=True)

    class Meta:
        db_table = "sandbox_payments"
        verbose_name = _("sandbox payment")
        verbose_name_plural = _("sandbox payments")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.reference} · {self.amount} {self.currency}"

    @property
    def public_id(self) -> str:
        return f"pay_{self.id.hex}"


class SandboxRequest(IdentifiedModel):
    """The answer to a request that carried an idempotency key, kept to be given again."""

    account = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(default=dict)

    class Meta:
        db_table = "sandbox_requests"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="sandbox_requests_key"),
        ]

    def __str__(self) -> str:
        return self.idempotency_key


class SandboxKey(TimestampedModel):
    """A key that was issued to an account, or revoked. A key with no row is its own account's first one."""

    account = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True, help_text=_("SHA-256 of the API key."))
    is_revoked = models.BooleanField(default=False)

    class Meta:
        db_table = "sandbox_keys"

    def __str__(self) -> str:
        return self.digest


class SandboxWebhook(TimestampedModel):
    """Where an account has its events sent, and what they are signed with."""

    account = models.CharField(max_length=64)
    url = models.URLField(max_length=500)
    secret = EncryptedTextField()

    class Meta:
        db_table = "sandbox_webhooks"
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "url"], name="sandbox_webhooks_url")]

    def __str__(self) -> str:
        return self.url


class SandboxDelivery(IdentifiedModel):
    """An event on its way. `next_attempt_at` is empty once it has arrived or was given up."""

    webhook = models.ForeignKey(SandboxWebhook, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=64)
    body = models.TextField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, default=timezone.now)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sandbox_deliveries"
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(next_attempt_at__isnull=False),
                name="sandbox_deliveries_due",
            ),
        ]

    def __str__(self) -> str:
        return self.event_id
