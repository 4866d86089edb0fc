"""The manifest of the call log's archive: which calls left the database, and in which file they are."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.fields import EncryptedTextField
from integrations.models.base import IdentifiedModel, TenantModel, organization_key


class LogArchive(TenantModel, IdentifiedModel):
    """A part of an organization's month: consecutive calls as JSON lines, compressed, sealed under `file_key`.

    A month has as many parts as it needs. To delete the row is to delete its key; a trigger notes the file, which is
    removed soon after. How a part comes through its states is in `monitoring.log_archive`.
    """

    class Status(models.TextChoices):
        WRITING = "writing", _("Being written")
        WRITTEN = "written", _("Written")
        VERIFIED = "verified", _("Read back")
        MATCHED = "matched", _("Compared with the database")
        ARCHIVED = "archived", _("Archived")
        RESTORED = "restored", _("Restored")

    # The calls are still in the database, and the file is not yet relied upon.
    OPEN = (Status.WRITING, Status.WRITTEN, Status.VERIFIED, Status.MATCHED)

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    month = models.DateField(_("month"), help_text=_("Its first day; months are those of UTC."))
    part = models.PositiveIntegerField(_("part"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.WRITING)
    file = models.CharField(_("file"), max_length=255)
    file_key = EncryptedTextField(editable=False)
    file_bytes = models.PositiveBigIntegerField(_("bytes of the file"), default=0)
    rows = models.PositiveIntegerField(_("calls"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0, help_text=_("Of the lines, before compression."))
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, help_text=_("Of the lines, before compression."))
    columns = ArrayField(models.CharField(max_length=63), verbose_name=_("columns"), default=list)
    first_at = models.DateTimeField(_("first call"), null=True)
    first_id = models.UUIDField(null=True, editable=False)
    last_at = models.DateTimeField(_("last call"), null=True)
    last_id = models.UUIDField(null=True, editable=False)
    detached_at = models.DateTimeField(_("taken out of the log"), null=True)
    restored_at = models.DateTimeField(_("restored"), null=True)
    restored_until = models.DateTimeField(_("restored until"), null=True)

    class Meta:
        db_table = "log_archives"
        verbose_name = _("archive of calls")
        verbose_name_plural = _("archives of calls")
        ordering = ("-month", "organization", "part")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["month", "organization", "part"], name="log_archives_part"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "-month"], name="log_archives_organization")]

    def __str__(self) -> str:
        return f"{self.month:%m/%Y} · {self.part}"
