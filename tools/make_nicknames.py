"""Writes src/careloom/quality/linkage/nicknames.toml from the wheel of the package `nicknames`.

    pip download --no-deps nicknames==1.0.1
    .venv/bin/python tools/make_nicknames.py nicknames-1.0.1-py3-none-any.whl

The list (https://github.com/carltonnorthern/nicknames, Apache-2.0, by C. Northern and N. Crews) was gathered from
genealogical sources. Kept are its pairs (name, nickname) of names of letters only.
"""

import csv
import io
import sys
import zipfile
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/careloom/quality/linkage/nicknames.toml"
HEAD = """# Given names and their short forms, in English.
#
# Grammar
#   [nicknames]  name -> its short forms, divided by spaces. A short form may stand for several names.
#
# Source: nicknames 1.0.1, https://github.com/carltonnorthern/nicknames, Apache-2.0, C. Northern and N. Crews.
# Written by tools/make_nicknames.py.

[nicknames]
"""


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        text = wheel.read("nicknames/names.csv").decode()
    found: dict[str, set[str]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        name, short = row["name1"].strip().lower(), row["name2"].strip().lower()
        if row["relationship"] == "has_nickname" and name.isalpha() and short.isalpha() and name != short:
            found.setdefault(name, set()).add(short)
    lines = [f'{name} = "{" ".join(sorted(found[name]))}"' for name in sorted(found)]
    TARGET.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
    print(f"{len(found)} names, {sum(map(len, found.values()))} pairs")


if __name__ == "__main__":
    main()
