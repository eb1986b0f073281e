"""The language of the templates, parsed: words, choices, slots, conditions, loops, sections, marks.

text            words; white space around parts that stay empty is tended by `Draft.literal`
[a|b|c]         one of them by chance; [?30 a|b]: `a` in 30 of 100 cases, else one of the others, if any
{path}          a slot: a value of the scope, ``lab.value``; its meaning (label, codes, owner) comes with it
{=fever}        a concept of words.toml, in words that chance picks
  !absent       ...with this assertion        {problems!historical}
  :form         ...in this form               {admitted:long}; :pad24: with blanks up to 24 characters
  %or           ...a list joined by ", " and " or "; %and %nor likewise; %/ %, %; with just that
  ^             ...begins with a capital      {^he}
{if path}..{else}..{end}     where the value is there and not empty; {if !path} where it is not
{for x in path max 4}..{sep}..{end}    for each; what follows {sep} stands between
{mark kind.label!assertion key=value}..{end}   a span around what is inside; value @path: from the scope
{section kind}  a section of that kind begins here, with a heading in the family's style, and lasts until the next
{copy name}..{end}           may be carried over, word for word, from an earlier note of the same encounter
{caps}..{end}   in capitals
{an}            a or an, as the next word asks for
<rule>          a rule of the family; a rule is a list of templates, one of which is taken
\\[ \\{ \\< \\|     the characters themselves
"""

import re
from dataclasses import dataclass, field


class TemplateError(ValueError):
    """A template of the package does not follow the grammar, or asks for what its scope does not hold."""


@dataclass(frozen=True, slots=True)
class Words:
    """Characters as they stand."""

    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `options`; `percent` is the share of the first, None: all alike."""

    options: tuple["Nodes", ...]
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A value of the scope, or a concept by name."""

    path: tuple[str, ...]
    concept: bool = False
    assertion: str = ""
    form: str = ""
    joiner: str = ""
    capital: bool = False


@dataclass(frozen=True, slots=True)
class If:
    """`then` where the value is there, else `otherwise`."""

    path: tuple[str, ...]
    negated: bool
    then: "Nodes"
    otherwise: "Nodes"


@dataclass(frozen=True, slots=True)
class For:
    """`body` for each value, `between` in between; at most `most`, 0 for all."""

    name: str
    path: tuple[str, ...]
    most: int
    body: "Nodes"
    between: "Nodes"


@dataclass(frozen=True, slots=True)
class Marked:
    """A span around `body`."""

    kind: str
    label: str
    assertion: str
    attributes: tuple[tuple[str, str], ...]
    body: "Nodes"


@dataclass(frozen=True, slots=True)
class Section:
    """A section begins."""

    kind: str


@dataclass(frozen=True, slots=True)
class Copied:
    """`body`, or what an earlier note of the encounter had in its place."""

    name: str
    body: "Nodes"


@dataclass(frozen=True, slots=True)
class Capitals:
    """`body` in capitals."""

    body: "Nodes"


@dataclass(frozen=True, slots=True)
class Article:
    """``a`` or ``an``."""


@dataclass(frozen=True, slots=True)
class Call:
    """A rule of the family."""

    rule: str


Node = Words | Choice | Slot | If | For | Marked | Section | Copied | Capitals | Article | Call
Nodes = tuple[Node, ...]

_TOKEN = re.compile(
    r"\\(?P<escaped>.)|\{(?P<tag>[^{}]*)\}|<(?P<rule>[a-z][a-z0-9_]*)>|(?P<mark>[\[\]|])|[^\\{<\[\]|]+|[<]", re.DOTALL
)
_SLOT = re.compile(
    r"(?P<capital>\^)?(?P<concept>=)?(?P<path>[a-z][a-z0-9_.]*)(?:!(?P<assertion>[a-z]+))?(?::(?P<form>[a-z0-9_]+))?(?:%(?P<joiner>\S+))?"
)
_PERCENT = re.compile(r"\?(\d+) ")


