"""The admin of this floor, a file a resource. Thin: it parses, asks an operation, shows."""

from . import deliveries, destinations, endpoints, events

__all__ = ["deliveries", "destinations", "endpoints", "events"]
