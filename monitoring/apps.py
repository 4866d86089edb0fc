from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        from integrations import signals
        from webhooks import signals as webhook_signals

        from . import alerts, audit, call_log, destination_alerts, health, notices
        from .metrics import beat, calls

        signals.api_call_finished.connect(call_log.write_call, dispatch_uid="hub.call_log")
        signals.api_call_finished.connect(calls.count_call, dispatch_uid="hub.metrics.calls")
        calls.give_up_nothing_at_the_end()
        beat.watch()
        signals.action_taken.connect(audit.write_action, dispatch_uid="hub.audit")
        signals.connection_changed.connect(health.check_soon, dispatch_uid="hub.health")
        signals.rate_limit_exceeded.connect(notices.limit_exceeded, dispatch_uid="hub.notices.exceeded")
        signals.rate_limit_recovered.connect(notices.limit_recovered, dispatch_uid="hub.notices.recovered")
        signals.credential_due.connect(notices.credential_due, dispatch_uid="hub.notices.credential")
        signals.credential_due.connect(alerts.open_for_credential, dispatch_uid="hub.alerts.credential")
        signals.connection_changed.connect(alerts.resolve_of_connection, dispatch_uid="hub.alerts.resolved")
        for told in (webhook_signals.destination_failing, webhook_signals.destination_disabled):
            told.connect(destination_alerts.open_for_destination, dispatch_uid="hub.alerts.destination")
        webhook_signals.destination_failing.connect(notices.destination_failing, dispatch_uid="hub.notices.failing")
        webhook_signals.destination_disabled.connect(notices.destination_disabled, dispatch_uid="hub.notices.disabled")
