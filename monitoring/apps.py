from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = _("Monitoring")

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from integrations import signals
        from webhooks import signals as webhook_signals

        from . import (
            audit,
            call_log,
            credential_alerts,
            default_rules,
            destination_alerts,
            health,
            health_alerts,
            notices,
        )
        from .metrics import beat, calls

        post_save.connect(
            default_rules.make_default_rules, sender="integrations.Organization", dispatch_uid="hub.alerts.rules"
        )
        signals.api_call_finished.connect(call_log.write_call, dispatch_uid="hub.call_log")
        signals.api_call_finished.connect(calls.count_call, dispatch_uid="hub.metrics.calls")
        calls.give_up_nothing_at_the_end()
        beat.watch()
        signals.action_taken.connect(audit.write_action, dispatch_uid="hub.audit")
        signals.connection_changed.connect(health.check_soon, dispatch_uid="hub.health")
        signals.rate_limit_exceeded.connect(notices.limit_exceeded, dispatch_uid="hub.notices.exceeded")
        signals.rate_limit_recovered.connect(notices.limit_recovered, dispatch_uid="hub.notices.recovered")
        signals.credential_due.connect(notices.credential_due, dispatch_uid="hub.notices.credential")
        signals.credential_due.connect(credential_alerts.open_for_credential, dispatch_uid="hub.alerts.credential")
        signals.connection_changed.connect(credential_alerts.resolve_of_connection, dispatch_uid="hub.alerts.resolved")
        for told in (signals.connection_changed, signals.rate_limit_exceeded, signals.rate_limit_recovered):
            told.connect(health_alerts.look_soon, dispatch_uid="hub.alerts.look")
        for told in (webhook_signals.destination_failing, webhook_signals.destination_disabled):
            told.connect(destination_alerts.open_for_destination, dispatch_uid="hub.alerts.destination")
        webhook_signals.destination_failing.connect(notices.destination_failing, dispatch_uid="hub.notices.failing")
        webhook_signals.destination_disabled.connect(notices.destination_disabled, dispatch_uid="hub.notices.disabled")
