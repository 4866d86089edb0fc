"""The social media accounts that a connection speaks for."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..fields import EncryptedTextField
from .base import TenantModel, TimestampedModel
from .connections import Connection


class SocialAccount(TenantModel, TimestampedModel):
    class Platform(models.TextChoices):
        FACEBOOK = "facebook", "Facebook"
        INSTAGRAM = "instagram", "Instagram"
        TWITTER = "twitter", "X"
        LINKEDIN = "linkedin", "LinkedIn"
        TIKTOK = "tiktok", "TikTok"

    class Permission(models.TextChoices):
        POST = "post", _("Post")
        READ = "read", _("Read")
        ANALYTICS = "analytics", _("Analytics")
        MESSAGING = "messaging", _("Messaging")

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="social_accounts", verbose_name=_("connection")
    )
    platform = models.CharField(_("platform"), max_length=16, choices=Platform)
    account_name = models.CharField(_("account"), max_length=255)
    account_id = models.CharField(_("account id"), max_length=255)
    profile_url = models.URLField(_("profile"), max_length=500, blank=True)
    access_token = EncryptedTextField(_("access token"), null=True, blank=True)
    refresh_token = EncryptedTextField(_("refresh token"), null=True, blank=True)
    token_expires_at = models.DateTimeField(_("token expires"), null=True, blank=True)
    permissions = ArrayField(
        models.CharField(max_length=16, choices=Permission), default=list, blank=True, verbose_name=_("permissions")
    )
    is_business_account = models.BooleanField(_("business account"), default=False)
    follower_count = models.PositiveIntegerField(_("followers"), default=0)
    last_sync = models.DateTimeField(_("last sync"), null=True, blank=True)
    auto_post_enabled = models.BooleanField(_("post automatically"), default=False)

    class Meta:
        db_table = "social_media_accounts"
        verbose_name = _("social media account")
        verbose_name_plural = _("social media accounts")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "platform", "account_id"], name="social_accounts_connection_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} · {self.account_name}"
