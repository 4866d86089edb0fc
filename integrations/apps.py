from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = _("Integrations & APIs")

    def ready(self) -> None:
        from . import task_origin, timestamps
        from .tenancy import apply_to_new_session

        task_origin.connect()
        timestamps.use_for_sessions()
        connection_created.connect(apply_to_new_session, dispatch_uid="hub.tenancy")
