"""PostgreSQL as the queue: what is due is claimed, applied and completed; what fails is tried again, then rests.

How events are taken up, and for how long, is in `claim`; in which order, in `ordering`; what is done with one, in
`attempt`. Here is the loop around them. Most events are applied in milliseconds, in the loop itself. One for which the
provider has to be asked goes on in a lane of its own (`slow_lanes`), with what follows it of the same subject.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain, groupby

from django.utils import timezone

from integrations.hints import hint
from integrations.operations.looks import MustAsk
from integrations.tenancy import acting_for

from . import tallies
from .attempt import LONGEST_LOOK, Leases, attempt, attempt_together
from .claim import LEASE_SECONDS, Claimed, claim, give_back
from .models import WebhookEndpoint, WebhookEvent
from .ordering import in_order, subject_of
from .outcomes import Ended
from .slow_lanes import LANES_OF_ONE, SlowLanes, crowded

__all__ = ["BATCH", "LEASE_SECONDS", "claim", "drain"]

BATCH = 50
# No attempt begins that could outlast its lease.
_LONGEST_ATTEMPT = LONGEST_LOOK + timedelta(seconds=10)
_NO_LANE_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.1


def drain(*, seconds: float = 30.0, waits: bool = True) -> int:
    """Process due events until there are none or the time is up; returns how many were taken up.

    Those whose provider is being asked are waited for as long as the time lasts, unless `waits` is False; after that
    they end by themselves, and give a hint that their organization has room again.
    """
    deadline = time.monotonic() + seconds
    lanes = SlowLanes()
    taken = 0
    while time.monotonic() < deadline:
        claimed = claim(BATCH, without=crowded())
        taken += len(claimed)
        if claimed:
            _process(claimed, lanes)
        elif not waits or not lanes.wait(_LOOK_AGAIN_SECONDS):
            break
    return taken


def _process(claimed: Sequence[Claimed], lanes: SlowLanes) -> None:
    leases = dict(claimed)
    ended: list[Ended] = []
    for organization_id, events in groupby(in_order(_load(leases)), key=lambda event: event.organization_id):
        with acting_for(organization_id):
            ended += _process_of_one(list(events), leases, lanes)
    _count(ended)


def _process_of_one(events: Sequence[WebhookEvent], leases: Leases, lanes: SlowLanes) -> list[Ended]:
    """An organization's events: all that goes smoothly at once, the rest one by one, subject by subject."""
    ended = attempt_together(events, leases)
    done = {one.event.pk for one in ended}
    rest = [event for event in events if event.pk not in done]
    subjects = [list(same) for _, same in groupby(rest, key=subject_of)]
    random.shuffle(subjects)  # should one of them kill the worker, it is not always the same that never get their turn
    to_be_asked = []
    for same in subjects:
        tried, left = _work_off(same, leases, may_ask=False)
        ended += tried
        to_be_asked += [left] if left else []
    _hand_over(to_be_asked, leases, lanes)
    return ended


def _load(leases: Leases) -> list[WebhookEvent]:
    """The events with all that an attempt needs, in two statements; one whose endpoint has gone is left out."""
    events = list(WebhookEvent.objects.filter(pk__in=leases).defer("payload", "signature"))
    known = WebhookEndpoint.objects.select_related("connection__provider", "connection__organization")
    endpoints = known.in_bulk({event.webhook_endpoint_id for event in events})
    loaded = [event for event in events if event.webhook_endpoint_id in endpoints]
    for event in loaded:
        event.webhook_endpoint = endpoints[event.webhook_endpoint_id]
    return loaded


def _work_off(
    events: Sequence[WebhookEvent], leases: Leases, *, may_ask: bool
) -> tuple[list[Ended], Sequence[WebhookEvent]]:
    """Events of one subject; returns what became of them, and what is left from the first on that has to wait: until
    its provider may be asked, or for another lease."""
    ended: list[Ended] = []
    for position, event in enumerate(events):
        if leases[event.pk] - timezone.now() < _LONGEST_ATTEMPT:
            return ended, events[position:]
        try:
            outcome = attempt(event, leases[event.pk], may_ask=may_ask)
        except MustAsk:
            return ended, events[position:]
        if outcome is not None:
            ended.append(outcome)
    return ended, []


def _hand_over(subjects: Sequence[Sequence[WebhookEvent]], leases: Leases, lanes: SlowLanes) -> None:
    """To the lanes that an organization may have; where none is free, the events come again a little later."""
    for lane in range(LANES_OF_ONE):
        share = subjects[lane::LANES_OF_ONE]
        if share and not lanes.start(share[0][0].organization_id, partial(_ask, share, leases)):
            _give_back(chain.from_iterable(share), leases, seconds=_NO_LANE_SECONDS)


def _ask(subjects: Sequence[Sequence[WebhookEvent]], leases: Leases) -> None:
    """In a lane: one subject after the other, as far as the leases reach."""
    with acting_for(subjects[0][0].organization_id):
        for events in subjects:
            ended, left = _work_off(events, leases, may_ask=True)
            _give_back(left, leases)
            _count(ended)
    hint("webhooks.tasks.drain_inbox")


def _give_back(events: Iterable[WebhookEvent], leases: Leases, *, seconds: float = 0) -> None:
    held = [Claimed(event.pk, leases[event.pk]) for event in events]
    if held:
        give_back(held, seconds=seconds)


def _count(results: Sequence[Ended]) -> None:
    over = [one for one in results if one.outcome.status is not WebhookEvent.Status.RETRYING]
    tallies.count_ended(
        [
            tallies.Ended(
                one.event.organization_id,
                one.event.webhook_endpoint_id,
                one.event.received_at,
                succeeded=one.outcome.status is WebhookEvent.Status.COMPLETED,
            )
            for one in over
        ]
    )
