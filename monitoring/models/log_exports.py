"""Exports of the log: what was asked for, and how far the file has come."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.fields import EncryptedTextField
from integrations.models.base import IdentifiedModel, TenantModel, organization_key
from integrations.retelling import retold


class LogExport(TenantModel, IdentifiedModel):
    """One file, written part by part, newest calls first: see `monitoring.log_export_work`.

    Its parts lie in `folder` as `00000`, `00001`, …, sealed under `file_key`. To delete the row removes its files.
    """

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        JSON_LINES = "jsonl", _("JSON lines")

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    OPEN = (Status.WAITING, Status.RUNNING)

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    created_by = models.CharField(_("who"), max_length=255)
    user = models.ForeignKey(
        "integrations.User", on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    filters = models.JSONField(_("filters"), default=dict)
    file_format = models.CharField(_("format"), max_length=5, choices=Format)
    language = models.CharField(_("language"), max_length=8, default="en", help_text=_("Of the headings."))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.WAITING)
    rows_done = models.PositiveIntegerField(_("calls written"), default=0)
    rows_estimated = models.PositiveBigIntegerField(_("calls expected"), null=True)
    is_cut = models.BooleanField(_("cut at the most that an export may have"), default=False)
    position = models.CharField(_("position"), max_length=80, blank=True, help_text=_("The call that it has come to."))
    folder = models.CharField(max_length=255, blank=True, editable=False)
    file_key = EncryptedTextField(null=True, editable=False)
    parts = models.PositiveIntegerField(_("parts"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    error_message = models.TextField(_("error"), blank=True)
    claim = models.UUIDField(null=True, editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)
    completed_at = models.DateTimeField(_("ended"), null=True)
    expires_at = models.DateTimeField(_("deleted at"), null=True)

    class Meta:
        db_table = "log_exports"
        verbose_name = _("log export")
        verbose_name_plural = _("log exports")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="log_exports_newest"),
            models.Index(fields=["id"], condition=models.Q(status__in=["waiting", "running"]), name="log_exports_open"),
            models.Index(fields=["expires_at"], name="log_exports_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.created_by} · {self.get_file_format_display()}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def has_file(self) -> bool:
        """A file whose time is over is none, though it may not be removed yet."""
        is_over = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.status == self.Status.COMPLETED and not is_over

    @property
    def may_be_repeated(self) -> bool:
        """It has ended, and there is no file of it, or no more."""
        return not self.is_open and not self.has_file

    @property
    def told(self) -> str:
        """Why it failed, or waits, in the language of the current request."""
        return retold(self.error_message)

    @property
    def progress(self) -> int:
        """In per cent: of the time that it goes back over, as the number of calls is a guess."""
        if self.status == self.Status.COMPLETED:
            return 100
        if not self.position:
            return 0
        since, until, at = (
            datetime.fromisoformat(text)
            for text in (self.filters["since"], self.filters["until"], self.position.partition("~")[0])
        )
        return max(1, min(99, round(100 * (until - at) / (until - since))))

    def file_name(self, part: int) -> str:
        """Where a part lies in object storage."""
        return f"{self.folder}{part:05}"
