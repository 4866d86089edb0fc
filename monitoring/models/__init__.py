"""What the watch writes down: every call, every check, what they add up to, and who did what."""

from __future__ import annotations

from .alerts import Alert
from .audit import AuditLog
from .call_log import CallLog
from .health import HealthCheck, HealthRule, UptimeDay
from .incidents import MaintenanceWindow, ProviderIncident
from .metrics import DailyAnalytics, HourlyMetrics, RollupWatermark

__all__ = [
    "Alert",
    "AuditLog",
    "CallLog",
    "DailyAnalytics",
    "HealthCheck",
    "HealthRule",
    "HourlyMetrics",
    "MaintenanceWindow",
    "ProviderIncident",
    "RollupWatermark",
    "UptimeDay",
]
