"""Models are imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from integrations.models import Connection, Organization
    from monitoring.models import CallLog

OLD = 15


@pytest.fixture(autouse=True)
def _only_the_usual_months(folder: Path) -> Iterator[None]:
    from monitoring.partitions import ensure_partitions

    from .archiving import drop_old_months

    drop_old_months()
    ensure_partitions()
    yield
    drop_old_months()


@pytest.fixture
def organization() -> Organization:
    from tests.factories import OrganizationFactory

    return OrganizationFactory(slug="ours")


@pytest.fixture
def own(organization: Organization) -> Connection:
    from tests.factories import ConnectionFactory

    return ConnectionFactory(organization=organization)


@pytest.fixture
def month() -> date:
    from ..months import month_ago

    return month_ago(OLD)


@pytest.fixture
def calls(own: Connection, month: date) -> list[CallLog]:
    from .archiving import calls_of

    return calls_of(own, month)
