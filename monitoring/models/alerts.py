"""What somebody has to do."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel


class AlertQuerySet(models.QuerySet["Alert"]):
    def unresolved(self) -> AlertQuerySet:
        return self.filter(resolved_at=None)


class Alert(TenantModel, IdentifiedModel):
    """Something that somebody has to do. One at a time is open about a subject: a credential, say. `connection` is
    empty where it concerns none, or all of them."""

    class Kind(models.TextChoices):
        CREDENTIAL_EXPIRING = "credential_expiring", _("Credential due")
        WEBHOOK_FAILING = "webhook_failing", _("Webhook destination failing")
        PAYMENT_DIFFERENCE = "payment_difference", _("Payments differ")
        DISPUTE_DUE = "dispute_due", _("Dispute to answer")

    connection = models.ForeignKey(
        "integrations.Connection",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("connection"),
    )
    kind = models.CharField(_("kind"), max_length=24, choices=Kind)
    subject_id = models.UUIDField(editable=False)
    message = models.TextField(_("message"))  # a sentence in English, with places for `message_values`
    message_values = models.JSONField(default=dict, editable=False)
    opened_at = models.DateTimeField(_("opened"), default=timezone.now)
    resolved_at = models.DateTimeField(_("resolved"), null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        db_table = "alerts"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "subject_id"], condition=models.Q(resolved_at=None), name="alerts_one_open"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="alerts_org_newest"),
            models.Index(fields=["organization"], condition=models.Q(resolved_at=None), name="alerts_org_unresolved"),
        ]

    def __str__(self) -> str:
        return self.told

    @property
    def told(self) -> str:
        """The message in the language of the current request."""
        return gettext(self.message).format(**self.message_values)
