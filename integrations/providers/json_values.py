"""Values of a provider's JSON that may be of another kind than is documented, or missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequest

# What reading an answer raises when a field is missing, or is not what it should be.
UNDOCUMENTED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, InvalidRequest)


def mapping(value: Any) -> Mapping[str, Any]:
    """The object; an empty one where it is anything else."""
    return value if isinstance(value, Mapping) else {}


def first_mapping(value: Any) -> Mapping[str, Any]:
    """The list's first object; an empty one where there is none."""
    return mapping(value[0]) if isinstance(value, list) and value else {}
