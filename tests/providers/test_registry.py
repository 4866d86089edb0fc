from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.providers.registry import get_provider, providers

MODULE = """
from integrations.providers.payment.stripe import Stripe

class Acme(Stripe):
    slug = "{slug}"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package of somebody else's that brings a provider."""
    metadata = tmp_path / "acme_hub-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-hub\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[integrations.providers]\nacme = acme_hub_{0}:Acme\n")
    monkeypatch.syspath_prepend(tmp_path)
    providers.cache_clear()
    yield tmp_path
    providers.cache_clear()


def bring(package: Path, slug: str) -> None:
    (package / f"acme_hub_{slug}.py").write_text(MODULE.format(slug=slug))
    entry_points = package / "acme_hub-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text(entry_points.read_text().format(slug))


def test_our_own_providers_are_found_in_their_folders() -> None:
    assert {"stripe", "sandbox"} <= set(providers())


def test_another_package_brings_a_provider(package: Path) -> None:
    bring(package, "acme")

    assert get_provider("acme").name == "Stripe"


def test_two_providers_of_one_slug_are_an_error(package: Path) -> None:
    bring(package, "stripe")
    with pytest.raises(ValueError, match="'stripe'"):
        providers()


def test_an_unknown_slug_is_a_lookup_error() -> None:
    with pytest.raises(LookupError):
        get_provider("nobody")
