"""Somebody has seen it: what is open is told no more until it is resolved or grows more urgent."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from integrations.errors import Conflict
from integrations.models import User
from integrations.operations.announce import record_action
from integrations.request_id import current_origin

from ..models import Alert, AlertNotification
from .telling import skip


def acknowledge_alert(alert: Alert, user: User | None = None) -> Alert:
    """Say who has seen it: `user`, or the program whose token is used. A second time changes nothing.

    Raises Conflict where it is resolved already.
    """
    with transaction.atomic():
        locked = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
        if locked.resolved_at is not None:
            raise Conflict("The alert is resolved already.")
        if locked.acknowledged_at is None:
            locked.acknowledged_at, locked.acknowledged_by = timezone.now(), user
            locked.acknowledged_name = user.get_username() if user else current_origin().actor
            locked.save(update_fields=["acknowledged_at", "acknowledged_by", "acknowledged_name"])
            reminders = (AlertNotification.Kind.REPEATED, AlertNotification.Kind.ESCALATED)
            skip(locked.notifications.filter(kind__in=reminders).values_list("pk", flat=True))
            record_action("alert.acknowledged", locked, {"kind": locked.kind})
    return locked
