"""What names a piece of dirt in each of the simulator's feeds, and what ingestion says of the thing so named.

A name is ``<site>/<what the answer key calls it>``: a message by MSH-10, a resource as Type/id, a row of a CSV extract
as table/number, an entry of a document as file/extension, a document as file/its own number.
"""

import csv
import io
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from careloom.issues import Issue
from careloom.pipeline.record import Record
from careloom.simulate.answers import DirtAnswer
from careloom.simulate.pieces import Feed

Said = dict[str, set[str]]
_V3 = "{urn:hl7-org:v3}"
LINE = re.compile(r"line (\d+)")
_ENTRY = re.compile(r"component\[(\d+)\]/section/entry\[(\d+)\]")


def name_of(answer: DirtAnswer, feed: Feed) -> str:
    """What an answer is about."""
    _, site, _, *_, file = answer.file.split("/")
    stem = PurePath(file).stem
    if feed == "csv":
        return f"{site}/{stem}/{answer.record}"
    return f"{site}/{stem}/{answer.record}" if feed == "ccda" else f"{site}/{answer.record}"


def said_of(record: Record, issues: Sequence[Issue], feed: Feed, site: str, file: str) -> Said:
    """The names in a record -> codes of what ingestion says of each; a name stands there even if nothing is said."""
    stem = PurePath(file).stem
    if feed == "csv":
        return _rows(record, issues, f"{site}/{stem}/")
    if feed == "ccda":
        return _entries(record, issues, f"{site}/{stem}/", stem.removesuffix("-again"))
    codes = {issue.code for issue in issues}
    return {f"{site}/{name}": codes for name in _whole(record.raw, feed)}


def _whole(raw: bytes, feed: Feed) -> list[str]:
    if feed == "hl7v2":
        fields = raw.split(b"|")
        return [fields[9].decode("latin-1")] if len(fields) > 9 else []
    kind, name = (re.search(rb'"%s":"([^"]+)"' % key, raw) for key in (b"resourceType", b"id"))
    if kind is None or name is None:
        return []
    intact = kind[1].replace(b"\xe9", b"")  # a byte of ISO 8859-1 that the simulator puts before the type
    return [f"{intact.decode('latin-1')}/{name[1].decode()}"]


def _rows(record: Record, issues: Sequence[Issue], before: str) -> Said:
    """A row that lost its number is called by its table alone."""
    lines = list(_numbered(record))
    found: Said = {f"{before}{number}": set() for _, number, _ in lines}
    for issue in issues:
        line = LINE.match(issue.place)
        for first, number, is_whole in lines:
            if int(line[1]) == first if line else issue.code != "delimited.encoding" or not is_whole:
                found[f"{before}{number}"].add(issue.code)
    return found


def _numbered(record: Record) -> Iterable[tuple[int, str, bool]]:
    """(first line, the row's own number, whether it is UTF-8) of each row of a record."""
    own = (record.context.options or {}).get("delimiter", ",")
    place = 1 if "/patients" in record.context.mapping else 2
    reader = csv.reader(io.StringIO(record.raw.decode("latin-1"), newline=""), delimiter=own)
    first = 1
    for cells in reader:
        text = own.join(cells).encode("latin-1")
        yield first, cells[place] if len(cells) > place else "", text.decode("utf-8", "replace").count("\ufffd") == 0
        first = reader.line_num + 1


def _entries(record: Record, issues: Sequence[Issue], before: str, number: str) -> Said:
    found: Said = defaultdict(set, {f"{before}{number}": set()})
    places: dict[tuple[int, int], list[str]] = {}
    try:
        sections = ET.fromstring(record.raw).findall(f"{_V3}component/{_V3}structuredBody/{_V3}component")
    except ET.ParseError:
        names = {one.decode("latin-1") for one in re.findall(rb' extension="([^"]+)"', record.raw)}
        found.update({f"{before}{name}": set() for name in names if name != number})
        sections = []
    for at, component in enumerate(sections, 1):
        for place, entry in enumerate(component.findall(f"{_V3}section/{_V3}entry"), 1):
            names = [before + one.get("extension", "") for one in entry.iter(f"{_V3}id")]
            places[at, place] = names
            found.update({name: set() for name in names if name not in found})
    for issue in issues:
        entry_place = _ENTRY.search(issue.place)
        told = places.get((int(entry_place[1]), int(entry_place[2])), []) if entry_place else [f"{before}{number}"]
        for name in told:
            found[name].add(issue.code)
    return dict(found)
