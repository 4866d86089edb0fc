from __future__ import annotations

import gc
import os
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def _application() -> Any:
    """Providers' events go in by a door of their own; everything else is Django's."""
    django_application = get_wsgi_application()
    from webhooks.door import Door

    door = Door(django_application)
    # What is loaded by now stays. To look through it in search of garbage would hold up all threads of the process for
    # tens of milliseconds, time and again.
    gc.collect()
    gc.freeze()
    return door


application = _application()
