"""An organization's own rules for which connection takes which payment."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .base import TenantModel, TimestampedModel
from .connections import Connection
from .payments import MoneyField


class PaymentRoute(TenantModel, TimestampedModel):
    """Payments that fit every part that is filled in go to `connection`; of several rules to the first by position."""

    LAST_POSITION = 32_767  # what the column holds

    name = models.CharField(_("name"), max_length=100)
    position = models.PositiveSmallIntegerField(_("position"), default=100)
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="payment_routes", verbose_name=_("connection")
    )
    environment = models.CharField(_("environment"), max_length=16, blank=True, choices=Connection.Environment)
    country = models.CharField(
        _("country"), max_length=2, blank=True, validators=[RegexValidator(r"^[A-Z]{2}\Z")], help_text="ISO 3166-1"
    )
    currency = models.CharField(
        _("currency"), max_length=3, blank=True, validators=[RegexValidator(r"^[A-Z]{3}\Z")], help_text="ISO 4217"
    )
    method = models.CharField(_("method"), max_length=32, blank=True)
    min_amount = MoneyField(_("from"), null=True, blank=True)
    max_amount = MoneyField(_("up to"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "payment_routes"
        verbose_name = _("payment route")
        verbose_name_plural = _("payment routes")
        ordering = ("position", "id")
        indexes: ClassVar = [models.Index(fields=["organization", "position"], name="payment_routes_org")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(min_amount__isnull=True) | Q(max_amount__isnull=True) | Q(min_amount__lte=F("max_amount")),
                name="payment_routes_amounts",
            ),
            models.CheckConstraint(
                condition=(Q(min_amount__isnull=True) & Q(max_amount__isnull=True)) | ~Q(currency=""),
                name="payment_routes_amounts_have_a_currency",
            ),
        ]

    def __str__(self) -> str:
        return self.name
