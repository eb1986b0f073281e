"""A Careloom in a folder of its own, driven through its command line as a person would."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from careloom.cli.main import main


@dataclass(frozen=True)
class Done:
    """What a command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


class CommandLine:
    """Runs `careloom` against one data directory: in this process, which is fast, or in one of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CARELOOM_")},
            "CARELOOM__DATA__DIRECTORY": str(self.data),
            "COLUMNS": "120",
        }
        self.folder = folder

    def arguments(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "careloom.cli.main", *map(str, words)]

    def run(self, *words: str | Path, expect: int = 0) -> Done:
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        code = 0
        with self._inside(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            sys.argv = ["careloom", *map(str, words)]
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        done = Done(code, _text(out), _text(err))
        assert done.returncode == expect, f"{words}: exit {code}\n{done.stdout}\n{done.stderr}"
        return done

    def run_apart(self, *words: str | Path, expect: int = 0) -> Done:
        """In a process of its own."""
        ended = subprocess.run(
            self.arguments(*words), env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=900,
            check=False,
        )  # fmt: skip
        assert ended.returncode == expect, f"{words}: exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def json(self, *words: str | Path, expect: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", expect=expect).stdout)

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        here, argv = Path.cwd(), sys.argv
        os.chdir(self.folder)
        try:
            with mock.patch.dict(os.environ, self.environment, clear=True):
                yield
        finally:
            os.chdir(here)
            sys.argv = argv


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    held = stream.buffer
    assert isinstance(held, io.BytesIO)
    return held.getvalue().decode()
