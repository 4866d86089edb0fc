from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        from integrations import signals

        from . import audit, call_log, health

        signals.api_call_finished.connect(call_log.write_call, dispatch_uid="hub.call_log")
        signals.action_taken.connect(audit.write_action, dispatch_uid="hub.audit")
        signals.connection_changed.connect(health.check_soon, dispatch_uid="hub.health")
