"""What became of an endpoint's events, hour by hour: what a page can show without counting them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.models.base import IdentifiedModel, organization_key

from .endpoints import WebhookEndpoint


class EndpointHour(IdentifiedModel):
    """Events that came to an end in the hour that began at `hour`."""

    organization = organization_key(on_delete=models.CASCADE, db_index=False)
    webhook_endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, db_index=False, related_name="hours"
    )
    hour = models.DateTimeField()
    succeeded = models.PositiveBigIntegerField(default=0, db_default=0)
    failed = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "webhook_endpoint_hours"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook_endpoint", "hour"], name="webhook_endpoint_hours_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "hour"], name="webhook_endpoint_hours_org")]

    def __str__(self) -> str:
        return f"{self.webhook_endpoint_id} · {self.hour:%d/%m/%Y %H}:00"
