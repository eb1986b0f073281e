"""A page as a PDF: everything it says on paper, and below each sheet whose view of which data it is, with its hash.

The hash is SHA-256 of what the report says: the page's words and data in their order, its address and filters, who had
it made, when, and which state the data was in. Same inputs, same bytes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, PageTemplate

from careloom.dashboard import report_table, theme, words
from careloom.dashboard.address import Address
from careloom.dashboard.parts import Page
from careloom.dashboard.report_blocks import Block, Facts, Grid, Heading, Note, Picture, Run, Words, told
from careloom.dashboard.report_chart import Chart
from careloom.dashboard.report_flow import Lines, Named, Remark, Title, facts_shown, paragraph
from careloom.dashboard.report_marks import fill, ink
from careloom.dashboard.report_read import blocks
from careloom.dashboard.report_text import UNKNOWN, as_runs, fonts, lacks, put, shortened, width_of

LIGHT = theme.LIGHT
MARGIN, HEAD, FOOT = 46.0, 30.0, 52.0
TINY = 6.5
SMALL_PART, WHOLE_PART = 70.0, 500.0
"""A heading stands at a page's end only with this much of what it heads."""
CONTROL_WORDS = frozenset({"before", "queued", "page", "after", "at"})
"""Parts of an address that say where in a list one is, not what is chosen."""


@dataclass(frozen=True, slots=True)
class Made:
    """Whose view a report is, and of what.

    page      the page's address without its query, e.g. ``quality/20261201-ab``; "" for the overview
    filters   what its address chooses, as (name, value)
    versions  state of the data: (zone, its last change in words)
    by        who had it made
    time      when
    """

    page: str
    filters: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    by: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """A PDF and the hash that stands in it, as hexadecimal."""

    pdf: bytes
    digest: str


def filters_of(address: Address) -> tuple[tuple[str, str], ...]:
    """What an address chooses: (``Zone``, ``research``)."""
    return tuple(
        (words.spaced(name.replace("-", " ").replace("_", " ")).capitalize(), value)
        for name, value in sorted(address.query.items())
        if name not in CONTROL_WORDS
    )


