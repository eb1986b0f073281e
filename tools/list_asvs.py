"""Writes docs/security/asvs.md from tools/asvs.toml: where Careloom stands on each requirement of OWASP ASVS 5.0.0.

Usage: python tools/list_asvs.py [--check]
"""

import argparse
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tools" / "asvs.toml"
PAGE = ROOT / "docs" / "security" / "asvs.md"
CHAPTERS = {
    "V1": "Encoding and sanitization", "V2": "Validation and business logic", "V3": "Web frontend",
    "V4": "API and web service", "V5": "Files", "V6": "Authentication",
    "V7": "Sessions", "V8": "Authorization", "V9": "Self-contained tokens",
    "V10": "OAuth and OpenID Connect", "V11": "Cryptography", "V12": "Secure communication", "V13": "Configuration",
    "V14": "Data protection", "V15": "Secure coding and architecture", "V16": "Logging and errors", "V17": "WebRTC",
}  # fmt: skip
STATES = {
    "test": "met, and the named test fails if it is not any more",
    "configuration": "met by a line of the named file",
    "absent": "there is none of it in Careloom, and the named test keeps it so",
    "document": "met by the named page",
    "none": "has nothing to do with what Careloom is",
    "open": "not met, or not wholly; the reason stands beside it",
}
HEAD = """# OWASP ASVS 5.0.0, level 1 and 2

Where Careloom stands on each of the {total} requirements of level 1 and 2 of the [OWASP Application Security
Verification Standard 5.0.0](https://github.com/OWASP/ASVS/tree/v5.0.0) (CC BY-SA 4.0). Numbers and levels are those of
the standard, the words are ours and no quotation: read the requirement there. The page is generated from
`tools/asvs.toml` by `tools/list_asvs.py`; `tests/security/test_asvs.py` holds it to be
whole, and each proof to be there.

{proven} are proven by a test or by configuration, {absent} more by a test that there is no such thing.

| state | means | rows |
|---|---|--:|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement: its number without the V, its level, and where Careloom stands on it."""

    number: str
    level: int
    state: str
    words: str
    proofs: tuple[str, ...]

    @property
    def chapter(self) -> str:
        """The chapter that it stands in: ``V1``."""
        return f"V{self.number.split('.')[0]}"


def rows() -> list[Row]:
    """Every row of tools/asvs.toml, in its order."""
    told = tomllib.loads(DATA.read_text("utf-8"))
    return [
        Row(number, level, state, words, tuple(proofs))
        for chapter in told.values()
        for number, (level, state, words, *proofs) in chapter.items()
    ]


def page(found: list[Row]) -> str:
    """The whole page."""
    counts = Counter(row.state for row in found)
    proven = counts["test"] + counts["configuration"]
    text = HEAD.format(total=len(found), proven=proven, absent=counts["absent"])
    text += "".join(f"| {state} | {means} | {counts[state]} |\n" for state, means in STATES.items())
    for chapter, name in CHAPTERS.items():
        text += f"\n## {chapter} {name}\n\n| requirement | level | state | how | proof |\n|---|--:|---|---|---|\n"
        for row in (row for row in found if row.chapter == chapter):
            proofs = "<br>".join(f"`{proof}`" for proof in row.proofs)
            text += f"| {row.number} | {row.level} | {row.state} | {row.words} | {proofs} |\n"
    return text


def main() -> int:
    """0 if the page is written or as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the page is current")
    wanted = page(rows())
    if parser.parse_args().check:
        current = PAGE.is_file() and PAGE.read_text("utf-8") == wanted
        if not current:
            print("docs/security/asvs.md is not current: python tools/list_asvs.py", file=sys.stderr)
        return int(not current)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
