"""How commands speak: JSON for machines, tables for people, progress when a person watches."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

Watch = Callable[[int, int], None]
"""(bytes done, bytes in all), called now and then during long work."""


def emit_json(value: Any) -> None:
    """Writes one JSON document to standard output."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def give(value: Any, *, as_json: bool, show: Callable[[Any], None]) -> None:
    """The answer of a command: JSON for machines, or shown to a person."""
    if as_json:
        emit_json(value)
    else:
        show(value)


def console() -> Console:
    """Standard output for people."""
    return Console(highlight=False)


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def harmless(text: str) -> str:
    """Text of a feed as a terminal may show it: what would move its cursor or change its settings is written out."""
    return text.translate(_CONTROLS)


def say(text: str) -> None:
    """One line for people; square brackets are text, not markup."""
    console().print(harmless(text), markup=False)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "None.") -> None:
    """A table for people; numbers stand right; `empty` says what no rows mean."""
    if not rows:
        say(f"{title}: {empty}")
        return
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for number, column in enumerate(columns):
        numeric = all(isinstance(row[number], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else Text(harmless(str(cell))) for cell in row))
    console().print(table)


@contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[Watch | None]:
    """A progress bar on standard error when a person watches, else nothing."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
