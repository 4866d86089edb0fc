"""Every provider there is: the modules below this package, and other packages' through an entry-point group."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType

from .base import Provider

ENTRY_POINT_GROUP = "integrations.providers"


@cache
def providers() -> Mapping[str, Provider]:
    """All providers by slug. Raises ValueError when two claim the same slug."""
    found: dict[str, Provider] = {}
    for provider_class in [*_own_classes(), *_entry_point_classes()]:
        if provider_class.slug in found:
            raise ValueError(f"Two providers claim the slug {provider_class.slug!r}.")
        found[provider_class.slug] = provider_class()
    return MappingProxyType(found)


def get_provider(slug: str) -> Provider:
    """The provider with this slug. Raises LookupError for an unknown one."""
    return providers()[slug]


def _own_classes() -> Iterator[type[Provider]]:
    package = import_module(__package__ or "")
    for module in pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}."):
        if module.name.count(".") == package.__name__.count(".") + 2:
            yield from _classes_in(import_module(module.name))


def _classes_in(module: ModuleType) -> Iterator[type[Provider]]:
    for _, value in inspect.getmembers(module, inspect.isclass):
        if issubclass(value, Provider) and value.__module__ == module.__name__ and hasattr(value, "slug"):
            yield value


def _entry_point_classes() -> Iterator[type[Provider]]:
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        yield entry_point.load()
