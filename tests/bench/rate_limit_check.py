"""How many calls a second one thread has admitted, four windows each, against bare round trips to the same Redis."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

CHECKS = 3_000
ROUNDS = 9
_LIMITS = {"per_minute": 5_000_000, "per_hour": 50_000_000, "per_day": 500_000_000, "per_month": 1_000_000_000}


def run() -> dict[str, object]:
    import redis
    from django.conf import settings

    from integrations.admission import admit
    from integrations.models import RateLimit
    from tests.factories import ConnectionFactory, RateLimitFactory

    connection = ConnectionFactory(credentials={"api_key": "sk_test_sample_not_a_key"})
    for limit_type, most in _LIMITS.items():
        RateLimitFactory(connection=connection, limit_type=limit_type, max_requests=most)

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.set("bench", "1")

        def floor() -> None:
            client.get("bench")

        def ours() -> None:
            admit(connection)

        _rate(ours, 200), _rate(floor, 200)
        pairs = [(_rate(ours), _rate(floor)) for _ in range(ROUNDS)]
        client.delete("bench")
    if RateLimit.objects.filter(connection=connection, reserved__gte=CHECKS * ROUNDS).count() != len(_LIMITS):
        raise RuntimeError("Not every call was counted in every window.")
    return {
        "name": "rate_limit_check",
        "value": round(statistics.median(value for value, _ in pairs)),
        "floor": round(statistics.median(bare for _, bare in pairs)),
        "ratio": round(statistics.median(value / bare for value, bare in pairs), 3),
        "unit": "checks/s",
        "windows": len(_LIMITS),
        "rounds": ROUNDS,
    }


def _rate(step: Callable[[], None], count: int = CHECKS) -> float:
    started = time.perf_counter()
    for _ in range(count):
        step()
    return count / (time.perf_counter() - started)
