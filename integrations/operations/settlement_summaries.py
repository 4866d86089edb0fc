"""What each payment connection moved on a day, by currency: counted again from the books while it may change."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import connection
from django.utils import timezone

_RECENT_DAYS = 3

# Counted whole and written over, so that doing it again changes nothing. Serves (connection, created_at); disputes are
# few. Like a move of money, a dispute counts on the day on which it was told. The day is Dubai's: the sessions' own
# time zone is not asked.
_SUM_UP = """
WITH bounds AS (
    SELECT %(first)s::date::timestamp AT TIME ZONE 'Asia/Dubai' AS first,
        (%(last)s::date + 1)::timestamp AT TIME ZONE 'Asia/Dubai' AS ending
), moved AS (
    SELECT connection_id, organization_id, currency, (created_at AT TIME ZONE 'Asia/Dubai')::date AS day,
        count(*) FILTER (WHERE kind = 'capture' AND amount > 0) AS payments,
        count(*) FILTER (WHERE kind = 'refund' AND amount > 0) AS refunds,
        coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0) AS captured,
        coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded,
        coalesce(sum(amount) FILTER (WHERE kind = 'fee'), 0) AS fees
    FROM payment_movements, bounds
    WHERE connection_id IS NOT NULL AND created_at >= first AND created_at < ending
    GROUP BY 1, 2, 3, 4
), disputed AS (
    SELECT payments.connection_id, disputes.organization_id, disputes.currency,
        (disputes.created_at AT TIME ZONE 'Asia/Dubai')::date AS day, sum(disputes.amount) AS amount
    FROM payment_disputes AS disputes JOIN payments ON payments.id = disputes.payment_id, bounds
    WHERE payments.connection_id IS NOT NULL AND disputes.created_at >= first AND disputes.created_at < ending
    GROUP BY 1, 2, 3, 4
), differing AS (
    SELECT connection_id, currency, (created_at AT TIME ZONE 'Asia/Dubai')::date AS day, count(*) AS payments
    FROM payments WHERE difference <> '' GROUP BY 1, 2, 3
)
INSERT INTO payment_settlements (
    id, organization_id, connection_id, day, currency, payments, refunds, captured, refunded, fees, net, disputed,
    differences, created_at, updated_at
)
SELECT gen_random_uuid(), organization_id, connection_id, day, currency, coalesce(moved.payments, 0),
    coalesce(refunds, 0), coalesce(captured, 0), coalesce(refunded, 0), coalesce(fees, 0),
    coalesce(captured - refunded - fees, 0), coalesce(disputed.amount, 0), coalesce(differing.payments, 0), now(), now()
FROM moved
FULL JOIN disputed USING (connection_id, organization_id, currency, day)
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
