"""The secrets of a connection, encrypted under a named master key."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import vault
from ..fields import EncryptedTextField
from .base import TenantModel, TimestampedModel
from .connections import Connection


class CredentialQuerySet(models.QuerySet["Credential"]):
    def usable(self, now: datetime | None = None) -> CredentialQuerySet:
        """Active and not expired, newest first."""
        alive = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now or timezone.now())
        return self.filter(alive, is_active=True).order_by("credential_key", "-created_at", "-id")


class Credential(TenantModel, TimestampedModel):
    """One value. A rotation adds a row and lets the old one expire after an overlap, so both work for a while."""

    class Type(models.TextChoices):
        API_KEY = "api_key", _("API key")
        OAUTH_TOKEN = "oauth_token", _("OAuth token")
        CLIENT_ID = "client_id", _("Client id")
        CLIENT_SECRET = "client_secret", _("Client secret")
        WEBHOOK_SECRET = "webhook_secret", _("Webhook secret")
        USERNAME = "username", _("User name")
        PASSWORD = "password", _("Password")
        CERTIFICATE = "certificate", _("Certificate")
        OTHER = "other", _("Other")

    class RotationPolicy(models.TextChoices):
        MANUAL = "manual", _("By hand")
        DAYS_30 = "30days", _("Every 30 days")
        DAYS_90 = "90days", _("Every 90 days")
        YEARLY = "yearly", _("Every year")

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="credentials", verbose_name=_("connection")
    )
    credential_type = models.CharField(_("type"), max_length=16, choices=Type, default=Type.API_KEY)
    credential_key = models.CharField(_("key"), max_length=100)
    encrypted_value = EncryptedTextField(_("value"))
    encryption_method = models.CharField(_("encryption"), max_length=16, editable=False)
    key_id = models.CharField(_("master key"), max_length=32, editable=False)
    fingerprint = models.CharField(_("fingerprint"), max_length=12, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_rotated = models.DateTimeField(_("last rotated"), null=True, blank=True, editable=False)
    rotation_policy = models.CharField(
        _("rotation"), max_length=8, choices=RotationPolicy, default=RotationPolicy.MANUAL
    )
    is_active = models.BooleanField(_("active"), default=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        db_table = "api_credentials"
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        indexes: ClassVar = [models.Index(fields=["connection", "credential_type"], name="credentials_conn_type")]

    def __str__(self) -> str:
        return f"{self.credential_key} (…{self.fingerprint})"

    def set_value(self, value: str) -> None:
        """Take a new secret: what is written about it (method, key, fingerprint) always describes this value."""
        self.encrypted_value = value
        self.encryption_method = vault.METHOD
        self.key_id = self.encrypted_value.key_id
        self.fingerprint = vault.fingerprint(value)

    def reveal(self) -> str:
        """The secret itself. Raises VaultError when its master key is missing or does not fit."""
        sealed: vault.SealedText = self.encrypted_value
        return sealed.reveal()
