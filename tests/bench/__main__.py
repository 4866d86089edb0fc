"""`python -m tests.bench [prefix]`: the benchmarks whose name begins so, a JSON object a line on standard output."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

BENCHMARKS = (
    "analytics", "dashboard", "decrypt", "gateway_call", "health_sweep", "log_page", "log_write", "payment_create",
    "rate_limit_check", "rollup", "webhook_forward", "webhook_ingest", "webhook_process",
)  # fmt: skip


def main(prefix: str) -> int:
    # One benchmark may measure several things: `webhook_ingest` its `webhook_ingest_p99` too.
    chosen = [name for name in BENCHMARKS if name.startswith(prefix) or prefix.startswith(f"{name}_")]
    if not chosen:
        print(f"No benchmark begins with {prefix!r}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 1
    data_dir = Path(tempfile.mkdtemp(prefix="hub-bench-"))
    data_dir.chmod(0o755)
    try:
        _prepare(data_dir)
        for name in chosen:
            for measured in _run(name):
                if measured["name"].startswith(prefix):
                    print(json.dumps(measured), flush=True)
    finally:
        from config.embedded import release_servers

        release_servers(data_dir, os.getpid())
        shutil.rmtree(data_dir, ignore_errors=True)
    return 0


def _run(name: str) -> list[dict[str, Any]]:
    measured = import_module(f"tests.bench.{name}").run()
    return [measured] if isinstance(measured, dict) else list(measured)


def _prepare(data_dir: Path) -> None:
    """Servers as in real use (every commit is flushed to disk), and an empty, migrated database."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ.update(
        HUB_DATA_DIR=str(data_dir),
        HUB_EGRESS_ALLOW="127.0.0.1",
        HUB_LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="config.settings",
    )
    from config.embedded import ensure_servers

    ensure_servers(data_dir)
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    call_command("sync_providers", verbosity=0)
    from config.garbage import keep_what_is_loaded

    keep_what_is_loaded()  # as servers do at their start


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
