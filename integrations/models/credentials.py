"""The secrets of a connection, encrypted under a named master key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import vault
from ..fields import EncryptedTextField
from ..secrecy import Secret
from .base import TenantModel, TimestampedModel
from .connections import Connection


class CredentialQuerySet(models.QuerySet["Credential"]):
    def usable(self, now: datetime | None = None) -> CredentialQuerySet:
        """Active and not expired, newest first."""
        alive = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now or timezone.now())
        return self.filter(alive, is_active=True).order_by("credential_key", "-created_at", "-id")

    def in_use(self) -> CredentialQuerySet:
        """The newest active one of each key: not those that a rotation has replaced and that are still valid."""
        newer = Credential.objects.filter(
            connection=models.OuterRef("connection"),
            credential_key=models.OuterRef("credential_key"),
            is_active=True,
            id__gt=models.OuterRef("id"),
        )
        return self.filter(~models.Exists(newer), is_active=True)

    def replaced(self) -> CredentialQuerySet:
        """Active still, though a newer one is in use."""
        return self.filter(is_active=True).exclude(pk__in=self.in_use().values("pk"))

    def due(self, now: datetime | None = None) -> CredentialQuerySet:
        """In use, and older than their policy allows."""
        now = now or timezone.now()
        old = models.Q()
        for policy, days in Credential.ROTATED_AFTER_DAYS.items():
            old |= models.Q(rotation_policy=policy, since__lte=now - timedelta(days=days))
        return self.in_use().alias(since=Coalesce("last_rotated", "created_at")).filter(old)


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

    ROTATED_AFTER_DAYS: ClassVar = {RotationPolicy.DAYS_30: 30, RotationPolicy.DAYS_90: 90, RotationPolicy.YEARLY: 365}

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
    reminded_at = models.DateTimeField(null=True, editable=False)  # when it was said that somebody must rotate it
    revoke_at_end = models.BooleanField(default=False, editable=False)  # at the provider too: its API has replaced it
    is_active = models.BooleanField(_("active"), default=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        db_table = "api_credentials"
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        indexes: ClassVar = [models.Index(fields=["connection", "credential_type"], name="credentials_conn_type")]

    def __str__(self) -> str:
        return f"{self.credential_key} (…{self.fingerprint})"

    @property
    def due_at(self) -> datetime | None:
        """When the policy wants another value in its place."""
        days = self.ROTATED_AFTER_DAYS.get(self.RotationPolicy(self.rotation_policy))
        return (self.last_rotated or self.created_at) + timedelta(days=days) if days else None

    @property
    def is_due(self) -> bool:
        return self.due_at is not None and self.due_at <= timezone.now()

    def set_value(self, value: str) -> None:
        """Take a new secret: what is written about it (method, key, fingerprint) always describes this value."""
        self.encrypted_value = value
        self.encryption_method = vault.METHOD
        self.key_id = self.encrypted_value.key_id
        self.fingerprint = vault.fingerprint(value)

    def reveal(self) -> Secret:
        """The secret itself. Raises VaultError when its master key is missing or does not fit."""
        sealed: vault.SealedText = self.encrypted_value
        return sealed.reveal()