def digest(title: str, said: Sequence[Block], made: Made) -> str:
    """SHA-256 of what a report says, as hexadecimal."""
    whole: Mapping[str, Any] = {
        "title": title,
        "content": [told(block) for block in said],
        "page": made.page,
        "filters": made.filters,
        "versions": made.versions,
        "by": made.by,
        "time": made.time.astimezone(UTC).isoformat(),
    }
    return hashlib.sha256(json.dumps(whole, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def write(page: Page, made: Made) -> Report:
    """The report of a page."""
    fonts()
    said = [*blocks(_listed(page.ahead)), *blocks(_listed(page.content))]
    if not any(isinstance(block, Heading) and block.level == 1 for block in said):
        said.insert(0, Heading(1, as_runs(page.title)))
    title = page.title
    number = digest(title, said, made)
    portrait = A4[0] - 2 * MARGIN
    is_wide = any(isinstance(block, Grid) and report_table.is_wide(block, portrait) for block in said)
    size = (A4[1], A4[0]) if is_wide else A4
    parts = _flowing(said, size[0] - 2 * MARGIN)
    parts += _kept_together(_about(said, made, number), size[0] - 2 * MARGIN)
    return Report(_built(parts, size, title, (made, number)), number)


def _listed(content: Any) -> list[Any]:
    return list(content) if isinstance(content, list | tuple) else [content]


def _flowing(said: Sequence[Block], width: float) -> list[Flowable]:
    parts: list[Flowable] = []
    for place, block in enumerate(said):
        match block:
            case Heading():
                parts.append(Title(block, place))
            case Words():
                parts.append(paragraph(block))
            case Note():
                parts.append(Remark(block))
            case Facts(rows, _):
                if rows:
                    parts.append(facts_shown(block))
            case Grid():
                if block.columns:
                    parts.append(report_table.sheet(block, width))
            case Picture(figure, label):
                parts.append(Chart(figure, label))
    return _kept_together(parts, width)


def _kept_together(parts: Sequence[Flowable], width: float) -> list[Flowable]:
    """Before each heading a new page, where the rest of this one would not hold it with the begin of what follows."""
    kept: list[Flowable] = []
    for place, part in enumerate(parts):
        if isinstance(part, Title) and not (place and isinstance(parts[place - 1], Title)):
            room = 0.0
            for after in parts[place:]:
                room += after.getSpaceBefore() + after.wrap(width, 1e6)[1]
                if not isinstance(after, Title):
                    is_whole = (
                        isinstance(after, Chart | Named) and after.height < WHOLE_PART
                    ) or after.height < SMALL_PART
                    room += 0.0 if is_whole else SMALL_PART - after.height
                    break
            kept.append(CondPageBreak(room))
        kept.append(part)
    return kept


def _about(said: Sequence[Block], made: Made, number: str) -> list[Flowable]:
    """What the report is, whole: the foot of a page may have to shorten it."""
    place = f"/dashboard/{made.page}" if made.page else "/dashboard/"
    rows = [
        ("Page", place),
        ("Filters", "; ".join(f"{name}: {value}" for name, value in made.filters) or "none"),
        ("Data version", "\n".join(f"{zone}: {state}" for zone, state in made.versions) or "not known"),
        ("Made by", made.by),
        ("Made at", f"{made.time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
        ("SHA-256 of the content", number),
    ]
    facts = tuple((as_runs(name, "soft"), (Run(value, ""),), ()) for name, value in rows)
    missing = lacks(line for block in said if not isinstance(block, Picture) for line in told(block))
    parts: list[Flowable] = [Title(Heading(2, as_runs("About this report")), 100_000), Named(facts)]
    if missing:
        letters = words.count_of(missing, "letter")
        parts.append(Lines(as_runs(f"{letters} that the font of this report lacks stand as {UNKNOWN}."), kind="soft"))
    return parts


def _built(parts: list[Flowable], size: tuple[float, float], title: str, about: tuple[Made, str]) -> bytes:
    made, number = about
    out = BytesIO()
    document = BaseDocTemplate(
        out, pagesize=size, invariant=1, title=title, author=made.by, creator="Careloom", producer="Careloom",
        subject=f"Report of {made.page.partition('/')[0] or 'overview'}", keywords=f"sha256:{number}", lang="en",
        displayDocTitle=True,
        pageCompression=1,
    )  # fmt: skip
    frame = Frame(
        MARGIN, MARGIN * 0.5 + FOOT, size[0] - 2 * MARGIN, size[1] - MARGIN * 1.5 - HEAD - FOOT,
        leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
    )  # fmt: skip
    document.addPageTemplates(PageTemplate(frames=[frame]))

    def canvas_of(*given: Any, **named: Any) -> "_Sheets":
        return _Sheets(*given, **named, about=_Around(title, made, number))

    document.build(parts, canvasmaker=canvas_of)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands above and below each page."""

    title: str
    made: Made
    number: str


class _Sheets(Canvas):  # type: ignore[misc]
    """Pages that know how many they are."""

    def __init__(self, *given: Any, about: _Around, **named: Any) -> None:
        super().__init__(*given, **named)
        self._about = about
        self._kept: list[dict[str, Any]] = []
        moment = about.made.time.astimezone(UTC)
        stamp = self._doc._timeStamp
        stamp.t, stamp.lt = moment.timestamp(), moment.timetuple()
        stamp.YMDhms, stamp.dhh, stamp.dmm, stamp.tzname = tuple(moment.timetuple())[:6], 0, 0, "UTC"

    def showPage(self) -> None:  # noqa: N802  as reportlab has it
        """Keeps a page until all are there."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Writes all pages, each with its head and foot."""
        count = len(self._kept)
        for number, kept in enumerate(self._kept, 1):
            self.__dict__.update(kept)
            self._head()
            self._foot(number, count)
            super().showPage()
        super().save()

    def _head(self) -> None:
        wide, high = self._pagesize
        top = high - MARGIN * 0.5 - 22
        self.setFillAlpha(1)
        self.setStrokeAlpha(1)
        self.setDash()
        _mark(self, MARGIN, top, 18)
        put(self, "Careloom", MARGIN + 25, top + 5.5, 10, style="strong")
        title = shortened(self._about.title, wide / 2, 8)
        put(self, title, wide - MARGIN, top + 6, 8, ink=LIGHT.ink_soft, align="r")
        self._rule(top - 6)

    def _rule(self, y: float) -> None:
        self.setStrokeColor(ink(LIGHT.line))
        self.setLineWidth(0.6)
        self.line(MARGIN, y, self._pagesize[0] - MARGIN, y)

    def _foot(self, number: int, count: int) -> None:
        wide, made = self._pagesize[0] - 2 * MARGIN, self._about.made
        y = MARGIN * 0.5 + FOOT - 18
        self._rule(y + 11)
        page = f"Page {number} of {count}"
        put(self, page, MARGIN + wide, y, TINY + 0.5, align="r")
        room = wide - width_of(page, "", TINY + 0.5) - 14
        chosen = "; ".join(f"{name}: {value}" for name, value in made.filters) or "none"
        state = "; ".join(f"{zone} {text}" for zone, text in made.versions) or "not known"
        moment = f"{made.time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        lines = (
            ("Filters", chosen, room),
            ("Data version", state, wide),
            ("Made by", f"{made.by}, {moment}", wide),
            ("SHA-256", self._about.number, wide),
        )
        for name, text, space in lines:
            left = put(self, f"{name} ", MARGIN, y, TINY, ink=LIGHT.ink_soft)
            put(self, shortened(text, space - left, TINY), MARGIN + left, y, TINY)
            y -= TINY * 1.4


def _mark(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Our mark: two threads that cross a third, on a rounded square."""
    canvas.saveState()
    canvas.translate(x, y + size)
    canvas.scale(size / 32, -size / 32)
    fill(canvas, ink(LIGHT.accent))
    canvas.roundRect(0, 0, 32, 32, 8, stroke=0, fill=1)
    canvas.setLineCap(1)
    canvas.setLineWidth(3.2)
    for colour, turns in (("#8fdbe4", (11, 21, 11)), ("#ffffff", (21, 11, 21))):
        canvas.setStrokeColor(ink(colour))
        canvas.bezier(6, turns[0], 11, turns[0], 11, turns[1], 16, turns[1])
        canvas.bezier(16, turns[1], 21, turns[1], 21, turns[2], 26, turns[2])
    canvas.setStrokeColor(ink("#f2a65a"))
    for begin, end in ((6, 9.4), (14.6, 17.4), (22.6, 26)):
        canvas.line(begin, 16, end, 16)
    canvas.restoreState()
