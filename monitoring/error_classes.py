"""How the classes that failed calls are counted under read to a person."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_NAMES = {
    "authentication_failed": gettext_lazy("Credentials refused"),
    "circuit_open": gettext_lazy("Held back by the circuit"),
    "configuration_error": gettext_lazy("Configuration"),
    "egress_refused": gettext_lazy("Address refused"),
    "invalid_response": gettext_lazy("Unreadable answer"),
    "no_answer": gettext_lazy("No answer"),
    "provider_timeout": gettext_lazy("No answer in time"),
    "provider_unavailable": gettext_lazy("Provider unavailable"),
    "rate_limited": gettext_lazy("Rate limited"),
    "rejected_by_provider": gettext_lazy("Rejected by the provider"),
    "4xx": gettext_lazy("Other 4xx answers"),
    "5xx": gettext_lazy("Other 5xx answers"),
}


def class_name(error_class: str) -> str:
    """In the reader's language; one that has no name is shown as it is counted."""
    return str(_NAMES.get(error_class) or error_class or _("Other errors"))
