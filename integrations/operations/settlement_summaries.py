"""What each payment connection moved on a day, by currency: counted again from the books while it may change."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import connection
from django.utils import timezone

_RECENT_DAYS = 3

# Counted whole and written over, so that doing it again changes nothing. Serves (connection, created_at); disputes are
# few. The day is Dubai's: the sessions' own time zone is not asked.
_SUM_UP = """
WITH bounds AS (
    SELECT %(first)s::date AS first, %(last)s::date AS last
), moved AS (
    SELECT connection_id, organization_id, currency, (created_at AT TIME ZONE 'Asia/Dubai')::date AS day,
        count(*) FILTER (WHERE kind = 'capture' AND amount > 0) AS payments,
        count(*) FILTER (WHERE kind = 'refund' AND amount > 0) AS refunds,
        coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0) AS captured,
        coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded,
        coalesce(sum(amount) FILTER (WHERE kind = 'fee'), 0) AS fees
    FROM payment_movements, bounds
    WHERE connection_id IS NOT NULL
        AND created_at >= first::timestamp AT TIME ZONE 'Asia/Dubai'
        AND created_at < (last + 1)::timestamp AT TIME ZONE 'Asia/Dubai'
    GROUP BY 1, 2, 3, 4
), disputed AS (
    SELECT payments.connection_id, told.currency, (told.since AT TIME ZONE 'Asia/Dubai')::date AS day,
        sum(told.amount) AS amount
    FROM (
        SELECT payment_id, currency, amount, coalesce(opened_at, created_at) AS since FROM payment_disputes
    ) AS told JOIN payments ON payments.id = told.payment_id, bounds
    WHERE told.since >= first::timestamp AT TIME ZONE 'Asia/Dubai'
        AND told.since < (last + 1)::timestamp AT TIME ZONE 'Asia/Dubai'
    GROUP BY 1, 2, 3
), differing AS (
    SELECT connection_id, currency, (created_at AT TIME ZONE 'Asia/Dubai')::date AS day, count(*) AS payments
    FROM payments WHERE difference <> '' GROUP BY 1, 2, 3
)
INSERT INTO payment_settlements (
    id, organization_id, connection_id, day, currency, payments, refunds, captured, refunded, fees, net, disputed,
    differences, created_at, updated_at
)
SELECT gen_random_uuid(), moved.organization_id, moved.connection_id, moved.day, moved.currency, moved.payments,
    moved.refunds, moved.captured, moved.refunded, moved.fees, moved.captured - moved.refunded - moved.fees,
    coalesce(disputed.amount, 0), coalesce(differing.payments, 0), now(), now()
FROM moved
LEFT JOIN disputed USING (connection_id, currency, day)
LEFT JOIN differing USING (connection_id, currency, day)
ON CONFLICT (connection_id, day, currency) DO UPDATE SET
    payments = excluded.payments, refunds = excluded.refunds, captured = excluded.captured,
    refunded = excluded.refunded, fees = excluded.fees, net = excluded.net, disputed = excluded.disputed,
    differences = excluded.differences, updated_at = now()
"""


def sum_up_recent_days() -> int:
    """Today's and the days' before, whose differences and disputes may still change. Returns how many rows it wrote."""
    today = timezone.localdate()
    return sum_up(today - timedelta(days=_RECENT_DAYS - 1), today)


def sum_up(first: date, last: date) -> int:
    """Count the days from `first` to `last`, both included."""
    with connection.cursor() as cursor:
        cursor.execute(_SUM_UP, {"first": first, "last": last})
        return int(cursor.rowcount)
