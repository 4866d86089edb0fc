"""Who did what."""

from __future__ import annotations

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel


class AuditLog(IdentifiedModel):
    """Who did what. Append only, tamper-evident by its hash chain, kept five years (see `monitoring.audit`)."""

    organization = models.ForeignKey(
        "integrations.Organization",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=_("organization"),
    )
    # Not auto_now_add, which would set it once more after the hash was made over it.
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    actor = models.CharField(_("who"), max_length=255)
    action = models.CharField(_("action"), max_length=64)
    object = models.CharField(_("object"), max_length=255)
    changes = models.JSONField(_("changes"), default=dict, encoder=DjangoJSONEncoder)
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("browser"), max_length=512, blank=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_logs"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="audit_org_newest"),
            models.Index(fields=["object", "-id"], name="audit_object"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} · {self.action} · {self.object}"
