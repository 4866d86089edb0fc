"""The catalogue of providers: rows made from the provider classes by `sync_providers`, never typed twice."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .base import PriceField, TimestampedModel


class IntegrationProviderQuerySet(models.QuerySet["IntegrationProvider"]):
    def mena_first(self) -> IntegrationProviderQuerySet:
        return self.order_by("-is_mena_provider", Upper("provider_name"))


class IntegrationProvider(TimestampedModel):
    class Type(models.TextChoices):
        PAYMENT = "payment", _("Payment")
        SHIPPING = "shipping", _("Shipping")
        SOCIAL_MEDIA = "social_media", _("Social media")
        MARKETING = "marketing", _("Marketing")
        COMMUNICATION = "communication", _("Communication")
        DELIVERY = "delivery", _("Delivery")
        ACCOUNTING = "accounting", _("Accounting")
        PAYROLL = "payroll", _("Payroll")
        RESERVATION = "reservation", _("Reservation")
        CLOUD = "cloud", _("Cloud")
        DEVELOPER = "developer", _("Developer")

    class PricingModel(models.TextChoices):
        FREE = "free", _("Free")
        FREEMIUM = "freemium", _("Freemium")
        PAID = "paid", _("Paid")
        USAGE_BASED = "usage_based", _("Usage-based")

    slug = models.SlugField(_("slug"), unique=True)
    provider_name = models.CharField(_("name"), max_length=100, unique=True)
    provider_name_ar = models.CharField(_("Arabic name"), max_length=100, blank=True)
    provider_type = models.CharField(_("type"), max_length=16, choices=Type)
    description = models.TextField(_("description"), blank=True)
    description_ar = models.TextField(_("Arabic description"), blank=True)
    logo_url = models.CharField(_("logo"), max_length=255, blank=True)
    documentation_url = models.URLField(_("documentation"), blank=True)
    api_version = models.CharField(_("API version"), max_length=50, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    requires_oauth = models.BooleanField(_("requires OAuth"), default=False)
    supported_regions = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    supported_countries = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    supported_currencies = ArrayField(models.CharField(max_length=3), default=list, blank=True)
    is_mena_provider = models.BooleanField(_("MENA provider"), default=False)
    primary_locale = models.CharField(_("primary language"), max_length=2, default="en")
    payment_capabilities = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    pricing_model = models.CharField(
        _("pricing"), max_length=16, choices=PricingModel, default=PricingModel.USAGE_BASED
    )
    price_per_call_aed = PriceField(
        _("price per call (AED)"), help_text=_("Of connections that have no price of their own.")
    )
    configuration_schema = models.JSONField(_("configuration schema"), default=dict, blank=True)
    organization = models.ForeignKey(
        "integrations.Organization",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("organization"),
        help_text=_("Empty: offered to all. Set: a private provider of one organization."),
    )

    objects = IntegrationProviderQuerySet.as_manager()

    class Meta:
        db_table = "integration_providers"
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ("-is_mena_provider", "provider_name")
        indexes: ClassVar = [models.Index(fields=["provider_type", "is_active"], name="providers_type_active")]

    def __str__(self) -> str:
        return self.local_name

    @property
    def local_name(self) -> str:
        """The name in the reader's language."""
        return (self.provider_name_ar if get_language() == "ar" else "") or self.provider_name

    @property
    def local_description(self) -> str:
        return (self.description_ar if get_language() == "ar" else "") or self.description
