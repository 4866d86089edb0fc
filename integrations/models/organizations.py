"""Who uses the system: organizations, their people and their programs."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import ClassVar
from zoneinfo import available_timezones

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .base import MAX_DAYS, IdentifiedModel, RetentionField, TenantModel, TimestampedModel, uuid7


def check_time_zone(name: str) -> None:
    """Of a zone that nobody knows no day begins: the rollup and every page would stop at it."""
    if name not in available_timezones():
        raise ValidationError(_("There is no such time zone: write it as Asia/Dubai."), code="time_zone")


class Organization(TimestampedModel):
    class Locale(models.TextChoices):
        ENGLISH = "en", _("English")
        ARABIC = "ar", _("Arabic")

    name = models.CharField(_("name"), max_length=150)
    slug = models.SlugField(_("slug"), unique=True)
    country = models.CharField(
        _("country"), max_length=2, default="AE", validators=[RegexValidator(r"^[A-Z]{2}\Z")], help_text="ISO 3166-1"
    )
    timezone = models.CharField(_("time zone"), max_length=64, default="Asia/Dubai", validators=[check_time_zone])
    locale = models.CharField(_("language"), max_length=2, choices=Locale, default=Locale.ENGLISH)
    data_region = models.CharField(_("data region"), max_length=32, default="ae")
    webhook_body_days = RetentionField(
        _("days to keep webhook bodies"),
        default=90,
        db_default=90,
        help_text=_("Then the bytes that a provider sent are deleted, and a masked summary stays. Empty: never."),
    )
    webhook_summary_days = RetentionField(
        _("days to keep webhook summaries"),
        default=1825,
        db_default=1825,
        help_text=_("Then the masked summary of an event whose body is gone goes, too. Empty: never."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "organizations"
        ordering = ("name",)
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(**{f"{name}__isnull": True}) | models.Q(**{f"{name}__range": (1, MAX_DAYS)}),
                name=f"organizations_{name}",
            )
            for name in ("webhook_body_days", "webhook_summary_days")
        ]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        db_table = "users"
        verbose_name = _("user")
        verbose_name_plural = _("users")


class Membership(TenantModel, IdentifiedModel):
    class Role(models.TextChoices):
        VIEWER = "viewer", _("Viewer")
        STAFF = "staff", _("Staff")
        ADMIN = "admin", _("Admin")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.VIEWER)

    class Meta:
        db_table = "memberships"
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "organization"], name="memberships_user_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organization} ({self.get_role_display()})"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> ApiTokenQuerySet:
        alive = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now)
        return self.filter(alive, revoked_at__isnull=True, organization__is_active=True)


class ApiToken(TenantModel, IdentifiedModel):
    """A program's key to the REST API. Only a hash is kept; the token itself is shown once, when it is issued."""

    class Scope(models.TextChoices):
        READ = "read", _("Read everything")
        CONNECTIONS = "connections", _("Manage connections and credentials")
        PAYMENTS = "payments", _("Take, capture, void and refund payments")
        WEBHOOKS = "webhooks", _("Manage webhook endpoints and replay events")
        PROXY = "proxy", _("Call providers through the proxy")

    PREFIX = "hub_"

    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=12)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope), verbose_name=_("scopes"), default=list)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, db_column="created_by", related_name="+", editable=False
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        db_table = "api_tokens"
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def issue(self) -> str:
        """Give this unsaved row a fresh token and return it: the only time that it can be seen."""
        token = self.PREFIX + secrets.token_urlsafe(32)
        self.prefix = token[:12]
        self.token_hash = self.hash(token)
        return token

    @staticmethod
    def hash(token: str) -> str:
        """SHA-256 is enough: the token has 256 random bits, so there is nothing to guess."""
        return hashlib.sha256(token.encode()).hexdigest()

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())
