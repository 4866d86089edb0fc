"""What the watch writes down: every call, every check, what they add up to, and who did what."""

from __future__ import annotations

from .alerts import Alert
from .audit import AuditLog
from .call_log import CallLog
from .health import HealthCheck
from .log_archives import LogArchive
from .log_exports import LogExport
from .metrics import DailyAnalytics, HourlyMetrics, RollupWatermark
from .saved_searches import SavedSearch

__all__ = [
    "Alert",
    "AuditLog",
    "CallLog",
    "DailyAnalytics",
    "HealthCheck",
    "HourlyMetrics",
    "LogArchive",
    "LogExport",
    "RollupWatermark",
    "SavedSearch",
]
