"""Shows that each ICD-10 prefix of risk scores exists in ICD-10-CM, and none that is said to be the WHO's alone does.

    python tools/check_risk_codes.py [--list]

Each prefix is looked up in the packaged table (April 2026); --list prints every prefix with its name. Exit status 1
where one is in the wrong list. Codes of care gaps have names beside them: tools/check_codes.py holds those.
"""

import argparse
import sys
import tomllib
from bisect import bisect_left
from pathlib import Path

from careloom.terminology.packaged import PACKAGED, lookup
from careloom.terminology.systems import ICD_10_CM

SCORES = Path(__file__).parents[1] / "src/careloom/risk/scores"


def known_codes() -> list[str]:
    return sorted(code.replace(".", "") for code in PACKAGED.codes(ICD_10_CM))


def is_known(prefix: str, codes: list[str]) -> bool:
    plain = prefix.replace(".", "")
    place = bisect_left(codes, plain)
    return place < len(codes) and codes[place].startswith(plain)


def prefixes(read: object) -> list[tuple[str, str]]:
    """(list, prefix) of every list of prefixes in a file."""
    if not isinstance(read, dict):
        return []
    own = [(key, prefix) for key in ("icd10cm", "icd10") for prefix in read.get(key, [])]
    return own + [found for value in read.values() for found in prefixes(value)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    codes = known_codes()
    wrong = 0
    for file in sorted(SCORES.glob("*.toml")):
        found = prefixes(tomllib.loads(file.read_text("utf-8")))
        for kind, prefix in found:
            is_right = is_known(prefix, codes) == (kind == "icd10cm")
            wrong += not is_right
            if options.list or not is_right:
                concept = lookup(ICD_10_CM, prefix)
                name = concept.name if concept else ""
                print(f"{'right' if is_right else 'WRONG':<6}{file.stem:<14}{kind:<8}{prefix:<7}{name}")
        if found:
            print(f"{file.stem}: {len(found)} prefixes", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
