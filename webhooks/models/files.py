"""Files that belong to no row any more."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from integrations.models import RemovableFile


class FileToRemove(RemovableFile):
    """The archived body of an event that was deleted, or a part of an export of the log that was."""

    class Meta:
        db_table = "webhook_files_to_remove"
        verbose_name = _("file to remove")
        verbose_name_plural = _("files to remove")
        ordering = ("id",)
