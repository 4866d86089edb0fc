"""Events made due again: one at once, many as a run that the workers go through.

To apply an event again changes nothing that is so already. Destinations that had it do not get it again.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.db.models import Count

from integrations.errors import Conflict, InvalidRequest
from integrations.hints import hint
from integrations.models import Organization
from integrations.operations.announce import record_action
from integrations.request_id import current_origin

from .models import WebhookEvent, WebhookReplay
from .replay_batches import advance, due_again, end
from .replay_selection import Selection

AT_MOST = 1_000_000
NAMED_AT_MOST = 10_000
WAKE_UP = "webhooks.tasks.advance_replays"


def replay_event(event: WebhookEvent) -> None:
    """Make one event due again, whatever became of it before."""
    with transaction.atomic():
        locked = WebhookEvent.objects.select_for_update().only("organization_id", "processing_status").get(pk=event.pk)
        WebhookEvent.objects.filter(pk=event.pk).update(**due_again(), replay=None)
        changes = {"status": [locked.processing_status, WebhookEvent.Status.PENDING]}
        record_action("webhook_event.replayed", locked, changes)
        transaction.on_commit(partial(hint, "webhooks.tasks.drain_inbox"))


def start_replay(organization: Organization, selection: Selection, *, paced: bool = True) -> WebhookReplay:
    """Begin a run over the organization's events that are meant and here by now; its first batch is due at once.

    Raises InvalidRequest when they are more than one run may have.
    """
    origin = current_origin()
    run = WebhookReplay(
        organization=organization,
        filters={} if selection.ids else selection.filters,
        event_ids=sorted(set(selection.ids)),
        created_by=origin.actor,
        user_id=origin.user_id,
    )
    run.total = _count(selection, organization)
    asked = {"filters": run.filters} if run.filters else {"named": len(run.event_ids)}
    with transaction.atomic():
        run.save(force_insert=True)
        record_action("webhook_replay.started", run, {**asked, "count": run.total})
    advance(run, paced=paced)
    run.refresh_from_db()
    if run.is_open:
        transaction.on_commit(partial(hint, WAKE_UP))
    return run


def cancel_replay(run: WebhookReplay) -> WebhookReplay:
    """Make no more of its events due; those that are, stay so. Raises Conflict when it has ended."""
    with transaction.atomic():
        locked = WebhookReplay.objects.select_for_update().get(pk=run.pk)
        if not locked.is_open:
            raise Conflict("This replay has ended already.")
        end(locked, WebhookReplay.Status.CANCELLED)
    return locked


def outcome_of(run: WebhookReplay) -> dict[str, int]:
    """How many of the events that it made due are in which state by now; those replayed again since are not its own."""
    counted = WebhookEvent.objects.filter(replay=run).values_list("processing_status").annotate(Count("pk")).order_by()
    return {**dict.fromkeys(WebhookEvent.Status.values, 0), **dict(counted)}


def _count(selection: Selection, organization: Organization) -> int:
    found = selection.among(WebhookEvent.objects.filter(organization=organization))
    count = found[: AT_MOST + 1].count()
    if count > AT_MOST or len(selection.ids) > NAMED_AT_MOST:
        raise InvalidRequest(
            "At most {most} events are replayed at once.",
            most=NAMED_AT_MOST if selection.ids else AT_MOST,
            field="ids" if selection.ids else "since",
        )
    return count
