"""Sentences of clinical text: rules for prose, wrapped lines, lists, headings and abbreviations.

Rules, in order: a blank line ends a sentence; so does a line before a list item, a heading or a label, a heading that
fills its line, and each row of a table; any other line end counts as white space where the text looks wrapped (the line
is long, or the next one goes on in lower case). Inside a line, a full stop, question or exclamation mark before white
space and something that can begin a sentence ends it, unless it closes an abbreviation, an initial or the number of a
list.
"""

import re

from careloom.text.note import Span

# Abbreviations that rarely end a sentence; lower case, without the last full stop.
_ABBREVIATIONS = frozenset(
    "dr mr mrs ms prof st jr sr no nos vs approx appt dept est fig al etc pt pts wt ht temp resp vol ref max min avg "
    "hx dx tx rx sx fx hosp med meds tab tabs cap caps inj sol susp amp amt qty sig disp mg mcg ml cc kg cm mm hr hrs "
    "sec wk wks mo mos yr yrs yo a.m p.m i.e e.g b.i.d t.i.d q.i.d q.d q.h q.h.s q.o.d p.o p.r p.r.n i.v i.m s.c s.l "
    "h.s a.c p.c n.p.o p.o.d o.d o.s o.u cf viz ca jan feb mar apr jun jul aug sept sep oct nov dec mon tue tues wed "
    "thu thurs fri sat sun ave blvd rd ste apt ext tel ph lt rt bilat inc ltd co corp".split()
)
# May also close a sentence: then what follows decides.
_MAY_END = frozenset(
    "etc a.m p.m b.i.d t.i.d q.i.d q.d q.h.s q.o.d p.o p.r.n i.v i.m h.s mg mcg ml cc kg cm mm".split()
)
_ITEM = re.compile(r"[ \t]*(?:[-*•‣◦▪·o+][ \t]+|\(?\d{1,2}[.)][ \t]+|\(?[A-Za-z][.)][ \t]+|#\d)")
_HEADING = re.compile(r"[ \t]*(?:[A-Z][A-Za-z0-9&/,()' -]{1,60}:|[A-Z][A-Z0-9&/,()' -]{3,60}(?=[ \t]*$))", re.MULTILINE)
_LONE_HEADING = re.compile(r"[ \t]*(?:[A-Z][A-Za-z0-9&/,()' -]{1,60}:|[A-Z][A-Z0-9&/,()' -]{3,60})[ \t]*$")
# The start of a line of an examination or a form (``ext: warm``, ``neuro   : [ ] denies``), a line that is marked as a
# title, and a row of a table: columns, bars, or fields between semicolons.
_LABEL = re.compile(r"[ \t]*[^\W\d_][\w/&' ]{0,18}[ \t]*:(?=[ \t]|$)")
_UNDONE = re.compile(r"\b(?:and|or|nor|but|the|a|an|of|with|without|for|to|about|from)[ \t]*$", re.IGNORECASE)
# No line ends a sentence on such a word: what looks like a label below it (``bleeding: you had none``) is wrapped.
_MARKED = re.compile(r"[ \t]*(?:#{2,}[ \t]|={2,}|\*{2,}|\[[^\]\n]{2,60}\][ \t]*$)")
_ROW = re.compile(r"[^\n]*\S(?:\t|[ ]{3,}\S|[ ]\|[ ])|(?:[^;\n]*;){3}")
_STOP = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]]*+(?=[ \t]+(\S)|[ \t]*$)")
_LAST_WORD = re.compile(r"[^\s(\[\"'“]*$")
_LOOK_BACK = 24
_OPENERS = frozenset("\"'“‘([*-•#")
_WRAP_SHARE, _WRAP_LEAST = 0.7, 40  # a line this long, of the longest and at all, was broken by width, not by sense


def sentences(text: str) -> list[Span]:
    """The sentences of `text` in order: disjoint, without white space at their ends, leaving out nothing else."""
    found: list[Span] = []
    for block in _blocks(text):
        at = block.start
        for stop in _stops(text, block):
            _add(text, at, stop, found)
            at = stop
        _add(text, at, block.end, found)
    return found


def _add(text: str, start: int, end: int, found: list[Span]) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        found.append(Span(start, end))


def _blocks(text: str) -> list[Span]:
    """Runs of lines that belong to one another: wrapped prose, or one list item, or one heading."""
    lines = [Span(*line.span()) for line in re.finditer(r"[^\n]+", text) if not line[0].isspace()]
    width = max((len(line) for line in lines), default=0)
    blocks: list[Span] = []
    for line in lines:
        last = blocks[-1] if blocks else None
        if last is not None and _goes_on(text, last, line, width):
            blocks[-1] = Span(last.start, line.end)
        else:
            blocks.append(line)
    return blocks


def _goes_on(text: str, block: Span, line: Span, width: int) -> bool:
    """True where `line` continues the block above it."""
    between = text[block.end : line.start]
    if between.count("\n") > 1:
        return False
    here = line.of(text)
    if _ITEM.match(here) or _HEADING.match(here):
        return False
    above = text[text.rfind("\n", 0, block.end) + 1 : block.end]
    if _LONE_HEADING.match(above) or _MARKED.match(above) or _MARKED.match(here):
        return False
    if _LABEL.match(here):
        return here.lstrip()[0].islower() and _UNDONE.search(above) is not None
    if _ROW.match(here) and _ROW.match(above):
        return False
    first = here.lstrip()[0]
    if first.islower():
        return True
    return len(above.rstrip()) >= max(_WRAP_SHARE * width, _WRAP_LEAST) and above.rstrip()[-1] not in ".!?:;"


def _stops(text: str, block: Span) -> list[int]:
    """Offsets just behind each mark that ends a sentence inside the block."""
    stops = []
    body = block.of(text)
    flat = body.replace("\n", " ")
    item = _ITEM.match(flat)
    for mark in _STOP.finditer(flat, item.end() if item else 0):
        following = mark[1]
        if following is not None and _ends(flat[max(0, mark.start() - _LOOK_BACK) : mark.start()], mark[0], following):
            stops.append(block.start + mark.end())
    return stops


def _ends(before: str, mark: str, following: str) -> bool:
    """True where this mark ends a sentence, by the last word before it and the character that follows."""
    can_begin = following.isupper() or following.isdigit() or following in _OPENERS or not following.isalpha()
    if not can_begin:
        return False
    if not mark.startswith("."):
        return True
    last = _LAST_WORD.search(before)
    word = last[0] if last is not None else ""
    lower = word.lower()
    if lower in _ABBREVIATIONS:
        return lower in _MAY_END and following.isupper()
    return not (len(word) == 1 and word.isalpha() and word.isupper() and following.isupper())
