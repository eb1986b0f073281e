"""Code hierarchies: each code as a path from chapter to code, so that a rare code can lean on its chapter.

source  ICD-10-CM Tabular List of Diseases and Injuries, FY 2026, CDC/NCHS: chapters 1 to 22;
        ICD-9-CM, sixth edition (2011), CDC/NCHS: chapters 1 to 17 and the supplementary classifications V and E
"""

from bisect import bisect_right
from collections.abc import Mapping

from careloom.errors import InputError

_ICD10CM = (
    "A00-B99", "C00-D49", "D50-D89", "E00-E89", "F01-F99", "G00-G99", "H00-H59", "H60-H95", "I00-I99", "J00-J99",
    "K00-K95", "L00-L99", "M00-M99", "N00-N99", "O00-O9A", "P00-P96", "Q00-Q99", "R00-R99", "S00-T88", "U00-U85",
    "V00-Y99", "Z00-Z99",
)  # fmt: skip
_ICD9CM = (
    "001-139", "140-239", "240-279", "280-289", "290-319", "320-389", "390-459", "460-519", "520-579", "580-629",
    "630-679", "680-709", "710-739", "740-759", "760-779", "780-799", "800-999", "E000-E999", "V01-V91",
)  # fmt: skip
_STARTS: Mapping[str, list[str]] = {
    "icd-10-cm": [chapter.split("-")[0] for chapter in _ICD10CM],
    "icd-9-cm": [chapter.split("-")[0] for chapter in _ICD9CM],
}
_CHAPTERS: Mapping[str, tuple[str, ...]] = {"icd-10-cm": _ICD10CM, "icd-9-cm": _ICD9CM}
NAMES = (*_CHAPTERS, "prefix:1,3")
"""What a column may name; ``prefix:`` takes any rising lengths, e.g. ``prefix:1,3,4,5`` for ATC."""


def is_known(hierarchy: str) -> bool:
    """True for a hierarchy that `path` can walk."""
    return hierarchy in _CHAPTERS or bool(_prefixes(hierarchy))


def path(hierarchy: str, code: str) -> tuple[str, ...]:
    """A code with what stands above it, coarse to fine; as long for every code of a hierarchy.

    hierarchy  ``icd-10-cm`` or ``icd-9-cm``: chapter, three-character category, code; ``prefix:1,3``: those first
               characters, code
    code       as it is written, with or without the point
    raises     InputError for an unknown hierarchy
    """
    if lengths := _prefixes(hierarchy):
        return (*(code[:length] for length in lengths), code)
    if hierarchy not in _CHAPTERS:
        raise InputError("hierarchy: not one that is known", f"Use one of {', '.join(NAMES)}.")
    category = _category(hierarchy, code)
    at = bisect_right(_STARTS[hierarchy], category) - 1
    return (_CHAPTERS[hierarchy][max(at, 0)], category, code)


def _category(hierarchy: str, code: str) -> str:
    bare = code.strip().upper()
    if hierarchy == "icd-9-cm":
        whole = bare.split(".")[0]
        if whole.isdigit():
            return whole.zfill(3)[:3]  # 8 and 008 are one category: spreadsheets drop zeros
        return whole[:4] if whole.startswith("E") else whole[:3]
    return bare.replace(".", "")[:3]


def _prefixes(hierarchy: str) -> tuple[int, ...]:
    word, _, rest = hierarchy.partition(":")
    texts = rest.split(",")
    if word != "prefix" or not all(text.isdigit() for text in texts):
        return ()
    lengths = tuple(int(text) for text in texts)
    return lengths if all(a < b for a, b in zip((0, *lengths), lengths, strict=False)) else ()
