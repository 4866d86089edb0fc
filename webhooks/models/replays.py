"""Replays of many events at once: what was asked for, and how far it has come."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel, organization_key


class WebhookReplay(TenantModel, IdentifiedModel):
    """One run. It makes events due again in the order of their keys: see `webhooks.replay_batches`."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    OPEN = (Status.WAITING, Status.RUNNING)

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    filters = models.JSONField(_("filters"), default=dict, help_text=_("What the events had to fit."))
    event_ids = ArrayField(
        models.UUIDField(),
        default=list,
        verbose_name=_("events named"),
        help_text=_("Where they were named one by one."),
    )
    total = models.PositiveIntegerField(_("events"), default=0)
    done = models.PositiveIntegerField(_("made due"), default=0)
    skipped = models.PositiveIntegerField(
        _("skipped"),
        default=0,
        help_text=_("Those that were waiting anyway, or fitted no longer in their turn."),
    )
    last_key = models.UUIDField(_("position"), null=True, help_text=_("The event that it has come to."))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.WAITING)
    error_message = models.TextField(_("error"), blank=True)
    created_by = models.CharField(_("who"), max_length=255)
    user = models.ForeignKey(
        "integrations.User", on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    started_at = models.DateTimeField(_("started"), null=True)
    completed_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        db_table = "webhook_replays"
        verbose_name = _("webhook replay")
        verbose_name_plural = _("webhook replays")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="webhook_replays_newest"),
            models.Index(
                fields=["id"], condition=models.Q(status__in=["waiting", "running"]), name="webhook_replays_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.created_by} · {self.total}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def passed(self) -> int:
        """How many of its events it is done with."""
        return self.done + self.skipped
