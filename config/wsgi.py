from __future__ import annotations

import os
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def _application() -> Any:
    """Providers' events go in by a door of their own; everything else is Django's."""
    django_application = get_wsgi_application()
    from webhooks.door import Door

    return Door(django_application)


application = _application()
