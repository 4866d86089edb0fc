from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init

from .garbage import keep_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# The embedded set-up may run as root, as containers do; what is said about that is meant for shared machines.
if os.environ.get("HUB_EMBEDDED"):
    warnings.filterwarnings("ignore", message=".*superuser privileges.*")


@setup_logging.connect
def _as_django_has_it(**kwargs: Any) -> None:
    """That somebody listens keeps Celery from adding handlers of its own, whose lines no one would redact."""


@worker_init.connect
def _before_processes_are_forked(**kwargs: Any) -> None:
    keep_what_is_loaded()


app = Celery("hub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["integrations.sandbox"], related_name="delivery")
