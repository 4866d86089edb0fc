"""What Django's error reports may show, while DEBUG is on as well: where it went wrong, and nothing that was sent."""

from __future__ import annotations

import re
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class _Kind:
    """Stands for a variable's value."""

    def __init__(self, value: object) -> None:
        self._name = type(value).__qualname__

    def __repr__(self) -> str:
        return f"<{self._name}>"


class ReportFilter(SafeExceptionReporterFilter):
    """Django's own shows everything while DEBUG is on; people set up connections with live keys there, too."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|REDIS|BROKER|DATABASE", flags=re.IGNORECASE
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {} if request is None else dict.fromkeys(request.POST, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> list[tuple[str, Any]]:  # type: ignore[override]  # kinds, where the stubs say text
        """Their kinds, since any of them may have been made from a secret."""
        return [(name, _Kind(value)) for name, value in tb_frame.f_locals.items()]
