"""The admin of this floor, a file a resource. Thin: it parses, asks an operation, shows."""

from . import (
    catalogue,
    connections,
    credentials,
    organizations,
    payment_books,
    payment_routes,
    payments,
    schedules,
    settings,
    tokens,
)

__all__ = [
    "catalogue",
    "connections",
    "credentials",
    "organizations",
    "payment_books",
    "payment_routes",
    "payments",
    "schedules",
    "settings",
    "tokens",
]
