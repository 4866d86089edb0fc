"""What a message says: one alert in full, or many counted with the first of them named. In the organization's language
and by its clock, with the page to look at, and nothing secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.defaultfilters import truncatechars
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext, ngettext

from integrations.models import Organization

from ..models import Alert, AlertNotification
from .courier import Message

NAMED_AT_MOST = 10
_Kind = AlertNotification.Kind
# So that a message is taken by each service whole: Discord takes 2,000 characters, an SMS of Twilio's 1,600.
_TITLE, _SENTENCE, _LINE = 120, 700, 110


def message_of(organization: Organization, told: Sequence[AlertNotification]) -> Message:
    """Of one notification, or of several gathered in one message."""
    with translation.override(organization.locale):
        return _single(organization, told[0]) if len(told) == 1 else _gathered(organization, told)


def duration(length: timedelta) -> str:
    """As "3 h 20 min", in the current language."""
    minutes = max(0, int(length.total_seconds() // 60))
    days, hours, left = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        gettext("{number} d").format(number=days) if days else "",
        gettext("{number} h").format(number=hours) if hours else "",
        gettext("{number} min").format(number=left) if not days and (left or not hours) else "",
    ]
    return " ".join(part for part in parts if part)


def _single(organization: Organization, notification: AlertNotification) -> Message:
    alert = notification.alert
    if alert is None:
        return _test(organization)
    told, facts = truncatechars(alert.told, _SENTENCE), _facts(organization, alert, notification)
    lines = [told, "", *facts, "", _link(_page(alert))]
    title = f"[{organization}] {_word(notification.kind)}: {alert.get_kind_display()}"
    return Message(truncatechars(title, _TITLE), "\n".join(lines), _type([notification]))


def _gathered(organization: Organization, told: Sequence[AlertNotification]) -> Message:
    newest = list({one.alert_id: one for one in told}.values())  # of an alert the last word is enough
    counts = [(kind, sum(one.kind == kind for one in newest)) for kind in _Kind.values]
    sums = ", ".join(f"{_word(kind)}: {number}" for kind, number in counts if number)
    count = len(newest)
    title = ngettext("{count} alert", "{count} alerts", count).format(count=count)
    first = [(one.kind, one.alert.told) for one in newest[:NAMED_AT_MOST] if one.alert]
    named = [f"• {_word(kind)}: {truncatechars(sentence, _LINE)}" for kind, sentence in first]
    lines = [sums, "", *named]
    if count > NAMED_AT_MOST:
        lines.append(gettext("… and {count} more.").format(count=count - NAMED_AT_MOST))
    lines += ["", _link(reverse("alerts"))]
    return Message(truncatechars(f"[{organization}] {title} ({sums})", _TITLE), "\n".join(lines), _type(told))


def _test(organization: Organization) -> Message:
    body = gettext("This is a test. Alerts of {organization} will come this way.").format(organization=organization)
    lines = [body, "", _link(reverse("alerts"))]
    return Message(f"[{organization}] {gettext('Test message')}", "\n".join(lines), "info")


def _facts(organization: Organization, alert: Alert, notification: AlertNotification) -> list[str]:
    opened = gettext("Open since {time}.").format(time=_time(organization, alert.opened_at))
    if notification.kind == _Kind.RESOLVED and alert.resolved_at:
        lasted = duration(alert.resolved_at - alert.opened_at)
        ended = gettext("Resolved at {time}, after {duration}.")
        return [ended.format(time=_time(organization, alert.resolved_at), duration=lasted)]
    if notification.kind == _Kind.ESCALATED:
        return [opened, gettext("Nobody has acknowledged it.")]
    if notification.kind == _Kind.REPEATED:
        return [opened, gettext("It still is so, after {duration}.").format(
            duration=duration(timezone.now() - alert.opened_at)
        )]  # fmt: skip
    return [opened]


def _word(kind: str) -> str:
    return str(_Kind(kind).label)


def _type(told: Sequence[AlertNotification]) -> str:
    if all(one.kind == _Kind.RESOLVED for one in told):
        return "success"
    worst = {Alert.Kind.HEALTH_DOWN, Alert.Kind.WEBHOOK_FAILING}
    return "failure" if any(one.alert and one.alert.kind in worst for one in told) else "warning"


def _time(organization: Organization, moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(organization.timezone)):%d/%m/%Y %H:%M}"


def _page(alert: Alert) -> str:
    return reverse("alert", args=[alert.pk])


def _link(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}"