@dataclass(slots=True)
class _Parser:
    tokens: list[re.Match[str]]
    at: int = 0
    where: str = ""
    names: list[str] = field(default_factory=list)

    def fault(self, what: str) -> TemplateError:
        return TemplateError(f"template {self.where}: {what}")

    def nodes(self, stops: tuple[str, ...]) -> tuple[Nodes, str]:
        """Nodes up to one of the stops, and which it was; the end of the text is ``""``."""
        out: list[Node] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            tag, mark = token["tag"], token["mark"]
            stop = mark if mark in {"|", "]"} else tag.split(" ")[0] if tag is not None else None
            self.at += 1
            if stop in {"|", "]", "end", "else", "sep"}:
                if stop not in stops:
                    raise self.fault(f"{stop} closes nothing")
                return tuple(out), stop
            out.append(self.node(token))
        if "" not in stops:
            raise self.fault(f"one of {', '.join(stops)} is missing")
        return tuple(out), ""

    def node(self, token: re.Match[str]) -> Node:
        if token["tag"] is not None:
            return self.tag(token["tag"])
        if token["mark"] == "[":
            return self.choice()
        if token["rule"] is not None:
            self.names.append(token["rule"])
            return Call(token["rule"])
        return Words(token["escaped"] if token["escaped"] is not None else token.group())

    def choice(self) -> Choice:
        options = []
        percent = None
        following = self.tokens[self.at] if self.at < len(self.tokens) else None
        if following is not None and (found := _PERCENT.match(following.group())):
            percent = int(found[1])
            rest = _TOKEN.match(following.group()[found.end() :])
            if rest is not None:
                self.tokens[self.at] = rest
            else:
                self.at += 1
        stop = "|"
        while stop == "|":
            option, stop = self.nodes(("|", "]"))
            options.append(option)
        return Choice(tuple(options), percent)

    def tag(self, tag: str) -> Node:
        head, _, rest = tag.partition(" ")
        match head:
            case "if":
                then, stop = self.nodes(("else", "end"))
                otherwise = self.nodes(("end",))[0] if stop == "else" else ()
                return If(tuple(rest.lstrip("!").split(".")), rest.startswith("!"), then, otherwise)
            case "for":
                return self.loop(rest)
            case "mark":
                what, *pairs = rest.split(" ")
                kind_label, _, assertion = what.partition("!")
                kind, _, label = kind_label.partition(".")
                attributes = tuple((key, value) for key, _, value in (pair.partition("=") for pair in pairs))
                return Marked(kind, label, assertion, attributes, self.nodes(("end",))[0])
            case "section":
                return Section(rest)
            case "copy":
                return Copied(rest, self.nodes(("end",))[0])
            case "caps":
                return Capitals(self.nodes(("end",))[0])
            case "an":
                return Article()
        return self.slot(tag)

    def loop(self, rest: str) -> For:
        words = rest.split(" ")
        if len(words) not in {3, 5} or words[1] != "in" or (len(words) == 5 and words[3] != "max"):
            raise self.fault(f"for {rest}: expected for NAME in PATH max N")
        body, stop = self.nodes(("sep", "end"))
        between = self.nodes(("end",))[0] if stop == "sep" else ()
        return For(words[0], tuple(words[2].split(".")), int(words[4]) if len(words) == 5 else 0, body, between)

    def slot(self, tag: str) -> Slot:
        found = _SLOT.fullmatch(tag)
        if found is None:
            raise self.fault(f"{{{tag}}} is no slot")
        joiner = (found["joiner"] or "").replace("_", " ")
        return Slot(
            tuple(found["path"].split(".")),
            found["concept"] is not None,
            found["assertion"] or "",
            found["form"] or "",
            joiner,
            found["capital"] is not None,
        )


def parse(text: str, where: str = "") -> tuple[Nodes, tuple[str, ...]]:
    """The nodes of a template, and the rules that it calls.

    where   named in errors: family and rule
    raises  TemplateError where the text does not follow the grammar
    """
    tokens = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise TemplateError(f"template {where}: cannot read from character {at}")
        tokens.append(token)
        at = token.end()
    parser = _Parser(tokens, where=where)
    nodes, _ = parser.nodes(("",))
    return nodes, tuple(parser.names)
