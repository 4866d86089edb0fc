"""What the watch writes down: every call, every check, what they add up to, and who did what."""

from __future__ import annotations

from .alert_channels import AlertChannel, AlertNotification
from .alert_rules import AlertRule, AlertRuleChannel, AlertSilence
from .alerts import Alert, AlertWait
from .audit import AuditLog
from .call_log import CallLog
from .health import HealthCheck, HealthRule, UptimeDay
from .incidents import MaintenanceWindow, ProviderIncident
from .log_archives import LogArchive
from .log_exports import LogExport
from .metrics import DailyAnalytics, HourlyMetrics, RestlessEvent, RollupWatermark
from .saved_searches import SavedSearch
from .totals import DailyTotals

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertNotification",
    "AlertRule",
    "AlertRuleChannel",
    "AlertSilence",
    "AlertWait",
    "AuditLog",
    "CallLog",
    "DailyAnalytics",
    "DailyTotals",
    "HealthCheck",
    "HealthRule",
    "HourlyMetrics",
    "LogArchive",
    "LogExport",
    "MaintenanceWindow",
    "ProviderIncident",
    "RestlessEvent",
    "RollupWatermark",
    "SavedSearch",
    "UptimeDay",
]
