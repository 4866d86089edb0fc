"""The watch's records, to be read."""

from __future__ import annotations

from .alerts import AlertAdmin, AlertNotificationAdmin
from .audit import AuditLogAdmin
from .call_log import CallLogAdmin
from .health import HealthCheckAdmin, HealthRuleAdmin, UptimeDayAdmin
from .incidents import MaintenanceWindowAdmin, ProviderIncidentAdmin
from .log_archives import LogArchiveAdmin
from .log_exports import LogExportAdmin
from .metrics import DailyAnalyticsAdmin, DailyTotalsAdmin, HourlyMetricsAdmin, RollupWatermarkAdmin
from .saved_searches import SavedSearchAdmin

__all__ = [
    "AlertAdmin",
    "AlertNotificationAdmin",
    "AuditLogAdmin",
    "CallLogAdmin",
    "DailyAnalyticsAdmin",
    "DailyTotalsAdmin",
    "HealthCheckAdmin",
    "HealthRuleAdmin",
    "HourlyMetricsAdmin",
    "LogArchiveAdmin",
    "LogExportAdmin",
    "MaintenanceWindowAdmin",
    "ProviderIncidentAdmin",
    "RollupWatermarkAdmin",
    "SavedSearchAdmin",
    "UptimeDayAdmin",
]
