"""Version 7 UUIDs of a moment in SQL (RFC 9562): PostgreSQL makes none itself before version 18.

As `integrations.models.base` makes them: of rows that statements insert, and as bounds in time of an index by key.
"""

_TIME = "lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0')"
UUID7 = f"({_TIME} || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid"
FIRST_UUID7 = f"({_TIME} || '70008000000000000000')::uuid"
