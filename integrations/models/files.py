"""Files that belong to no row any more."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import IdentifiedModel


class RemovableFile(IdentifiedModel):
    """A file in object storage whose row was deleted; the key is that row's.

    A trigger of the row's table writes it within the deletion, whoever deletes: a cascade, a person, SQL. It is no
    organization's, since it outlives them, and tenants have no part in it. `integrations.file_removal` removes it.
    """

    name = models.CharField(_("name"), max_length=255)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class ProofToRemove(RemovableFile):
    class Meta:
        db_table = "payment_proofs_to_remove"
        verbose_name = _("proof to remove")
        verbose_name_plural = _("proofs to remove")
        ordering = ("id",)
