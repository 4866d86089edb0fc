"""What the floor's own SQL says in more than one place."""

from __future__ import annotations

# A version 7 UUID of the moment in question: PostgreSQL makes none itself before version 18.
UUID7 = """(lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0') || '7'
             || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid"""
