"""Alerts: opened once, when somebody has to do something, and resolved when nobody has to any more.

What is wrong is found by the modules beside this one (`credential_alerts`, `health_alerts`, …), by reading the rows
that it is about, so that no way of mending it is forgotten. Here it is held against the rules: a rule opens at most one
alert about a subject at a time, which a unique index decides, whoever else is about to open it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from .alerting.holds import held_back
from .alerting.telling import tell, tell_resolved
from .models import Alert, AlertRule, AlertWait

CHUNK = 500


@dataclass(frozen=True)
class Matter:
    """Something that somebody has to see to. `message` is a sentence in English, with places for `values`.

    It is told anew when its `stage` rises. What does not open (`opens`) still keeps open what is open, and what keeps
    its words (`keeps_words`) is said as it was when it was opened.
    """

    organization_id: uuid.UUID
    subject_id: uuid.UUID
    message: str
    connection_id: uuid.UUID | None = None
    values: dict[str, Any] = field(default_factory=dict)
    stage: int = 1
    opens: bool = True
    keeps_words: bool = False


Found = tuple[AlertRule, Matter]
T = TypeVar("T")
_Key = tuple[uuid.UUID | None, uuid.UUID]


def active_rules(kind: Alert.Kind) -> list[AlertRule]:
    return list(AlertRule.objects.filter(kind=kind, is_active=True, organization__is_active=True).order_by("pk"))


def by_rule(rules: Iterable[AlertRule], matters: Iterable[Matter]) -> Iterator[Found]:
    """Each of `matters` with each of `rules` that it falls under."""
    of_organization: dict[uuid.UUID, list[AlertRule]] = {}
    for rule in rules:
        of_organization.setdefault(rule.organization_id, []).append(rule)
    for matter in matters:
        for rule in of_organization.get(matter.organization_id, ()):
            if rule.connection_id in (None, matter.connection_id):
                yield rule, matter


def bring_up_to_date(kind: Alert.Kind, matters: Iterable[Matter]) -> tuple[int, int]:
    """Have alerts of `kind` open about just these matters, by every rule that they fall under."""
    return settle(kind, by_rule(active_rules(kind), matters))


def settle(kind: Alert.Kind, found: Iterable[Found]) -> tuple[int, int]:
    """Have alerts of `kind` open about just what was found, and say what is so now; returns how many were opened and
    resolved. Safe to repeat, and to run twice at once."""
    wanted: dict[_Key, Found] = {(rule.pk, matter.subject_id): (rule, matter) for rule, matter in found}
    known = {(alert.rule_id, alert.subject_id): alert for alert in Alert.objects.unresolved().filter(kind=kind)}
    resolved = resolve(alert.pk for key, alert in known.items() if key not in wanted)
    for some in _chunks((known[key], wanted[key][1]) for key in wanted if key in known):
        _refresh(some)
    new = {key: one for key, one in wanted.items() if key not in known and one[1].opens}
    held = held_back(
        kind, {matter.connection_id for _rule, matter in new.values() if matter.connection_id}, timezone.now()
    )
    ripe = _ripe(kind, {key: one for key, one in new.items() if one[1].connection_id not in held})
    return sum(_open(some) for some in _chunks(ripe)), resolved


def open_at_once(found: Iterable[Found]) -> int:
    """Open what has just been found, by the rules that do not want it to last first; returns how many were opened."""
    return _open([(rule, matter) for rule, matter in found if not rule.for_minutes])


def resolve(alerts: Iterable[uuid.UUID]) -> int:
    """Resolve those that are not yet, and tell those who were told of them; returns how many they were."""
    return sum(_resolve(some) for some in _chunks(alerts))


def reword(alerts: Iterable[Alert], matter: Matter) -> None:
    """Say anew what is open about `matter`."""
    _refresh([(alert, matter) for alert in alerts])


def _ripe(kind: Alert.Kind, new: Mapping[_Key, Found]) -> list[Found]:
    """Those of `new` that have lasted as long as their rules want. The others wait; what is over waits no longer."""
    waiting = {(wait.rule_id, wait.subject_id): wait for wait in AlertWait.objects.filter(rule__kind=kind)}
    over = [wait.pk for key, wait in waiting.items() if key not in new]
    if over:
        AlertWait.objects.filter(pk__in=over).delete()
    now = timezone.now()
    begin: list[AlertWait] = []
    ripe: list[Found] = []
    for key, (rule, matter) in new.items():
        since = waiting[key].since if key in waiting else now
        if now - since >= timedelta(minutes=rule.for_minutes):
            ripe.append((rule, matter))
        elif key not in waiting:
            begin.append(AlertWait(organization_id=rule.organization_id, rule=rule, subject_id=matter.subject_id))
    AlertWait.objects.bulk_create(begin, ignore_conflicts=True, batch_size=CHUNK)
    return ripe


def _open(found: Sequence[Found]) -> int:
    """In one order everywhere: two workers that open the same would else wait for each other."""
    alerts = [
        Alert(
            organization_id=matter.organization_id,
            rule=rule,
            connection_id=matter.connection_id,
            kind=rule.kind,
            subject_id=matter.subject_id,
            message=matter.message,
            message_values=matter.values,
            stage=matter.stage,
        )
        for rule, matter in sorted(found, key=lambda one: (one[0].pk, one[1].subject_id))
    ]
    if not alerts:
        return 0
    with transaction.atomic():
        Alert.objects.bulk_create(alerts, ignore_conflicts=True)
        ours = set(Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).values_list("pk", flat=True))
        opened = [alert for alert in alerts if alert.pk in ours]
        tell(opened)
        subjects = [alert.subject_id for alert in opened]
        AlertWait.objects.filter(rule__in={alert.rule_id for alert in opened}, subject_id__in=subjects).delete()
    return len(opened)


def _resolve(alerts: Sequence[uuid.UUID]) -> int:
    with transaction.atomic():
        open_ones = Alert.objects.unresolved().filter(pk__in=alerts).select_for_update().order_by("pk")
        locked = list(open_ones)
        now = timezone.now()
        for alert in locked:
            alert.resolved_at, alert.next_notification_at = now, None
        Alert.objects.bulk_update(locked, ["resolved_at", "next_notification_at"])
        tell_resolved(locked)
    return len(locked)


def _refresh(known: Sequence[tuple[Alert, Matter]]) -> None:
    changed = {alert.pk: matter for alert, matter in known if _differs(alert, matter)}
    if not changed:
        return
    with transaction.atomic():
        open_ones = Alert.objects.unresolved().filter(pk__in=changed).select_for_update().order_by("pk")
        locked = list(open_ones)
        risen = [alert for alert in locked if alert.stage < changed[alert.pk].stage]
        for alert in locked:
            matter = changed[alert.pk]
            alert.stage = matter.stage
            if not matter.keeps_words:
                alert.message, alert.message_values = matter.message, matter.values
        for alert in risen:  # whoever saw to it before has not seen this
            alert.acknowledged_at, alert.acknowledged_by, alert.acknowledged_name = None, None, ""
        fields = ["message", "message_values", "stage", "acknowledged_at", "acknowledged_by", "acknowledged_name"]
        Alert.objects.bulk_update(locked, fields)
        tell(risen)


def _differs(alert: Alert, matter: Matter) -> bool:
    words = (alert.message, alert.message_values)
    return alert.stage != matter.stage or not (matter.keeps_words or words == (matter.message, matter.values))


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while some := list(islice(left, CHUNK)):
        yield some
