"""Titles of sections in a note, in the layouts that charts use: marked, in capitals, with a colon or a dash, in a line.

A title is taken by its look and by what it says. Looks, strongest first: marked (``## Plan``, ``=== Plan ===``,
``[Plan]``, ``** Plan **``, ``- Plan -``, underlined); ``Title:`` at the start of a line; a line of its own; ``Title -``
before text; a known title in capitals with a colon inside a line. The weaker the look, the more must be known of the
words: sections.toml lists titles, and patterns of titles.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.runtime import packaged
from careloom.text.note import Span

OTHER = "other"
_LONGEST, _MOST_WORDS = 70, 9
_MARKED = re.compile(
    r"[ \t]*(?:#{1,6}[ \t]*(?P<hash>[^#\n]+?)[ \t]*#*"
    r"|={2,}[ \t]*(?P<equals>[^=\n]+?)[ \t]*=*"
    r"|\[(?P<bracket>[^\[\]\n]{2,70})\]"
    r"|\*{2,}[ \t]*(?P<star>[^*\n]+?)[ \t]*\*{2,}"
    r"|_{2,}[ \t]*(?P<under>[^_\n]+?)[ \t]*_{2,}"
    r"|-{1,3}[ \t]+(?P<dash>[^-\n][^\n]{1,68}?)[ \t]+-{1,3}"
    r"|<(?P<angle>[^<>\n]{2,70})>)[ \t]*:?[ \t]*$"
)
_LINE = re.compile(r"[^\n]+")
_COLON = re.compile(r"[ \t]*(?:\(?(?:\d{1,2}|[ivxIVX]{1,4})[.)][ \t]*)?([^\W_][^:\n]{0,68}?)[ \t]*(?:\*\*)?:(?!//|\d)")
_DASH = re.compile(r"[ \t]*([^\W\d_][\w/&()' ]{0,48}?)[ \t]*(?:[-–—]{1,2})(?=[ \t]|$)[ \t]*")
_ALONE = re.compile(r"[ \t]*(?:\(?(?:\d{1,2}|[ivxIVX]{1,4})[.)][ \t]+)?([^\W_][^\n]{0,68}?)[ \t]*$")
_RULE = re.compile(r"[ \t]*[-=_~*]{3,}[ \t]*$")
_INSIDE = re.compile(r"(?<![^\s.;,)\]_>-])([A-Z][A-Z0-9/&'() -]{1,48}|(?:[A-Z][a-z]+ ){1,4}[A-Za-z]+):(?!//|\d)")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_MARKS = re.compile(r"[^\w/#' -]|_")
_ARTICLES = frozenset({"the", "a", "an", "your", "my", "our", "his", "her", "their"})


@dataclass(frozen=True, slots=True)
class Heading:
    """A title that was found.

    kind   of the section; ``other`` where the words say nothing that is known
    title  its characters, without marks around them
    start  where the line or the piece of a line begins that it stands in
    body   where the text below or behind it begins
    """

    kind: str
    title: Span
    start: int
    body: int


class Titles:
    """What titles mean.

    codes  kind -> LOINC code of a section; empty where it has none
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.codes: Mapping[str, str] = {kind: entry.get("code", "") for kind, entry in table["kinds"].items()}
        self._exact: dict[str, str] = {
            title: kind for kind, entry in table["kinds"].items() for title in entry["titles"]
        }
        self._like: list[tuple[re.Pattern[str], str]] = [
            (re.compile(entry["words"]), entry["kind"]) for entry in table["like"]
        ]
        self._within = frozenset(table["within"])
        self._minor = frozenset(table["minor"])
        self._before = sorted((f"{words} " for words in table["drop_before"]), key=len, reverse=True)
        self._after = sorted((f" {words}" for words in table["drop_after"]), key=len, reverse=True)

    def listed(self) -> tuple[str, ...]:
        """Every listed title."""
        return tuple(self._exact)

    def exact(self, title: str) -> str:
        """The kind of a title that is listed; empty where it is not."""
        form = normal(title)
        return self._exact.get(form, "") or self._exact.get(self._trimmed(form), "")

    def like(self, title: str) -> str:
        """The kind of a title that is listed or fits a pattern; empty where neither."""
        known = self.exact(title)
        if known:
            return known
        form = normal(title)
        return next((kind for pattern, kind in self._like if pattern.search(form)), "")

    def is_within(self, title: str) -> bool:
        """True where a title only names a part of an examination or of a review of systems."""
        form = normal(title)
        return form in self._within or self._trimmed(form) in self._within

    def is_minor(self, title: str) -> bool:
        """True where a title may name a part of a plan."""
        return normal(title) in self._minor

    def _trimmed(self, form: str) -> str:
        form = next((form.removeprefix(words) for words in self._before if form.startswith(words)), form)
        return next((form.removesuffix(words) for words in self._after if form.endswith(words)), form)


def normal(title: str) -> str:
    """The form in which titles are listed: lower case, ``and``, without marks, brackets and articles."""
    bare = _BRACKETS.sub(" ", title.lower().replace("’", "'").replace("&", " and "))
    words = _MARKS.sub(" ", bare.replace("(s)", "s")).split()
    last = len(words) - 1
    kept = [
        word
        for place, word in enumerate(words)
        if word not in _ARTICLES or place == last or (word == "a" and place == 0)
    ]
    return re.sub(r" ?/ ?", "/", " ".join(kept)).strip(" -'")


@cache
def packaged_titles() -> Titles:
    """The titles of the package."""
    return Titles(tomllib.loads(packaged("nlp", "sections.toml").decode()))


