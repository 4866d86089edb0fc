"""When health is not a connection's own affair: work that was announced, and providers that fail for many at once."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel, TimestampedModel


class MaintenanceWindow(TenantModel, TimestampedModel):
    """A time in which failures are expected: of one connection, of all to a provider, or, with neither, of all."""

    connection = models.ForeignKey(
        "integrations.Connection", on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("connection"),
    )  # fmt: skip
    provider = models.ForeignKey(
        "integrations.IntegrationProvider", on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("provider"),
    )  # fmt: skip
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=200)
    created_by = models.ForeignKey(
        "integrations.User", on_delete=models.SET_NULL, null=True, blank=True, db_column="created_by",
        related_name="+", verbose_name=_("created by"),
    )  # fmt: skip

    class Meta:
        db_table = "maintenance_windows"
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")
        ordering = ("-starts_at", "-id")
        indexes: ClassVar = [models.Index(fields=["organization", "-ends_at"], name="maintenance_org_ends")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="maintenance_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=models.Q(connection=None) | models.Q(provider=None), name="maintenance_one_scope"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} · {self.starts_at:%d/%m/%Y %H:%M}"


class ProviderIncident(IdentifiedModel):
    """A provider that failed for several organizations at once. It is nobody's row: tenants read of the providers that
    they use that there is one, and since when; how many it concerns is the service's to know."""

    provider = models.ForeignKey(
        "integrations.IntegrationProvider", on_delete=models.CASCADE, related_name="+", verbose_name=_("provider")
    )
    opened_at = models.DateTimeField(_("opened"))
    resolved_at = models.DateTimeField(_("resolved"), null=True)
    failing_connections = models.PositiveIntegerField(_("connections failing"))
    worst_connections = models.PositiveIntegerField(_("at its worst"))
    all_connections = models.PositiveIntegerField(_("connections in all"))
    failing_organizations = models.PositiveIntegerField(_("organizations"))

    SHOWN_TO_TENANTS = ("id", "provider_id", "opened_at", "resolved_at")

    class Meta:
        db_table = "provider_incidents"
        verbose_name = _("provider incident")
        verbose_name_plural = _("provider incidents")
        ordering = ("-opened_at", "-id")
        indexes: ClassVar = [models.Index(fields=["-opened_at"], name="incidents_newest")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider"], condition=models.Q(resolved_at=None), name="incidents_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} · {self.opened_at:%d/%m/%Y %H:%M}"
