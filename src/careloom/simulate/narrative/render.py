"""Templates, a scope of facts and chance, to a draft."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Protocol, TypeVar, Union

from careloom.simulate.narrative.draft import Attributes, Draft, Mark, Piece, Placed
from careloom.simulate.narrative.family import Family
from careloom.simulate.narrative.grammar import (
    Article,
    Call,
    Capitals,
    Choice,
    Copied,
    For,
    If,
    Marked,
    Nodes,
    Section,
    Slot,
    TemplateError,
    Words,
)
from careloom.simulate.narrative.words import Concept, concepts

_T = TypeVar("_T")


class Chance(Protocol):
    """Where chance comes from."""

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform on [low, high)."""
        ...


class Voice:
    """One author in one note: chance, the habits of a family, and the zone whose clock the author looks at."""

    def __init__(self, chance: Chance, family: Family, zone: tzinfo = UTC) -> None:
        self.chance = chance
        self.family = family
        self.zone = zone
        self.date_form = self.pick(family.dates)
        self.clock_form = self.pick(family.clocks)

    def pick(self, options: Sequence[_T]) -> _T:
        """One of them, all alike."""
        return options[int(self.chance.uniform() * len(options))]

    def happens(self, share: float) -> bool:
        """True in that share of cases."""
        return self.chance.uniform() < share

    def day(self, time: date | datetime) -> date:
        """The date of a time where the author is."""
        return time.astimezone(self.zone).date() if isinstance(time, datetime) else time

    def register(self) -> str:
        """The register of the next name."""
        return self.pick(self.family.registers)

    def call(self, concept: Concept, form: str = "") -> str:
        """A name of a concept: by the family's own list, else in a register."""
        return self.pick(self.family.names.get(concept.name) or concept.words(form or self.register()))


Saying = Callable[[Voice, str], "Value"]
Value = Union[str, Piece, Saying, list["Value"], dict[str, "Value"], None]  # noqa: UP007 - recursive
Group = Callable[[], dict[str, Value]]


class Scope(dict[str, Value]):
    """What templates may ask for by name; a group of names is worked out when the first of them is asked for.

    A name that nothing stands for is None.
    """

    def __init__(self, values: Mapping[str, Value], groups: Mapping[str, Group]) -> None:
        super().__init__(values)
        self._groups = groups

    def __missing__(self, name: str) -> Value:
        group = self._groups.get(name)
        if group is None:
            return None
        for key, value in group().items():
            self.setdefault(key, value)
        return self.setdefault(name, None)


@dataclass(slots=True)
class Block:
    """Something written that may be carried over into a later note."""

    note_id: str
    text: str
    placed: list[Placed]
    parents: list[int]


