"""Blocks of code in the documentation: where they stand, what runs them, and the reason where nobody does.

A block is run unless a comment stands directly above it: ``<!-- not run: REASON -->``. Python is run by Python, lines
that begin with ``careloom`` by the command line; other languages are data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

MARK = re.compile(r"<!-- not run: (.{8,}?) -->")
_FENCE = re.compile(r"^( *)(```+|~~~+) *(\w*)")
_SHELL = ("", "sh", "bash", "console", "shell")


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code.

    line    of its first line, from 1; `above` the line before which its mark stands
    kind    ``python`` or ``shell``
    reason  why nobody runs it; empty: it is run
    """

    page: str
    line: int
    above: int
    indent: int
    kind: str
    text: str
    reason: str


def blocks(page: Path, root: Path) -> Iterator[Block]:
    """Every block of a page that something could run, in order."""
    lines = page.read_text("utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        start, indent = at, len(lines[at]) - len(lines[at].lstrip())
        if fence:
            end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == fence[2]), len(lines))
            body, language, at = lines[start + 1 : end], fence[3], end + 1
        elif indent >= 4 and lines[at].strip() and (at == 0 or not lines[at - 1].strip()):
            end = at
            while end < len(lines) and (lines[end].startswith(" " * indent) or not lines[end].strip()):
                end += 1
            body, language, at = lines[start:end], "", end
            if not body[0].strip().startswith("careloom "):
                continue
        else:
            at += 1
            continue
        text = dedent("\n".join(body)).strip("\n")
        kind = "python" if language == "python" else "shell" if language in _SHELL and _is_shell(text) else ""
        if kind:
            above = start - 1
            while above > 0 and not fence and not lines[above].strip():
                above -= 1
            found = MARK.search(lines[above]) if above >= 0 else None
            name = page.relative_to(root).as_posix()
            yield Block(name, start + 1 + bool(fence), start, indent, kind, text, found[1] if found else "")


def commands(text: str) -> list[str]:
    """The commands of a shell block, each on one line: without prompts, comments and what is printed."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = [line.strip() for line in joined.splitlines()]
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in lines if line and not line.startswith("#")]


def _is_shell(text: str) -> bool:
    return any(re.match(r"(\$ )?careloom\b", line.strip()) for line in text.splitlines())
