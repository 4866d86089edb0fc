"""A task belongs to the request that had it sent: its origin travels in the message's headers, never in arguments.

Of the origin go the ids and the trace, no name and no address. A task that nobody sent on behalf of something (beat's)
goes by its own id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import Task
from celery.signals import before_task_publish, task_postrun, task_prerun

from .request_id import Origin, acceptable_traceparent, is_acceptable_id, known_origin, take_up

HEADER = "hub_origin"


def connect() -> None:
    """Have Celery tell us of tasks that are sent, begin and end."""
    before_task_publish.connect(_send_along, dispatch_uid="hub.origin.publish")
    task_prerun.connect(_begin, dispatch_uid="hub.origin.prerun")
    task_postrun.connect(_end, dispatch_uid="hub.origin.postrun")


def _send_along(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    origin = known_origin()
    if headers is None or origin is None or HEADER in headers:
        return
    headers[HEADER] = {
        "request_id": origin.request_id,
        "caused_by": origin.caused_by,
        "traceparent": origin.traceparent,
    }


def _begin(task_id: str, task: Task[Any, Any], **kwargs: Any) -> None:
    if task.request.is_eager:
        return  # it runs within the work that asked for it, whose origin is set
    take_up(_origin_of(task.request.get(HEADER), task_id))


def _end(task: Task[Any, Any], **kwargs: Any) -> None:
    if not task.request.is_eager:
        take_up(None)


def _origin_of(sent: object, task_id: str) -> Origin:
    """Whoever can write to the broker can write this: what does not look like ours is left."""
    given = {name: value for name, value in sent.items() if isinstance(value, str)} if isinstance(sent, Mapping) else {}
    request_id, caused_by = given.get("request_id", ""), given.get("caused_by", "")
    return Origin(
        request_id if is_acceptable_id(request_id) else task_id,
        caused_by=caused_by if is_acceptable_id(caused_by) else "",
        traceparent=acceptable_traceparent(given.get("traceparent", "")),
    )
