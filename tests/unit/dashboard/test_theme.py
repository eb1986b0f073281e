"""The visual language: words and shapes can be told from what is behind them, in both schemes."""

import re

import pytest

from careloom.dashboard.theme import DARK, LIGHT, SERIES, Scheme, contrast, style_sheet
from careloom.runtime import packaged

WORDS = ["ink", "ink_soft", "accent"]
BEHIND = ["ground", "surface", "sunken", "quiet_wash", "accent_wash"]
ON_WASH = [("good", "good_wash"), ("warn", "warn_wash"), ("bad", "bad_wash"), ("on_accent", "accent")]


def test_black_on_white_has_the_largest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("behind", BEHIND)
def test_words_can_be_read_on_every_ground(scheme: Scheme, word: str, behind: str) -> None:
    assert contrast(getattr(scheme, word), getattr(scheme, behind)) >= 4.5  # WCAG 2.2, 1.4.3


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("word", "behind"), ON_WASH)
def test_badges_and_buttons_can_be_read(scheme: Scheme, word: str, behind: str) -> None:
    assert contrast(getattr(scheme, word), getattr(scheme, behind)) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", SERIES)
def test_shapes_of_a_figure_stand_out_in_both_schemes(scheme: Scheme, name: str) -> None:
    assert contrast(SERIES[name], scheme.surface) >= 3  # WCAG 2.2, 1.4.11


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_edge_of_a_control_stands_out(scheme: Scheme) -> None:
    assert contrast(scheme.line_strong, scheme.surface) >= 3


def test_every_variable_that_the_style_sheet_uses_is_made_by_the_theme() -> None:
    used = set(re.findall(r"var\(--([a-z0-9-]+)", packaged("dashboard", "static/careloom.css").decode()))
    made = set(re.findall(r"--([a-z0-9-]+):", style_sheet()))
    own = {"shape", "series", "share", "found"}  # set by the style sheet itself or by the cell that shows a share
    assert used - made - own == set()
