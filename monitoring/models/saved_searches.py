"""Filters of the log that somebody means to use again."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlencode

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from integrations.models.base import TenantModel, TimestampedModel, organization_key


class SavedSearch(TenantModel, TimestampedModel):
    """Its owner's alone, or seen by everybody in the organization. `filters` are those of the page, as text."""

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    user = models.ForeignKey("integrations.User", on_delete=models.CASCADE, related_name="+", verbose_name=_("owner"))
    name = models.CharField(_("name"), max_length=80)
    filters = models.JSONField(_("filters"), default=dict)
    is_shared = models.BooleanField(_("shared in the organization"), default=False)

    class Meta:
        db_table = "log_searches"
        verbose_name = _("saved search")
        verbose_name_plural = _("saved searches")
        ordering = ("name", "id")
        permissions: ClassVar = [("share_savedsearch", "Can share searches of the log")]
        constraints: ClassVar = [
            models.UniqueConstraint("organization", "user", Lower("name"), name="log_searches_one_of_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def query(self) -> str:
        """The filters, as they stand in an address."""
        return urlencode(self.filters)
