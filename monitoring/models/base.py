"""What rows about a connection have in common."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class LoggedConnection(models.Model):
    """A row about a connection that outlives it: logs are kept five years, so nothing cascades to them."""

    connection = models.ForeignKey(
        "integrations.Connection",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("connection"),
    )

    class Meta:
        abstract = True
