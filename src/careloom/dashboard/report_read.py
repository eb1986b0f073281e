"""What a page says, read from its component tree as blocks in their order: a report prints these, and hashes them.

Controls are left out, and what only repeats a text for the eye. What a page folds away is told: a report has no clicks.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dash.development.base_component import Component

from careloom.dashboard.report_blocks import Block, Facts, Grid, Heading, Note, Picture, Run, Runs, Words, plain

CONTROLS = frozenset(
    {
        "Button", "Input", "Select", "Option", "Textarea", "Label", "Legend", "Dialog", "Summary", "Store", "Interval",
        "Location", "Upload", "Download", "Img", "Iframe", "Script", "Style", "Meta", "TextInput", "SegmentedControl",
        "ChipGroup", "Chip", "Radio", "RadioGroup", "Datalist", "Dropdown", "Checklist", "RadioItems", "Slider",
        "RangeSlider", "Kbd", "NumberInput", "Switch", "Checkbox", "MultiSelect", "DatePickerInput", "Svg",
    }
)  # fmt: skip
"""Kinds of components that no paper needs."""
UNSEEN = frozenset(
    {
        "hidden-text",
        "bar",
        "bar-cell",
        "swatch",
        "icon",
        "export",
        "as-of",
        "button",
        "buttons",
        "compare",
        "days",
        "pager",
    }
)
"""Classes of what is no text, or repeats one."""
LINES = frozenset({"Div", "P", "Li", "Ul", "Ol", "Dl", "Dt", "Dd", "Section", "H3", "H4", "Tr", "Form", "Fieldset"})
HEADINGS = {"H1": 1, "H2": 2, "H3": 3, "H4": 4, "H5": 4, "H6": 4}
STYLES = {"Strong": "strong", "B": "strong", "Code": "code", "Pre": "code", "Mark": "mark", "Em": "soft"}
SPACES = re.compile(r"[ \t\r\n\f\v]+")


def blocks(content: Any) -> list[Block]:
    """What `content` says: a component, a text, or a list of them."""
    said = list(_blocks(content))
    return [block for place, block in enumerate(said) if not _is_bare(block, said[place + 1 :])]


def _is_bare(block: Block, after: Sequence[Block]) -> bool:
    """True for a heading of controls alone: nothing stands below it but a heading of its rank, or nothing at all."""
    if not isinstance(block, Heading) or block.level == 1:
        return False
    return not after or (isinstance(after[0], Heading) and after[0].level <= block.level)


def kind_of(node: Component) -> str:
    """The name of a component's kind, e.g. ``Div``."""
    return str(getattr(node, "_type", type(node).__name__))


def _classes(node: Component) -> frozenset[str]:
    return frozenset(str(getattr(node, "className", None) or "").split())


def _is_unseen(node: Component) -> bool:
    if kind_of(node) in CONTROLS or not UNSEEN.isdisjoint(_classes(node)):
        return True
    return _property(node, "aria-hidden") == "true" or bool(getattr(node, "hidden", None))


def _property(node: Component, name: str) -> str:
    value = getattr(node, name, None) if isinstance(node, Component) else None
    return "" if value is None else str(value)


def _children(node: Any) -> list[Any]:
    if isinstance(node, Component):
        node = getattr(node, "children", None)
    if node is None or isinstance(node, bool):
        return []
    return list(node) if isinstance(node, list | tuple) else [node]


def _blocks(node: Any) -> Iterator[Block]:
    """Blocks of a component; texts and inline components that stand side by side become one paragraph."""
    inline: list[Any] = []
    for each in [node] if isinstance(node, Component) else _children(node):
        if isinstance(each, list | tuple) or (isinstance(each, Component) and _is_block(each)):
            yield from _paragraph(inline)
            inline = []
            yield from _blocks(each) if isinstance(each, list | tuple) else _of(each)
        else:
            inline.append(each)
    yield from _paragraph(inline)


def _is_block(node: Component) -> bool:
    kind = kind_of(node)
    if kind in {"Graph", "Table", "Details"} | LINES | HEADINGS.keys():
        return True
    if kind in {"Span", "A", "Code", "Strong", "Time", "Mark", "Em", "B", "Br", "Small", "Sub", "Sup", "Abbr", "I"}:
        return kind == "Code" and "command" in _classes(node)
    return not _is_unseen(node)


