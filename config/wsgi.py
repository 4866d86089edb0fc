from __future__ import annotations

import os
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def _application() -> Any:
    """Providers' events go in by a door of their own; everything else is Django's."""
    django_application = get_wsgi_application()
    from django.urls import reverse

    from webhooks.door import Door

    from .garbage import keep_what_is_loaded

    door = Door(django_application)
    reverse("home")  # all addresses and their views, which the first request would else wait for
    keep_what_is_loaded()
    return door


application = _application()
