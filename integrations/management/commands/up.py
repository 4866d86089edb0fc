from __future__ import annotations

import os
import shlex
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from honcho.manager import Manager
from honcho.printer import Printer

from config.log_lines import JSONPrinter


class Command(BaseCommand):
    help = "Prepare the database, then serve web, worker and beat until Ctrl-C or SIGTERM."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        _check_port(settings.HOST, settings.PORT)
        # What the children need to agree on is decided once, here.
        os.environ.update(HUB_HOST=settings.HOST, HUB_PORT=str(settings.PORT), HUB_PUBLIC_URL=settings.PUBLIC_URL)
        call_command("bootstrap", stdout=self.stdout, stderr=self.stderr)
        if settings.LOG_FORMAT == "text":
            self.stdout.write(_welcome())
            self.stdout.flush()
        sys.exit(_serve())


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Set HUB_PORT.", returncode=1
            ) from error


def _serve() -> int:
    manager = Manager(JSONPrinter(sys.stdout) if settings.LOG_FORMAT == "json" else Printer(sys.stdout))
    for name, command in _commands().items():
        wait = f"{shlex.quote(sys.executable)} -m config.wait_for_web && " if name == "beat" else ""
        manager.add_process(name, f"{wait}exec {shlex.join(command)}")
    manager.loop()
    returncode = manager.returncode or 0
    # Ctrl-C and SIGTERM are how one stops us; a part that ends by itself is a failure whatever it returned.
    return 0 if returncode in (130, 143) else returncode or 1


def _commands() -> dict[str, list[str]]:
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "--app", "config", "--quiet"]
    worker = [*celery, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    web = [*python, "granian", "--interface", "wsgi", "--host", settings.HOST, "--port", str(settings.PORT)]
    web += ["--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS)]
    # One that was killed (by the kernel, for memory) is replaced; without that the others would end with it.
    web += ["--respawn-failed-workers", "--respawn-interval", "0.5"]
    if settings.LOG_FORMAT == "json":
        web += ["--log-config", str(settings.BASE_DIR / "config" / "granian_logs.json")]
    # No access log, whatever the environment says: a webhook's address may carry a token. There are lines of our own
    # (`integrations.request_lines`).
    web += ["--no-access-log", "--no-ws", "--backlog", "1024", "--workers-kill-timeout", "3", "config.wsgi:application"]
    return {
        "web": web,
        "worker": [*worker, "--queues", "celery", "--hostname", "worker@%h"],
        "forward": [
            *worker,
            "--queues",
            "forward",
            "--hostname",
            "forward@%h",
            "--pool",
            "threads",
            "--concurrency",
            "1",
        ],
        "beat": [*celery, "beat", "--loglevel", "WARNING", "--pidfile="],
    }


def _welcome() -> str:
    mode = "production" if settings.PRODUCTION else "development"
    servers = "embedded" if settings.EMBEDDED else "as DATABASE_URL and REDIS_URL say"
    lines = [
        "",
        f"  Hub is at         {settings.PUBLIC_URL}/integrations/",
        "  Sign in as        admin (password: HUB_ADMIN_PASSWORD, or as printed when it was made)",
        f"  Admin             {settings.PUBLIC_URL}/admin/",
        f"  API reference     {settings.PUBLIC_URL}/api/v1/docs/",
        f"  Environment       {mode}, sandbox {'on' if settings.SANDBOX else 'off'}",
        f"  Servers           PostgreSQL and Redis {servers}",
        f"  Data folder       {settings.DATA_DIR}",
        "  Stop              Ctrl-C",
        "",
        "",
    ]
    return "\n".join(lines)