def _of(node: Component) -> Iterator[Block]:
    """The blocks of one component that is a block itself."""
    kind, classes = kind_of(node), _classes(node)
    if kind == "Graph":
        yield Picture(getattr(node, "figure", None), _property(node, "aria-label"))
    elif _is_unseen(node) or (kind == "P" and _is_way(_children(node))):
        return
    elif kind == "Nav":
        yield from _chosen(node)
    elif kind in HEADINGS:
        yield from _some(Heading(HEADINGS[kind], runs(node)))
    elif kind == "Table":
        yield grid(node)
    elif "note" in classes:
        tone = next((each.removeprefix("note-") for each in classes if each.startswith("note-")), "quiet")
        yield from _some(Note(_noted(node), tone))
    elif kind == "Dl":
        yield facts(node)
    elif kind in {"Ul", "Ol"}:
        yield from _listed(node, "legend" in classes)
    elif kind == "P" or (kind == "Code" and "command" in classes):
        style = "code" if kind == "Code" else "soft" if "soft" in classes else ""
        yield from _some(Words(runs(node), style))
    elif "figure" in classes and _property(node, "aria-label"):
        label = _property(node, "aria-label")
        yield from (
            Picture(each.figure, label) if isinstance(each, Picture) else each for each in _blocks(_children(node))
        )
    elif "chips" in classes or "pane" in classes:
        yield from _some(Words(_side_by_side(node) if "chips" in classes else runs(node)))
    else:
        yield from _blocks(_children(node))


def _chosen(node: Component) -> Iterator[Block]:
    """Of links side by side, the one that is shown."""
    chosen = [each for each in _children(node) if isinstance(each, Component) and _property(each, "aria-current")]
    label = _property(node, "aria-label")
    if chosen:
        yield from _some(Words((Run(f"{label}: " if label else ""), *runs(chosen[0])), "soft"))


def _some(block: Any) -> Iterator[Block]:
    if plain(block.runs).strip():
        yield block


def _is_way(inline: Sequence[Any]) -> bool:
    """True for links alone: a way to another page, which paper has not."""
    said = [each for each in inline if isinstance(each, Component) or str(each if each is not None else "").strip()]
    return bool(said) and all(isinstance(each, Component) and kind_of(each) == "A" for each in said)


def _paragraph(inline: Sequence[Any]) -> Iterator[Block]:
    if _is_way(inline):
        return
    yield from _some(Words(tidied(run for each in inline for run in _runs(each, ""))))


def _side_by_side(node: Component) -> Runs:
    parts = [runs(each) for each in _children(node) if not (isinstance(each, Component) and _is_unseen(each))]
    return tidied(run for part in parts for run in (*part, Run("  ")))


def _noted(node: Component) -> Runs:
    parts = [runs(each) for each in _children(node)]
    return tidied(run for part in parts if plain(part).strip() for run in (*part, Run(" ")))


def _listed(node: Component, is_legend: bool) -> Iterator[Block]:
    items = [each for each in _children(node) if isinstance(each, Component) and not _is_unseen(each)]
    if is_legend and any(_is_swatched(each) for each in items):
        return  # it names colours of what is only drawn for the eye
    if is_legend:
        yield from _some(Words(tidied(run for each in items for run in (*runs(each), Run("   "))), "soft"))
        return
    for place, item in enumerate(items, 1):
        mark = f"{place}." if kind_of(node) == "Ol" else "•"
        inside = blocks(_children(item))
        for number, each in enumerate(inside):
            is_first = number == 0 and isinstance(each, Words)
            yield Words(each.runs, each.kind, mark) if is_first and isinstance(each, Words) else each


def _is_swatched(item: Component) -> bool:
    return any(isinstance(each, Component) and "swatch" in _classes(each) for each in _children(item))


def facts(node: Component) -> Facts:
    """A list of names and values; a second value to a name is a remark."""
    rows: list[list[Runs]] = []
    for each in _flat(node):
        if kind_of(each) == "Dt":
            rows.append([runs(each)])
        elif kind_of(each) == "Dd" and rows:
            rows[-1].append(runs(each))
    filled = [(*row[:3], *((),) * (3 - len(row))) for row in rows]
    return Facts(tuple((row[0], row[1], row[2]) for row in filled), "tiles" in _classes(node))


