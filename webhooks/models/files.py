"""Files that belong to no row any more."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel


class FileToRemove(IdentifiedModel):
    """The archived body of an event that was deleted (its key is the event's), or a part of a log export that was.

    A trigger of `webhook_events` or `log_exports` writes it within the deletion, whoever deletes: a cascade, a person,
    SQL. It is no organization's, since it outlives them, and tenants have no part in it.
    """

    name = models.CharField(_("name"), max_length=255)

    class Meta:
        db_table = "webhook_files_to_remove"
        verbose_name = _("file to remove")
        verbose_name_plural = _("files to remove")
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name
