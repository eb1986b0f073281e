"""Pure rooms take the world through their arguments: no file, socket, clock, process or random source of their own."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, dotted_names, imports, modules, name_of, parse
from tests.every import over

PURE = (
    "ingest",
    "quality",
    "deid",
    "nlp",
    "synth",
    "risk",
    "fhir",
    "hl7v2",
    "text",
    "tables",
    "terminology",
    "metrics.py",
)
# Adapters to the outside say so in their names; the registry reaches them.
ADAPTER = re.compile(r"_(azure|tesseract|spark|torch)\.py$")

FILES, SOCKETS, PROCESSES, RANDOMNESS, DATABASE = "files", "sockets", "processes", "randomness", "a database"
WORLD = {  # module -> what it reaches
    "asyncio": SOCKETS,
    "ftplib": SOCKETS,
    "getpass": "a person",
    "glob": FILES,
    "http": SOCKETS,
    "httpx": SOCKETS,
    "importlib.resources": "files: use runtime.packaged",
    "mmap": FILES,
    "multiprocessing": PROCESSES,
    "os": "files and the environment",
    "pathlib": FILES,
    "random": RANDOMNESS,
    "requests": SOCKETS,
    "secrets": RANDOMNESS,
    "shutil": FILES,
    "signal": PROCESSES,
    "smtplib": SOCKETS,
    "socket": SOCKETS,
    "sqlalchemy": DATABASE,
    "sqlite3": DATABASE,
    "ssl": SOCKETS,
    "subprocess": PROCESSES,
    "tempfile": FILES,
    "time": "the clock",
    "urllib.request": SOCKETS,
}
HARMLESS = {("pathlib", "PurePath"), ("pathlib", "PurePosixPath")}
CALLS = re.compile(
    r"^(open|input|print|breakpoint)$"
    r"|(^|\.)(bz2|codecs|gzip|io|lzma)\.open$"
    r"|(^|\.)(datetime|date)\.(now|today|utcnow)$|(^|\.)uuid\.?uuid[14]$|^uuid[14]$"
    r"|(^|\.)(np|numpy)\.random\.(seed|rand|randn|random|randint|choice|shuffle|permutation|normal|uniform)$"
    r"|\.(read_text|write_text|read_bytes|write_bytes|mkdir|unlink|iterdir)$"
)


def slips(tree: ast.AST) -> list[str]:
    """What a file reaches for that nobody handed to it."""
    found = []
    for each in imports(tree):
        taken = [(each.module, name) for name in each.names]
        if taken and all(pair in HARMLESS for pair in taken):
            continue
        for reached in [each.module, *(".".join(pair) for pair in taken)]:
            for module, what in WORLD.items():
                if reached == module or reached.startswith(f"{module}."):
                    found.append(f"line {each.line}: {module} ({what})")
    found += [f"line {line}: {name}" for name, line in dotted_names(tree) if CALLS.search(name)]
    return sorted(set(found))


ROOMS = [module for module in modules() if name_of(module).split("/")[0] in PURE and not ADAPTER.search(module.name)]


@over(ROOMS, name_of)
def test_a_pure_room_reaches_for_nothing(module: Path) -> None:
    assert slips(parse(module)) == []


REACHES = [
    "open('x')",
    "from pathlib import Path",
    "import time",
    "from time import perf_counter",
    "import os.path",
    "from datetime import datetime\ndatetime.now()",
    "import datetime\ndatetime.date.today()",
    "import random",
    "from urllib import request",
    "import urllib.request",
    "import uuid\nuuid.uuid4()",
    "import gzip\ngzip.open('x')",
    "import numpy as np\nnp.random.rand(3)",
    "from importlib import resources",
    "def late():\n    import socket",
    "source.read_text()",
]


@pytest.mark.parametrize("code", REACHES)
def test_reaching_for_the_world_is_noticed(code: str) -> None:
    assert slips(ast.parse(code)) != []


HANDED = [
    "from datetime import datetime, UTC\ndatetime.fromisoformat('2024-01-01').astimezone(UTC)",
    "def f(clock):\n    return clock()",
    "def f(generator):\n    return generator.normal()",
    "import gzip\ngzip.decompress(b'')",
    "from pathlib import PurePosixPath",
    "from urllib.parse import urlsplit",
    "import io\nio.BytesIO(b'')",
    "import uuid\nuuid.UUID(int=3)",
    "import zipfile\nimport io\nzipfile.ZipFile(io.BytesIO(b'')).open('member')",
]


@pytest.mark.parametrize("code", HANDED)
def test_what_is_handed_in_or_computed_is_fine(code: str) -> None:
    assert slips(ast.parse(code)) == []


def test_there_are_pure_rooms() -> None:
    assert any(name_of(module).startswith("ingest/") for module in ROOMS), PACKAGE
