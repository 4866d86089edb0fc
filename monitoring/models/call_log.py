"""Every call, as it was made."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from integrations.models.base import TenantModel, organization_key, uuid7


class CallLog(TenantModel):
    """One attempt of one call to a provider. The table is partitioned by month on `created_at` (see `partitions`).

    In the database the primary key is `(id, created_at)`, as partitioning wants it. The words in a row have an index,
    too: see `monitoring.log_text`.
    """

    class Type(models.TextChoices):
        API_REQUEST = "api_request", _("Request")
        API_RESPONSE = "api_response", _("Response")
        ERROR = "error", _("Error")
        WEBHOOK = "webhook", _("Webhook")
        SYSTEM = "system", _("System")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = organization_key(on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    connection = models.ForeignKey(
        "integrations.Connection",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("connection"),
    )
    log_type = models.CharField(_("type"), max_length=12, choices=Type)
    method = models.CharField(_("method"), max_length=8, blank=True)
    endpoint = models.CharField(_("endpoint"), max_length=2048, blank=True)
    request_headers = models.JSONField(_("request headers"), default=dict)
    request_body = models.TextField(_("request body"), blank=True)
    response_status = models.PositiveSmallIntegerField(_("status"), null=True)
    response_headers = models.JSONField(_("response headers"), default=dict)
    response_body = models.TextField(_("response body"), blank=True)
    response_time_ms = models.PositiveIntegerField(_("time (ms)"), null=True)
    error_message = models.TextField(_("error"), blank=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    user = models.ForeignKey(
        "integrations.User",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("user"),
    )
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    operation = models.CharField(_("operation"), max_length=64, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    bytes_sent = models.PositiveBigIntegerField(_("bytes sent"), default=0)
    bytes_received = models.PositiveBigIntegerField(_("bytes received"), default=0)
    cost_aed = models.DecimalField(_("cost (AED)"), max_digits=12, decimal_places=6, default=0)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        db_table = "integration_logs"
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ("-created_at", "-id")
        permissions: ClassVar = [("export_calllog", "Can export calls")]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-created_at", "-id"], name="logs_org_newest"),
            models.Index(fields=["connection", "-created_at"], name="logs_connection"),
            models.Index(fields=["-created_at"], name="logs_created"),
            models.Index(fields=["organization", "log_type", "-created_at"], name="logs_type"),
            models.Index(fields=["organization", "method", "-created_at"], name="logs_method"),
            models.Index(fields=["user", "-created_at"], condition=models.Q(user__isnull=False), name="logs_user"),
            models.Index(fields=["request_id"], condition=~models.Q(request_id=""), name="logs_request"),
            # What is rare among many has an index of its own, which costs the others nothing.
            *(
                models.Index(
                    fields=["organization", "-created_at", "-id"],
                    condition=models.Q(response_status__gte=low, response_status__lt=low + 100),
                    name=f"logs_{low // 100}xx",
                )
                for low in (300, 400, 500)
            ),
            models.Index(
                fields=["organization", "-created_at", "-id"],
                condition=models.Q(response_status__isnull=True),
                name="logs_unanswered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"
