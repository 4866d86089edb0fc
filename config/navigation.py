"""Unfold: sidebar, branding, language switch."""

from __future__ import annotations

from typing import Any

UNFOLD: dict[str, Any] = {"SITE_TITLE": "Hub", "SITE_HEADER": "Hub", "SHOW_LANGUAGES": True}
