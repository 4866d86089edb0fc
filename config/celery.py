from __future__ import annotations

import os
import warnings

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# The embedded set-up may run as root, as containers do; what is said about that is meant for shared machines.
if os.environ.get("HUB_EMBEDDED"):
    warnings.filterwarnings("ignore", message=".*superuser privileges.*")

app = Celery("hub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["integrations.sandbox"], related_name="delivery")
