"""Which address a payment gateway is told with each payment: that of its connection's newest active endpoint.

Gateways such as Tap and PayTabs want it there, and have none in their dashboards.
"""

from __future__ import annotations

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from integrations.models import PaymentSettings

from .models import WebhookEndpoint


@receiver([post_save, post_delete], sender=WebhookEndpoint, dispatch_uid="hub.webhooks.payment_addresses")
def _keep_address(sender: object, instance: WebhookEndpoint, **kwargs: object) -> None:
    kept = PaymentSettings.objects.filter(connection=instance.connection_id)
    taking = WebhookEndpoint.objects.filter(connection=instance.connection_id, is_active=True).order_by("-pk")
    address = taking.values_list("webhook_url", flat=True).first() or ""
    kept.exclude(webhook_url=address).update(webhook_url=address)
