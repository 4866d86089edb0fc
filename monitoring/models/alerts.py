"""What somebody has to do."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.directions import isolated
from integrations.models.base import IdentifiedModel, TenantModel, organization_key
from integrations.retelling import retold


class AlertQuerySet(models.QuerySet["Alert"]):
    def unresolved(self) -> AlertQuerySet:
        return self.filter(resolved_at=None)


class Alert(TenantModel, IdentifiedModel):
    """Something that somebody has to do. One at a time is open by a rule about a subject: a credential, say.
    `connection` is empty where it concerns none, or all of them."""

    class Kind(models.TextChoices):
        HEALTH_DOWN = "health_down", _("Connection down")
        HEALTH_DEGRADED = "health_degraded", _("Connection degraded")
        RATE_LIMIT_EXCEEDED = "rate_limit_exceeded", _("Rate limit exceeded")
        ERROR_RATE = "error_rate", _("Too many errors")
        CREDENTIAL_EXPIRING = "credential_expiring", _("Credential due")
        WEBHOOK_FAILING = "webhook_failing", _("Webhook destination failing")
        BUDGET = "budget", _("Budget")
        PAYMENT_DIFFERENCE = "payment_difference", _("Payments differ")
        DISPUTE_DUE = "dispute_due", _("Dispute to answer")

    rule = models.ForeignKey(
        "monitoring.AlertRule", on_delete=models.SET_NULL, null=True, related_name="alerts", verbose_name=_("rule")
    )
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
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True, editable=False)
    acknowledged_by = models.ForeignKey(
        "integrations.User",
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        db_column="acknowledged_by",
        related_name="+",
        editable=False,
        verbose_name=_("acknowledged by"),
    )
    acknowledged_name = models.CharField(max_length=255, blank=True, editable=False)  # a program has no row of a person
    # It rises as the matter grows more urgent: 30, 7 and 1 days ahead; 80 % and 100 % of a budget.
    stage = models.PositiveSmallIntegerField(default=1, db_default=1, editable=False)
    notified = models.PositiveSmallIntegerField(_("times told"), default=0, db_default=0, editable=False)
    next_notification_at = models.DateTimeField(_("told next"), null=True, editable=False)
    escalated_at = models.DateTimeField(_("escalated"), null=True, editable=False)

    objects = AlertQuerySet.as_manager()

    class Meta:
        db_table = "alerts"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rule", "subject_id"], condition=models.Q(resolved_at=None), name="alerts_one_open"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="alerts_org_newest"),
            models.Index(fields=["organization"], condition=models.Q(resolved_at=None), name="alerts_org_unresolved"),
            models.Index(fields=["kind"], condition=models.Q(resolved_at=None), name="alerts_kind_unresolved"),
            models.Index(
                fields=["next_notification_at"],
                condition=models.Q(resolved_at=None, acknowledged_at=None, next_notification_at__isnull=False),
                name="alerts_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return self.told

    @property
    def told(self) -> str:
        """The message in the language of the current request."""
        values = {**self.message_values, "error": retold(self.message_values.get("error", ""))}
        values = {name: isolated(value) if isinstance(value, str) else value for name, value in values.items()}
        return gettext(self.message).format(**values).strip()

    @property
    def state(self) -> str:
        if self.resolved_at:
            return "resolved"
        return "acknowledged" if self.acknowledged_at else "open"


class AlertWait(TenantModel, IdentifiedModel):
    """What a rule has found, and not yet for as long as it wants before an alert is opened."""

    organization = organization_key(on_delete=models.CASCADE)
    rule = models.ForeignKey("monitoring.AlertRule", on_delete=models.CASCADE, db_index=False, related_name="+")
    subject_id = models.UUIDField(editable=False)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "alert_waits"
        verbose_name = _("waiting alert")
        verbose_name_plural = _("waiting alerts")
        constraints: ClassVar = [models.UniqueConstraint(fields=["rule", "subject_id"], name="alert_waits_subject")]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.subject_id}"
