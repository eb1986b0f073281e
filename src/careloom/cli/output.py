"""How commands speak: JSON for machines, tables for people, progress when a person watches."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import orjson
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

Watch = Callable[[int, int], None]
"""(done, in all), called now and then during long work: bytes, unless the command says another unit."""


def emit_json(value: Any) -> None:
    """Writes one JSON document to standard output."""
    try:
        sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        sys.stdout.flush()
    except BrokenPipeError:
        _reader_left()


def emit_text(text: str) -> None:
    """Writes text as it is: no line is wrapped."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _reader_left()


def emit_line(value: Any) -> None:
    """Writes one JSON document as one line, for programs that read as it comes."""
    try:
        sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.flush()
    except BrokenPipeError:
        _reader_left()


def give(value: Any, *, as_json: bool, show: Callable[[Any], None]) -> None:
    """The answer of a command: JSON for machines, or shown to a person."""
    if as_json:
        emit_json(value)
    else:
        show(value)


def give_job(job: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints work that was handed to the job worker, and where it is watched."""
    give(job, as_json=as_json, show=lambda made: say(f"Job {made['id']}: see `careloom jobs show`."))


def _reader_left() -> NoReturn:
    """Whoever read us (``| head``) has enough; that is no failure."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the last flush fails again
    raise SystemExit(0)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Rich calls it when nobody reads any more."""
        _reader_left()


def console() -> Console:
    """Standard output for people."""
    return _Console(highlight=False)


def sentence(text: str) -> str:
    """Text that begins with a capital letter, unless it begins with a command."""
    return text if text.startswith("careloom ") else text[:1].upper() + text[1:]


_UNBROKEN = 40
"""A first column up to so wide, long enough for a type and an id, is never broken: people copy from it."""


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
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=box.SIMPLE_HEAD,
                  show_edge=False, pad_edge=False)  # fmt: skip
    for number, column in enumerate(columns):
        numeric = all(isinstance(row[number], int | float) for row in rows)
        whole = numeric or (number == 0 and max(len(str(row[0])) for row in rows) <= _UNBROKEN)
        header = column.replace(" ", "\n") if numeric else column
        table.add_column(header, justify="right" if numeric else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else Text(harmless(str(cell))) for cell in row))
    console().print(table)


@contextmanager
def progress(label: str, *, quiet: bool, unit: str = "bytes") -> Iterator[Watch | None]:
    """A progress bar on standard error when a person watches, else nothing; a unit other than bytes is counted."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    amount = (DownloadColumn(),) if unit == "bytes" else (MofNCompleteColumn(), TextColumn(unit))
    columns = (TextColumn("{task.description}"), BarColumn(), *amount, TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
