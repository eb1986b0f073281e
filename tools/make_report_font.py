"""Writes the fonts of PDF reports from the npm package inter-ui: TrueType, fewer letters, digits of one width.

Needs fonttools and brotli, which the project itself does not: run it in an environment of its own, with the package
unpacked beside it::

    npm pack inter-ui@4.1.1 && tar xzf inter-ui-4.1.1.tgz
    python tools/make_report_font.py package src/careloom/dashboard/fonts
"""

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

STYLES = {"Regular": "inter-regular.ttf", "SemiBold": "inter-semibold.ttf"}
LETTERS = (
    (0x20, 0x7E), (0xA0, 0x24F), (0x259, 0x259), (0x2B0, 0x2FF), (0x370, 0x3FF), (0x400, 0x45F), (0x490, 0x491),
    (0x1E00, 0x1EFF), (0x2010, 0x2027), (0x202F, 0x203A), (0x2044, 0x2044), (0x2070, 0x209F), (0x20A0, 0x20BF),
    (0x2100, 0x214F), (0x2150, 0x215E), (0x2190, 0x2199), (0x21A9, 0x21AA), (0x2200, 0x22FF), (0x25A0, 0x25FF),
    (0x2600, 0x2606), (0x2713, 0x2717), (0xFB01, 0xFB02), (0xFFFD, 0xFFFD),
)  # fmt: skip
"""Latin with all its accents, Greek, Cyrillic, punctuation, money, arrows, mathematics, shapes."""


def subset(source: Path, target: Path) -> None:
    """The font at `source` with `LETTERS` alone, its digits all equally wide, written to `target`."""
    font = TTFont(source)
    digits = [f"{name}.tf" for name in ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")]
    known = set(font.getGlyphOrder())
    for table in font["cmap"].tables:
        for place, name in enumerate(digits):
            if name in known and ord("0") + place in table.cmap:
                table.cmap[ord("0") + place] = name
    options = Options(layout_features=[], hinting=False, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14], notdef_outline=True)
    cut = Subsetter(options)
    cut.populate(unicodes=[code for first, last in LETTERS for code in range(first, last + 1)])
    cut.subset(font)
    font.flavor = None
    font.recalcTimestamp = False
    font.save(target)


if __name__ == "__main__":
    package, folder = (Path(each) for each in sys.argv[1:3])
    folder.mkdir(exist_ok=True)
    for style, name in STYLES.items():
        subset(package / "web" / f"Inter-{style}.woff2", folder / name)
