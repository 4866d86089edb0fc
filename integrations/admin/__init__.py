"""The admin of this floor, a file a resource. Thin: it parses, asks an operation, shows."""

from . import catalogue, connections, credentials, organizations, payments, schedules, settings, tokens

__all__ = ["catalogue", "connections", "credentials", "organizations", "payments", "schedules", "settings", "tokens"]
