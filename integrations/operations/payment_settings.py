"""How a payment connection takes payments: changed by people, and written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from ..models import Connection, PaymentSettings
from .announce import record_action

CHANGEABLE = (
    "supported_currencies", "supported_payment_methods", "auto_capture", "success_url", "cancel_url",
    "settlement_schedule", "fee_percent", "fee_fixed",
)  # fmt: skip


def settings_for(connection: Connection) -> PaymentSettings:
    """Those of the connection, or such as a new one begins with, unsaved."""
    kept = PaymentSettings.objects.filter(connection=connection).first()
    return kept or PaymentSettings(
        organization_id=connection.organization_id,
        connection=connection,
        provider_name=connection.provider.provider_name,
        is_test_mode=not connection.is_live,
    )


def change_payment_settings(connection: Connection, changes: Mapping[str, Any]) -> PaymentSettings:
    """Set those of `CHANGEABLE` that are in `changes`, which a form has checked."""
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=connection.pk)  # two people's changes come one after the other
        settings = settings_for(connection)
        told = {}
        for name in CHANGEABLE:
            if name in changes and changes[name] != getattr(settings, name):
                told[name] = [getattr(settings, name), changes[name]]
                setattr(settings, name, changes[name])
        settings.save()
        if told:
            record_action("payment_settings.updated", settings, told)
    return settings
