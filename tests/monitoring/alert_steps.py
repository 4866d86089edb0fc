"""What tests of alerts do: make channels that lead to a wire server, let time pass, and send what is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from integrations.models import Connection, Organization
from monitoring.alerting.channels import create_channel
from monitoring.models import Alert, AlertChannel, AlertNotification, AlertRule, AlertWait
from monitoring.tasks import send_notifications, tell_due_alerts, watch_connections
from tests.wire import WireServer


def channel_to(server: WireServer, organization: Organization, name: str = "On call", path: str = "alerts") -> Any:
    return create_channel(organization, name=name, url=f"json://127.0.0.1:{server.port}/{path}")


def become(status: str, *connections: Connection, error: str = "No answer.") -> None:
    """As the health checks write it down."""
    rows = Connection.objects.filter(pk__in=[one.pk for one in connections])
    rows.update(health_status=status, error_message=error)


def look() -> None:
    """What beat does, twice: everything that is to be done once is done once."""
    watch_connections()
    watch_connections()


def pass_time(minutes: float) -> None:
    """All that was noted down lies so much longer ago."""
    ago = timedelta(minutes=minutes)
    Alert.objects.update(opened_at=F("opened_at") - ago, next_notification_at=F("next_notification_at") - ago)
    AlertWait.objects.update(since=F("since") - ago)
    AlertNotification.objects.update(next_attempt_at=F("next_attempt_at") - ago, sent_at=F("sent_at") - ago)
    AlertChannel.objects.update(next_send_at=F("next_send_at") - ago)


def send() -> None:
    """What was written is due after some seconds."""
    pass_time(0.25)
    send_notifications()


def tell_again() -> tuple[int, int]:
    told: tuple[int, int] = tell_due_alerts()
    return told


def rule_of(organization: Organization, kind: str) -> AlertRule:
    return AlertRule.objects.get(organization=organization, kind=kind)


def told(server: WireServer) -> list[str]:
    """The titles of what arrived, without the organization's name."""
    return [request.json()["title"].partition("] ")[2] for request in server.requests]


def statuses() -> list[tuple[str, str]]:
    return list(AlertNotification.objects.order_by("pk").values_list("kind", "status"))


def minutes_until(moment: Any) -> int:
    return round((moment - timezone.now()).total_seconds() / 60)
