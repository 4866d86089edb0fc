"""What a process loads at its start is not looked through in search of garbage."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LEFT = "import gc; print(len(gc.get_objects()), gc.get_freeze_count())"


@pytest.mark.parametrize(
    "starts",
    [
        pytest.param("import config.wsgi", id="server"),
        pytest.param(
            "from celery.signals import worker_init; from config import celery_app; celery_app.loader.init_worker(); "
            "worker_init.send(sender=None)",
            id="worker",
        ),
    ],
)
def test_what_is_loaded_at_the_start_is_kept_out_of_the_search(starts: str) -> None:
    ran = subprocess.run([sys.executable, "-c", f"{starts}; {_LEFT}"], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    left, kept = map(int, ran.stdout.split())
    assert left < kept / 100, ran.stdout
    assert kept > 100_000
