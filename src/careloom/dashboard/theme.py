"""The one visual language: colours, type and spacing, as the style sheet, Mantine and figures use them.

Series colours come from the palette of Okabe and Ito (2008), moved to a lightness that keeps a contrast of 3:1 on the
light and on the dark surface, so that a figure needs no second version. No colour says anything alone: a word, a
place or a shape says it too.
"""

from typing import NamedTuple


class Scheme(NamedTuple):
    """The colours of one scheme, by their role."""

    ground: str
    surface: str
    sunken: str
    line: str
    line_strong: str
    ink: str
    ink_soft: str
    accent: str
    accent_wash: str
    on_accent: str
    good: str
    good_wash: str
    warn: str
    warn_wash: str
    bad: str
    bad_wash: str
    quiet_wash: str


LIGHT = Scheme(
    ground="#f5f7f8", surface="#ffffff", sunken="#eef2f4", line="#dfe5e9", line_strong="#80909b", ink="#14212b",
    ink_soft="#4c5d6a", accent="#0b6270", accent_wash="#e1f1f3", on_accent="#ffffff", good="#0e6245",
    good_wash="#dff3ea", warn="#7d4a00", warn_wash="#fdf0d9", bad="#a12d1f", bad_wash="#fde9e5", quiet_wash="#e9eef1",
)  # fmt: skip
DARK = Scheme(
    ground="#0f161b", surface="#172128", sunken="#111a20", line="#2a3740", line_strong="#6d7d88", ink="#e8eef1",
    ink_soft="#a9b8c1", accent="#5cc8d4", accent_wash="#16353c", on_accent="#06222a", good="#6fd3a6",
    good_wash="#143428", warn="#f0b95c", warn_wash="#3a2c12", bad="#ff9d8c", bad_wash="#41201b", quiet_wash="#24313a",
)  # fmt: skip

STORED = "#2d84bd"
QUARANTINED = "#d46a1a"
SERIES = {
    "blue": "#2d84bd",
    "orange": "#d46a1a",
    "green": "#189a75",
    "purple": "#b566a0",
    "sky": "#3f97c9",
    "ochre": "#a98419",
    "red": "#d0574a",
    "slate": "#768896",
}

FONT = (
    '"Inter Loom", ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, '
    '"Noto Sans", sans-serif'
)
MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", "Segoe UI Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'

TYPE_REM = {"tiny": 0.75, "small": 0.8125, "text": 0.875, "lead": 1.0, "title": 1.125, "page": 1.625, "figure": 1.75}
SPACE_REM = {"1": 0.25, "2": 0.5, "3": 0.75, "4": 1.0, "5": 1.5, "6": 2.0, "7": 3.0}

TEAL = [
    "#e6f5f7", "#d0eaee", "#a3d6dd", "#72c0cb", "#4aadbb", "#2e9dad", "#178b9c", "#0b7484", "#0b6270", "#064e5a",
]  # fmt: skip

SLATE = [
    "#e8eef1", "#c9d4da", "#a9b8c1", "#6d7d88", "#3a4853", "#2a3740", "#1f2b33", "#172128", "#111a20", "#0f161b",
]  # fmt: skip
"""Mantine draws its dark scheme from this: our dark ground, surfaces and lines."""

MANTINE = {
    "fontFamily": FONT,
    "fontFamilyMonospace": MONO,
    "primaryColor": "loom",
    "colors": {"loom": TEAL, "dark": SLATE},
    "primaryShade": {"light": 8, "dark": 4},
    "autoContrast": True,
    "defaultRadius": "8px",
    "cursorType": "pointer",
    "respectReducedMotion": True,
    "focusRing": "always",
}
"""Mantine's theme: its components take our colours, type and radius."""


def style_sheet() -> str:
    """The variables of the style sheet: ``--ink``, ``--type-text``, ``--space-4``."""
    shared = {f"type-{name}": f"{size}rem" for name, size in TYPE_REM.items()}
    shared |= {f"space-{name}": f"{size}rem" for name, size in SPACE_REM.items()}
    shared |= {"font": FONT, "mono": MONO, "stored": STORED, "quarantined": QUARANTINED}
    shared |= {f"series-{name}": colour for name, colour in SERIES.items()}
    return "\n".join(
        [
            _rule(":root", shared | _colours(LIGHT) | {"scheme": "light"}),
            _rule('[data-mantine-color-scheme="dark"]', _colours(DARK) | {"scheme": "dark"}),
        ]
    )


def _colours(scheme: Scheme) -> dict[str, str]:
    return {name.replace("_", "-"): colour for name, colour in scheme._asdict().items()}


def _rule(selector: str, variables: dict[str, str]) -> str:
    return f"{selector} {{\n" + "".join(f"  --{name}: {value};\n" for name, value in variables.items()) + "}\n"


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours ``#rrggbb``, 1 to 21. source  WCAG 2.2, relative luminance."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
