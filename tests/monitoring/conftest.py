from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.wire import WireServer


@pytest.fixture
def provider(settings: Any) -> Iterator[WireServer]:
    """A provider that answers well, until a test says otherwise."""
    from tests.wire import WireServer

    from .health_wire import WELL

    settings.EGRESS_ALLOW = ["127.0.0.1"]
    with WireServer(lambda request: WELL) as server:
        yield server