def _flat(node: Component) -> Iterator[Component]:
    for each in _children(node):
        if isinstance(each, Component):
            if kind_of(each) in {"Dt", "Dd"}:
                yield each
            else:
                yield from _flat(each)


def grid(node: Component) -> Grid:
    """A table, without the columns that only draw what another says."""
    caption = ""
    heads: list[Component] = []
    rows: list[list[Component]] = []
    for each in _rows_of(node):
        if kind_of(each) == "Caption":
            caption = plain(tidied(_text(each, hidden=True)))
            continue
        cells = [cell for cell in _children(each) if isinstance(cell, Component)]
        if heads or not all(kind_of(cell) == "Th" for cell in cells):
            rows.append(cells)
        else:
            heads = cells
    width = max((len(row) for row in [heads, *rows]), default=0)
    kept = [place for place in range(width) if place >= len(heads) or "bar-cell" not in _classes(heads[place])]
    columns = tuple(
        (_title(heads[place]), not {"right", "number"}.isdisjoint(_classes(heads[place]))) if place < len(heads)
        else ("", False)
        for place in kept
    )  # fmt: skip
    shown = tuple(tuple(runs(row[place]) if place < len(row) else () for place in kept) for row in rows)
    return Grid(caption, columns, shown)


def _title(head: Component) -> str:
    return plain(tidied(_text(head, hidden=True)))


def _rows_of(node: Component) -> Iterator[Component]:
    for each in _children(node):
        if isinstance(each, Component):
            if kind_of(each) in {"Tr", "Caption"}:
                yield each
            else:
                yield from _rows_of(each)


def _text(node: Any, *, hidden: bool) -> Iterator[Run]:
    """The words in a component, also those that are read aloud alone."""
    if isinstance(node, Component):
        for each in _children(node):
            yield from _text(each, hidden=hidden)
    elif node is not None:
        yield Run(str(node))


def runs(node: Any) -> Runs:
    """The words of a component and its children in their styles; blocks inside begin lines."""
    return tidied(_runs(node, "", is_top=True))


def _runs(node: Any, style: str, *, is_top: bool = False) -> Iterator[Run]:
    if isinstance(node, list | tuple):
        for each in node:
            yield from _runs(each, style)
        return
    if not isinstance(node, Component):
        if node is not None and not isinstance(node, bool):
            yield Run(str(node), style)
        return
    kind, classes = kind_of(node), _classes(node)
    if kind == "Br":
        yield Run("\n")
        return
    if _is_unseen(node) or kind == "Graph":
        return
    style = _style(kind, classes) or style
    is_line = kind in LINES and not is_top
    if is_line:
        yield Run("\n")
    yield from (run for each in _children(node) for run in _runs(each, style))
    if is_line:
        yield Run("\n")


def _style(kind: str, classes: frozenset[str]) -> str:
    if "badge" in classes:
        return next((each for each in sorted(classes) if each.startswith("badge-")), "badge")
    if "found" in classes:
        return "mark"
    return STYLES.get(kind, "soft" if "soft" in classes else "")


def tidied(given: Iterable[Run]) -> Runs:
    """Runs with single spaces, no empty lines, no space at the ends; neighbours of one style joined."""
    kept: list[Run] = []
    for run in given:
        is_break = run.text == "\n" and not run.style
        text = "\n" if is_break else SPACES.sub(" ", run.text) if "\n" not in run.text.strip() else _lines(run.text)
        ends = kept[-1].text[-1:] if kept else "\n"
        if is_break and ends == "\n":
            continue
        if ends in {" ", "\n"} and not is_break:
            text = text.lstrip(" ")
        if is_break and ends == " ":
            kept[-1] = Run(kept[-1].text.rstrip(" "), kept[-1].style)
        if not text:
            continue
        if kept and kept[-1].style == run.style and not run.style.startswith("badge"):
            kept[-1] = Run(kept[-1].text + text, run.style)
        else:
            kept.append(Run(text, run.style))
    while kept and not kept[-1].text.rstrip():
        kept.pop()
    if kept:
        kept[-1] = Run(kept[-1].text.rstrip(), kept[-1].style)
    return tuple(kept)


def _lines(text: str) -> str:
    """A text of several lines, as of a note: its lines stay."""
    return "\n".join(SPACES.sub(" ", line).strip() for line in text.split("\n"))