def headings(text: str, titles: Titles) -> Iterator[Heading]:
    """The titles in `text`, in order of place."""
    lines = list(_LINE.finditer(text))
    before = -2
    for number, line in enumerate(lines):
        after = lines[number + 1] if number + 1 < len(lines) else None
        look = _Line(text, line.start(), line.end(), before, after[0] if after is not None else "")
        before = line.end()
        found = look.heading(titles)
        if found is not None:
            yield found
        yield from _inside(text, found.body if found is not None else line.start(), line.end(), titles)


def _inside(text: str, start: int, end: int, titles: Titles) -> Iterator[Heading]:
    """Titles further on in a line: many systems send a whole note as one."""
    for found in _INSIDE.finditer(text, start, end):
        title = found[1].strip()
        words = title.split()
        for drop in range(len(words)):  # what stands in front may belong to the sentence before
            rest = " ".join(words[drop:])
            if (kind := titles.exact(rest)) and (len(rest) > 2 or drop == 0) and kind not in {"header", "signature"}:
                if rest.isupper() or len(rest.split()) > 1:
                    begin = found.end(1) - len(title) + title.rindex(rest) if drop else found.start(1)
                    yield Heading(kind, Span(begin, found.end(1)), begin, found.end())
                break


@dataclass(frozen=True, slots=True)
class _Line:
    """A line between its neighbours.

    before  where the line above ends
    after   the line below; empty where there is none
    """

    text: str
    start: int
    end: int
    before: int
    after: str

    def heading(self, titles: Titles) -> Heading | None:
        """The title that the line begins with, or None."""
        return self._marked(titles) or self._with_colon(titles) or self._alone(titles) or self._with_dash(titles)

    def _is_below_blank(self) -> bool:
        return self.start - self.before != 1

    def _made(self, kind: str, span: tuple[int, int], body: int) -> Heading:
        title = self.text[span[0] : span[1]]
        left = len(title) - len(title.lstrip())
        return Heading(kind, Span(span[0] + left, span[0] + len(title.rstrip())), self.start, body)

    def _marked(self, titles: Titles) -> Heading | None:
        found = _MARKED.match(self.text, self.start, self.end)
        if found is None:
            if self.after and _RULE.match(self.after) and 2 < self.end - self.start <= _LONGEST:
                title = self.text[self.start : self.end]
                if title[0].isalpha() and title.strip()[-1] not in ".,;":
                    body = self.end + 1 + len(self.after)
                    return self._made(titles.like(title) or OTHER, (self.start, self.end), body)
            return None
        group = found.lastgroup or ""
        title = found[group]
        if not any(letter.isalpha() for letter in title) or len(title.split()) > _MOST_WORDS:
            return None
        is_one_mark = group == "hash" and not self.text[self.start : self.end].lstrip().startswith("##")
        kind = titles.exact(title) if is_one_mark else titles.like(title)  # one mark may stand for "number", too
        if (group == "dash" or is_one_mark) and not kind:
            return None
        if group in {"bracket", "angle"} and not kind and not self._is_below_blank():
            return None
        return self._made(kind or OTHER, found.span(group), self.end)

    def _with_colon(self, titles: Titles) -> Heading | None:
        found = _COLON.match(self.text, self.start, self.end)
        if found is None:
            return None
        title = found[1]
        if len(title.split()) > _MOST_WORDS or not any(letter.isalpha() for letter in title):
            return None
        is_whole = found.end() == self.end or not self.text[found.end() : self.end].strip()
        kind = titles.exact(title)
        if kind and (len(title) > 1 or is_whole or self._is_below_blank()):
            return self._made(kind, found.span(1), found.end())
        if titles.is_within(title) or not title[0].isupper():
            return None
        loud = title.isupper() and len(title) > 3
        if (is_whole and self._is_below_blank()) or loud:
            kind = titles.like(title)
            if kind or (loud and self._is_below_blank()):
                return self._made(kind or OTHER, found.span(1), found.end())
        return None

    def _alone(self, titles: Titles) -> Heading | None:
        found = _ALONE.match(self.text, self.start, self.end)
        if found is None or ":" in found[1] or len(found[1].split()) > _MOST_WORDS:
            return None
        title = found[1].rstrip("-–— ")
        if not title or title[-1] in ".,;!" or not any(letter.isupper() for letter in title):
            return None
        kind = titles.exact(title)
        has_dash = title != found[1]
        if kind and kind not in {"header", "signature"} and len(title) > 1 and not self._is_item():
            return self._made(kind, (found.start(1), found.start(1) + len(title)), self.end)
        if titles.is_within(title) or self._is_item() or not (self._is_below_blank() or has_dash) or not self.after:
            return None
        kind = titles.like(title)
        if kind and (len(title.split()) <= 6 or title.endswith("?")) and _is_titled(title, has_dash=has_dash):
            return self._made(kind, (found.start(1), found.start(1) + len(title)), self.end)
        return None

    def _is_item(self) -> bool:
        return self.text[self.start : self.end].lstrip()[:1] in {"-", "*", "•"}

    def _with_dash(self, titles: Titles) -> Heading | None:
        found = _DASH.match(self.text, self.start, self.end)
        if found is None or found.end() == self.end:
            return None
        kind = titles.exact(found[1])
        if not kind or kind in {"header", "signature"} or len(found[1]) < 2 or not found[1][0].isupper():
            return None
        return self._made(kind, found.span(1), found.end())


def _is_titled(title: str, *, has_dash: bool) -> bool:
    """True where a line looks like a title: a question, capitals, or words that begin with them, or a dash behind."""
    return has_dash or title.endswith("?") or title.isupper() or title[0].isupper()