@dataclass(slots=True)
class Renderer:
    """Writes nodes into a draft.

    carried  blocks of earlier notes of the encounter, by name; new ones are added
    """

    voice: Voice
    draft: Draft
    note_id: str = ""
    carried: dict[str, Block] = field(default_factory=dict)

    def render(self, nodes: Nodes, scope: Scope) -> None:
        """Writes nodes, one after the other."""
        for node in nodes:
            match node:
                case Words():
                    self.draft.literal(node.text)
                case Slot():
                    self._slot(node, scope)
                case Choice():
                    self.render(self._chosen(node), scope)
                case If():
                    there = bool(self._find(node.path, scope, optional=True)) != node.negated
                    self.render(node.then if there else node.otherwise, scope)
                case For():
                    self._loop(node, scope)
                case Call():
                    self.call(node.rule, scope)
                case Article():
                    self.draft.article()
                case _:
                    self._around(node, scope)

    def call(self, rule: str, scope: Scope) -> None:
        """Writes one of the templates of a rule, in a group of its own."""
        before = self.draft.begin_group()
        self.render(self.voice.pick(self.voice.family.rules[rule]), scope)
        self.draft.end_group(before)

    def _around(self, node: Marked | Section | Copied | Capitals, scope: Scope) -> None:
        match node:
            case Marked():
                attributes = tuple((key, self._attribute(value, scope)) for key, value in node.attributes)
                self.draft.begin_mark(Mark(node.kind, node.label, node.assertion, (), attributes))
                self.render(node.body, scope)
                self.draft.end_mark()
            case Section():
                self._heading(node.kind)
            case Capitals():
                self.draft.capitals += 1
                self.render(node.body, scope)
                self.draft.capitals -= 1
            case Copied():
                self._copied(node, scope)

    def _chosen(self, node: Choice) -> Nodes:
        if node.percent is None:
            return self.voice.pick(node.options)
        if self.voice.happens(node.percent / 100):
            return node.options[0]
        return self.voice.pick(node.options[1:]) if len(node.options) > 1 else ()

    def _find(self, path: tuple[str, ...], scope: Scope, *, optional: bool = False) -> Value:
        value: Value = scope[path[0]]
        for part in path[1:]:
            value = value.get(part) if isinstance(value, dict) else None
        if not optional and value in (None, [], ""):
            raise TemplateError(f"family {self.voice.family.name}: nothing stands in {{{'.'.join(path)}}}")
        return value

    def _attribute(self, value: str, scope: Scope) -> str:
        if not value.startswith("@"):
            return value
        found = self._find(tuple(value[1:].split(".")), scope, optional=True)
        return found.text if isinstance(found, Piece) else found if isinstance(found, str) else ""

    def _loop(self, node: For, scope: Scope) -> None:
        values = self._find(node.path, scope, optional=True)
        if not isinstance(values, list):
            raise TemplateError(
                f"family {self.voice.family.name}: {{for}} over {'.'.join(node.path)}, which is no list"
            )
        for number, value in enumerate(values[: node.most or None]):
            if number:
                self.render(node.between, scope)
            before = self.draft.begin_group()
            scope[node.name] = value
            self.render(node.body, scope)
            self.draft.end_group(before)
        scope.pop(node.name, None)

    def _slot(self, node: Slot, scope: Scope) -> None:
        width = int(node.form.removeprefix("pad")) if node.form.startswith("pad") else 0
        if width:
            node = replace(node, form="")
        start = self.draft.length
        self._filled(node, scope)
        self.draft.write(Piece(" " * (start + width - self.draft.length)))

    def _filled(self, node: Slot, scope: Scope) -> None:
        if node.capital:
            self.draft.capital_next = True
        if node.concept:
            concept = concepts()[node.path[0]]
            mark = Mark("entity", concept.label, node.assertion or "present", concept.codes)
            self.draft.write(Piece(self.voice.call(concept, node.form), (mark,)))
        else:
            self._say(self._find(node.path, scope), node)
        self.draft.capital_next = False

    def _say(self, value: Value, node: Slot) -> None:
        if callable(value) and not isinstance(value, Piece):
            value = value(self.voice, node.form)
        match value:
            case Piece():
                self.draft.write(_asserted(value, node.assertion))
            case str():
                self.draft.write(Piece(value))
            case dict():
                self._say(value["it"], node)
            case list() if node.joiner:
                self._joined(value, node)
            case list():
                for each in value:
                    self._say(each, node)
            case _:
                raise TemplateError(f"family {self.voice.family.name}: {{{'.'.join(node.path)}}} says nothing")

    def _joined(self, values: list[Value], node: Slot) -> None:
        word = node.joiner if node.joiner.isalpha() else ""
        for number, value in enumerate(values):
            if number and word and number == len(values) - 1:
                self.draft.literal(f"{',' if len(values) > 2 else ''} {word} ")
            elif number:
                self.draft.literal(", " if word else _JOINTS.get(node.joiner, node.joiner))
            before = self.draft.begin_group()
            self._say(value, node)
            self.draft.end_group(before)

    def _heading(self, kind: str) -> None:
        family = self.voice.family
        titles = family.headers.get(kind)
        if titles is None:
            raise TemplateError(f"family {family.name}: no heading for section {kind}")
        title = self.voice.pick(titles)
        self.draft.end_section()
        if title:
            before, after = self.voice.pick(family.heading_styles) if ":" not in title else ("\n\n", " ")
            self.draft.literal(before)
            self.draft.begin_section(kind, title)
            self.draft.write(Piece(title))
            self.draft.literal(after)
        else:
            self.draft.literal("\n\n")
            self.draft.begin_section(kind, "")

    def _copied(self, node: Copied, scope: Scope) -> None:
        block = self.carried.get(node.name)
        if block is not None and self.voice.happens(self.voice.family.copies):
            self.draft.replay(block.text, block.placed, block.parents, (("copied_from", block.note_id),))
            return
        start, placed, groups = self.draft.length, len(self.draft.placed), len(self.draft.parents)
        self.render(node.body, scope)
        text = self.draft.text()[start:]
        own = [
            Placed(one.mark, one.start - start, one.end - start, one.group - groups)
            for one in self.draft.placed[placed:]
        ]
        parents = [parent - groups for parent in self.draft.parents[groups:]]
        self.carried[node.name] = Block(self.note_id, text, own, parents)


_JOINTS = {"/": "/", ";": "; ", ",": ", ", ".": ". ", "+": " + ", "&": " & ", "lines": "\n"}


def _asserted(piece: Piece, assertion: str) -> Piece:
    if not assertion:
        return piece
    return Piece(
        piece.text, tuple(mark._replace(assertion=assertion) if mark.assertion else mark for mark in piece.marks)
    )


__all__ = ["Attributes", "Renderer", "Scope", "Value", "Voice"]
