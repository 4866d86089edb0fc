"""The watch's records, to be read."""

from __future__ import annotations

from .alerts import AlertAdmin
from .audit import AuditLogAdmin
from .call_log import CallLogAdmin
from .health import HealthCheckAdmin, HealthRuleAdmin, UptimeDayAdmin
from .incidents import MaintenanceWindowAdmin, ProviderIncidentAdmin
from .metrics import DailyAnalyticsAdmin, HourlyMetricsAdmin, RollupWatermarkAdmin

__all__ = [
    "AlertAdmin",
    "AuditLogAdmin",
    "CallLogAdmin",
    "DailyAnalyticsAdmin",
    "HealthCheckAdmin",
    "HealthRuleAdmin",
    "HourlyMetricsAdmin",
    "MaintenanceWindowAdmin",
    "ProviderIncidentAdmin",
    "RollupWatermarkAdmin",
    "UptimeDayAdmin",
]
