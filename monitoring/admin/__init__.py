"""The watch's records, to be read."""

from __future__ import annotations

from .alerts import AlertAdmin
from .audit import AuditLogAdmin
from .call_log import CallLogAdmin
from .health import HealthCheckAdmin
from .log_archives import LogArchiveAdmin
from .metrics import DailyAnalyticsAdmin, HourlyMetricsAdmin, RollupWatermarkAdmin

__all__ = [
    "AlertAdmin",
    "AuditLogAdmin",
    "CallLogAdmin",
    "DailyAnalyticsAdmin",
    "HealthCheckAdmin",
    "HourlyMetricsAdmin",
    "LogArchiveAdmin",
    "RollupWatermarkAdmin",
]
