"""Charts stand out from their ground, and figures of the heat map from theirs, in both themes (WCAG 1.4.3, 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[2] / "static/hub/charts.css").read_text()
GROUNDS = {":root": "#ffffff", ".dark": "#262b46"}  # the solid cards of hub.css, the lighter of the dark ones
theme = pytest.mark.parametrize("theme", GROUNDS)


def colours(theme: str) -> dict[str, str]:
    block = re.search(rf"^{re.escape(theme)} {{(.*?)^}}", CSS, re.DOTALL | re.MULTILINE)
    assert block is not None
    return dict(re.findall(r"--hub-([\w-]+): (#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@theme
def test_each_colour_of_a_chart_stands_out_from_its_card(theme: str) -> None:
    charts = {name: colour for name, colour in colours(theme).items() if name.startswith("chart-")}
    assert len(charts) == 10
    assert {name: colour for name, colour in charts.items() if contrast(colour, GROUNDS[theme]) < 3} == {}


@theme
def test_the_figures_of_the_heat_map_can_be_read(theme: str) -> None:
    heat = colours(theme)
    ink = heat.pop("heat-ink")
    shades = {name: colour for name, colour in heat.items() if name.startswith("heat-")}
    assert len(shades) == 5
    assert {name: colour for name, colour in shades.items() if contrast(colour, ink) < 4.5} == {}
