from __future__ import annotations

import os
import subprocess
import sys
import time
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from integrations.errors import RateLimited
from tests.served import ROOT
from webhooks.ingress_limit import count_call


@pytest.fixture
def endpoint_id() -> UUID:
    """Handed out with enough of the minute left to count within it."""
    if (left := 60 - time.time() % 60) < 15:
        time.sleep(left)
    return uuid4()


def admitted(endpoint_id: UUID, calls: int, max_per_minute: int) -> int:
    return sum(_is_admitted(endpoint_id, max_per_minute) for _ in range(calls))


def _is_admitted(endpoint_id: UUID, max_per_minute: int) -> bool:
    try:
        count_call(endpoint_id, max_per_minute)
    except RateLimited:
        return False
    return True


def elsewhere(endpoint_id: UUID, calls: int, max_per_minute: int) -> int:
    """How many of so many calls another process lets in."""
    code = (
        "import django; django.setup()\n"
        "from uuid import UUID\n"
        "from tests.webhooks.test_ingress_limit import admitted\n"
        f"print(admitted(UUID('{endpoint_id}'), {calls}, {max_per_minute}))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "REDIS_URL": settings.REDIS_URL}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("max_per_minute", [1, 7, 150])
def test_a_small_limit_holds_to_the_call(endpoint_id: UUID, max_per_minute: int) -> None:
    assert admitted(endpoint_id, max_per_minute + 20, max_per_minute) == max_per_minute


def test_a_large_limit_holds_to_a_hundredth(endpoint_id: UUID) -> None:
    assert 5000 <= admitted(endpoint_id, 6000, 5000) <= 5050


def test_endpoints_are_counted_apart(endpoint_id: UUID) -> None:
    assert [admitted(one, 5, 3) for one in (endpoint_id, uuid4())] == [3, 3]


def test_a_limit_is_one_for_all_processes(endpoint_id: UUID) -> None:
    assert elsewhere(endpoint_id, 600, 1000) == 600
    assert 400 <= admitted(endpoint_id, 600, 1000) <= 420
