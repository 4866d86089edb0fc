"""Why an export that is under way does not move, as far as its row tells, for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.models.base import moment_of

from .models import LogExport

# Parts are written every few seconds: nobody is told of a shorter pause.
_TOLD_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Delay:
    """`reason` is a sentence in the reader's language; `step` says what is done about it, `since` when that began."""

    reason: str
    step: str
    since: datetime


def delay_of(export: LogExport) -> Delay | None:
    """Nothing for what has ended, or goes on as it should."""
    if not export.is_open:
        return None
    now, taken = timezone.now(), moment_of(export.claim) if export.claim else None
    if export.told:
        return Delay(export.told, _("It is tried again every half minute, for a day. Last tried:"), taken or now)
    if taken is None:
        since = export.claimed_until or export.created_at
        reason, step = _("No worker is at it."), _("It goes on when one is free. So it has been since:")
    elif export.claimed_until and export.claimed_until < now:
        since, reason = taken, _("The worker that was at it is gone.")
        step = _("The next one that is free goes on where it was. The last one began:")
    else:
        since, reason = taken, _("A worker has been at the same part for long.")
        step = _("If nothing is heard of it in three minutes, another takes over. It began:")
    return Delay(reason, step, since) if now - since > _TOLD_AFTER else None
