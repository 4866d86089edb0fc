"""What the tables have in common: time-ordered keys, times, and the organization that a row belongs to."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from uuid_utils import compat

MAX_DAYS = 3650  # ten years


def uuid7() -> uuid.UUID:
    """A version 7 UUID (RFC 9562): ordered by time, so that inserts stay at the right edge of the index."""
    return compat.uuid7()


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The smallest version 7 UUID of that millisecond: a bound in time for an index that begins with the key."""
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62)


def moment_of(key: uuid.UUID) -> datetime:
    """When a version 7 UUID was made, to the millisecond. Of another UUID: any time, or ValueError or OverflowError."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, tz=UTC)


class IdentifiedModel(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_default=Now())

    class Meta:
        abstract = True


class TimestampedModel(IdentifiedModel):
    updated_at = models.DateTimeField(_("updated"), auto_now=True, db_default=Now())

    class Meta:
        abstract = True


class PriceField(models.DecimalField):  # type: ignore[type-arg]  # generic in the stubs alone
    """What one call costs, in dirhams: fractions of a fils count."""

    def __init__(self, *args: Any, **options: Any) -> None:
        defaults = {"max_digits": 12, "decimal_places": 6, "null": True, "blank": True}
        super().__init__(*args, **{**defaults, "validators": [MinValueValidator(0)], **options})


class RetentionField(models.PositiveSmallIntegerField):  # type: ignore[type-arg]  # generic in the stubs alone
    """For how many days something is kept; NULL for ever."""

    def __init__(self, *args: Any, **options: Any) -> None:
        bounds = [MinValueValidator(1), MaxValueValidator(MAX_DAYS)]
        super().__init__(*args, **{"null": True, "blank": True, "validators": bounds, **options})


class TenantModel(models.Model):
    """A row of one organization: set when the row is made, never changed, and what row-level security looks at."""

    organization = models.ForeignKey(
        "integrations.Organization", on_delete=models.CASCADE, related_name="+", verbose_name=_("organization")
    )

    class Meta:
        abstract = True


def organization_key(**options: Any) -> models.ForeignKey[Any, Any]:
    """The organization of a hot or long-lived table, with what is worth leaving out said by `options`."""
    return models.ForeignKey("integrations.Organization", related_name="+", verbose_name=_("organization"), **options)
