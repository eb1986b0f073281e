"""The part of YAML 1.2 that task files are written in, read strictly: mappings, lists, scalars, block texts.

What is beyond it (anchors, tags, tabs, several documents, a key twice) is refused with its line: a file that means more
than is read of it would make another cohort than its author wrote.
"""

import re
from typing import Any

from careloom.errors import FormatError

_KEY = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[^\s"'{}\[\],&*!|>%@`#:][^#:]*?)\s*:(?:\s+(?P<rest>.*))?$""")
_BLOCK = re.compile(r"(?P<key>.*:)\s+(?P<how>[|>]-?)")
_FOLD = re.compile(r"\n+")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"null": None, "Null": None, "NULL": None, "~": None, "": None, "true": True, "True": True, "TRUE": True,
          "false": False, "False": False, "FALSE": False}  # fmt: skip
_BEYOND = ("&", "*", "!", "|", ">", "%", "@", "`", "? ", "- ", "---")
Json = dict[str, Any]


def read_yaml(text: str) -> Json:
    """The mapping that a text says. raises FormatError, which names the line"""
    lines = _lines(text.splitlines())
    if not lines:
        raise FormatError("task file: it is empty", "Write predicates, trigger and windows.")
    made, end = _mapping(lines, 0, lines[0][1])
    if end < len(lines):
        raise _wrong(lines[end][0], "stands further left than the first line")
    return made


def _lines(raw: list[str]) -> "Lines":
    """What is said, line by line; a block text stands in one, behind its key, as a quoted one does."""
    made: Lines = []
    place = 0
    while place < len(raw):
        number, line = place + 1, raw[place]
        stripped, indent = _bare(line, number), len(line) - len(line.lstrip(" "))
        place += 1
        if (found := _BLOCK.fullmatch(stripped)) is not None:
            told = []
            while place < len(raw) and (not raw[place].strip() or len(raw[place]) - len(raw[place].lstrip()) > indent):
                told.append(raw[place])
                place += 1
            made.append((number, indent, found["key"], _block(told, found["how"], number)))
        elif stripped and not (stripped == "---" and not made):
            made.append((number, indent, stripped, None))
    return made


def _block(told: list[str], how: str, number: int) -> str:
    while told and not told[-1].strip():
        told.pop()
    depths = {len(line) - len(line.lstrip()) for line in told if line.strip()}
    if not told or len(depths) > 1:
        raise _wrong(number, "begins a block text that is empty, or whose lines are not in line")
    lines = [line.strip() for line in told]
    text = "\n".join(lines) if how[0] == "|" else _FOLD.sub(lambda found: found[0][1:] or " ", "\n".join(lines))
    return text if how.endswith("-") else f"{text}\n"


def _wrong(number: int, what: str) -> FormatError:
    return FormatError(f"task file, line {number}: it {what}", "Write plain mappings, as the files of ACES do.")


def _bare(line: str, number: int) -> str:
    """A line without its comment and the spaces around it."""
    if "\t" in line:
        raise _wrong(number, "holds a tab")
    quote, kept = "", []
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] == " "):
            break
        kept.append(letter)
    return "".join(kept).strip()


Lines = list[tuple[int, int, str, str | None]]
"""Number, indent, what stands there, and the block text behind it."""


def _mapping(lines: Lines, place: int, indent: int) -> tuple[Json, int]:
    made: Json = {}
    while place < len(lines):
        number, own, text, block = lines[place]
        if own < indent or (own == indent and text.startswith("- ")):
            break
        if own > indent:
            raise _wrong(number, "stands further right than the lines above it")
        found = _KEY.fullmatch(text)
        if found is None or text.startswith(_BEYOND):
            raise _wrong(number, "is no key with a value that is read here")
        key = found["key"].strip("\"'")
        if key in made:
            raise _wrong(number, f"says {key} a second time")
        place += 1
        rest = (found["rest"] or "").strip()
        if block is not None:
            made[key] = block
        elif rest:
            made[key] = _value(rest, number)
        elif place < len(lines) and lines[place][1] >= indent and lines[place][2].startswith("- "):
            made[key], place = _list(lines, place, lines[place][1])
        elif place < len(lines) and lines[place][1] > indent:
            made[key], place = _mapping(lines, place, lines[place][1])
        else:
            made[key] = None
    return made, place


def _list(lines: Lines, place: int, indent: int) -> tuple[list[Any], int]:
    made: list[Any] = []
    while place < len(lines) and lines[place][1] == indent and lines[place][2].startswith("- "):
        number, own, text, block = lines[place]
        rest = text[1:].lstrip()
        if rest[0] not in "{['\"" and _KEY.fullmatch(rest):
            inner = own + len(text) - len(rest)
            lines[place] = (number, inner, rest, block)
            item, place = _mapping(lines, place, inner)
        else:
            item, place = _value(rest, number), place + 1
        made.append(item)
    if place < len(lines) and lines[place][1] > indent:
        raise _wrong(lines[place][0], "stands further right than the lines above it")
    return made, place


def _value(text: str, number: int) -> Any:
    if text[0] not in "{[":
        return _scalar(text, number)
    made, rest = _flow(text, number)
    if rest.strip():
        raise _wrong(number, "goes on after a closing bracket")
    return made


def _scalar(text: str, number: int) -> Any:
    if text[0] in "\"'":
        if len(text) < 2 or text[-1] != text[0] or text[0] in text[1:-1] or (text[0] == '"' and "\\" in text):
            what = "has a quoted text with a quote in it, a backslash between double quotes, or no quote at its end"
            raise _wrong(number, what)
        return text[1:-1]
    if text.startswith(_BEYOND) or ": " in text:
        raise _wrong(number, "holds a value that is not read here")
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _flow(text: str, number: int) -> tuple[Any, str]:
    """A flow mapping or list at the begin of a text, and what follows it."""
    is_mapping, rest = text[0] == "{", text[1:].lstrip()
    made: Json = {}
    items: list[Any] = []
    while not rest.startswith("}" if is_mapping else "]"):
        if is_mapping:
            found = re.match(r"""\s*("[^"]*"|'[^']*'|[^\s"'{}\[\],:]+)\s*:\s+""", rest)
            if found is None or found[1].strip("\"'") in made:
                raise _wrong(number, "has a bracket that is not understood")
            made[found[1].strip("\"'")], rest = _part(rest[found.end() :], number)
        else:
            item, rest = _part(rest, number)
            items.append(item)
        rest = rest.lstrip()
        if rest.startswith(","):
            rest = rest[1:].lstrip()
        elif not rest.startswith(("}", "]")):
            raise _wrong(number, "has a bracket that is not closed in its line")
    return (made if is_mapping else items), rest[1:]


def _part(text: str, number: int) -> tuple[Any, str]:
    text = text.lstrip()
    if text[:1] in ("{", "["):
        return _flow(text, number)
    found = re.match(r"""("[^"]*"|'[^']*'|[^,{}\[\]]*)""", text)
    end = found.end() if found else 0
    if not text[:end].strip():
        raise _wrong(number, "has a bracket that is not closed in its line")
    return _scalar(text[:end].strip(), number), text[end:]
