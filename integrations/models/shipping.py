"""How a shipping connection ships."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import TenantModel, TimestampedModel
from .connections import Connection


class ShippingSettings(TenantModel, TimestampedModel):
    class ServiceType(models.TextChoices):
        STANDARD = "standard", _("Standard")
        EXPRESS = "express", _("Express")
        OVERNIGHT = "overnight", _("Overnight")
        INTERNATIONAL = "international", _("International")

    class Region(models.TextChoices):
        UAE = "uae", _("United Arab Emirates")
        GCC = "gcc", _("Gulf states")
        MENA = "mena", _("Middle East and North Africa")
        INTERNATIONAL = "international", _("International")

    class PricingModel(models.TextChoices):
        FLAT_RATE = "flat_rate", _("Flat rate")
        WEIGHT_BASED = "weight_based", _("By weight")
        ZONE_BASED = "zone_based", _("By zone")

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, related_name="shipping_settings", verbose_name=_("connection")
    )
    provider_name = models.CharField(_("provider"), max_length=100)
    account_number = models.CharField(_("account number"), max_length=100, blank=True)
    service_types = ArrayField(
        models.CharField(max_length=16, choices=ServiceType), default=list, blank=True, verbose_name=_("services")
    )
    supported_regions = ArrayField(
        models.CharField(max_length=16, choices=Region), default=list, blank=True, verbose_name=_("regions")
    )
    default_service_type = models.CharField(
        _("default service"), max_length=16, choices=ServiceType, default=ServiceType.STANDARD
    )
    auto_generate_labels = models.BooleanField(_("make labels at once"), default=True)
    tracking_enabled = models.BooleanField(_("tracking"), default=True)
    insurance_enabled = models.BooleanField(_("insurance"), default=False)
    max_weight_kg = models.DecimalField(_("largest weight (kg)"), max_digits=8, decimal_places=3, null=True, blank=True)
    max_dimensions_cm = models.JSONField(
        _("largest size (cm)"), default=dict, blank=True, help_text=_("Length, width and height in centimetres.")
    )
    pricing_model = models.CharField(
        _("pricing"), max_length=16, choices=PricingModel, default=PricingModel.WEIGHT_BASED
    )

    class Meta:
        db_table = "shipping_providers"
        verbose_name = _("shipping settings")
        verbose_name_plural = _("shipping settings")

    def __str__(self) -> str:
        return self.provider_name
