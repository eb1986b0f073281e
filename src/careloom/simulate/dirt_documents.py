"""C-CDA documents and notes with something wrong on purpose.

A place in a document is an element of the entry whose id is the record; in a note the name of its header line.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from careloom.simulate.answers import DirtKind, NoteAnswer
from careloom.simulate.charts import Chart
from careloom.simulate.dirt import Dirt, accented, impossible_value, misread, with_wrong_digit, wrong_unit
from careloom.simulate.feed_ccda import Document, document_bytes, document_path, documents
from careloom.simulate.feed_ccda_parts import Entry
from careloom.simulate.feed_notes import note_bytes, note_path
from careloom.simulate.pieces import Piece

_LOINC = re.compile(r'<code code="([0-9]+-[0-9])" codeSystem="2\.16\.840\.1\.113883\.6\.1"')
_QUANTITY = re.compile(r'<value xsi:type="PQ" value="([^"]+)" unit="([^"]+)"/>')
_OBSERVATION = re.compile(r"<observation .*?</observation>", re.DOTALL)
_TIME = re.compile(r'<effectiveTime value="([0-9]{4})([0-9]{2})([0-9]{2})')
_SPAN = re.compile(r'<low value="([0-9]{4})([^"]*)"/><high value="[^"]*"/>')
_ID = re.compile(r'<id root="[^"]+" extension="([^"]+)"/>')


def soiled_documents(chart: Chart, dirt: Dirt) -> Iterator[Piece]:
    """The documents of a chart, with something wrong in some of their entries, or in their bytes."""
    for one in documents(chart):
        for section in one.sections:
            made = [_soiled_entry(chart, one, entry, dirt) for entry in section.entries]
            section.entries = [entry for entries in made for entry in entries]
        data = document_bytes(chart, one)
        yield from _soiled_bytes(chart, one, data, dirt)


_Entries = tuple[list[Entry], str, str, str] | None
"""The entries that are sent, what names the record, the element that was changed, what was done."""


def _soiled_entry(chart: Chart, document: Document, entry: Entry, dirt: Dirt) -> list[Entry]:
    struck = dirt.struck(partial(_made_entry, entry, dirt))
    if struck is None:
        return [entry]
    kind, (entries, number, place, detail) = struck
    dirt.tell(kind, file=document_path(chart, document), record=number, place=place, detail=detail)
    return entries


def _made_entry(entry: Entry, dirt: Dirt, kind: DirtKind) -> _Entries:
    maker = _ENTRIES.get(kind)
    return maker(entry, dirt) if maker is not None else None


def _observations(entry: Entry) -> list[tuple[str, str, str]]:
    """(XML, number, LOINC code) of the observations of an entry with a LOINC code."""
    found = []
    for xml in _OBSERVATION.findall(entry.xml):
        code, number = _LOINC.search(xml), _ID.search(xml)
        if code is not None and number is not None:
            found.append((xml, number[1], code[1]))
    return found


def _put(entry: Entry, old: str, new: str) -> list[Entry]:
    return [replace(entry, xml=entry.xml.replace(old, new, 1))]


def _unit(entry: Entry, dirt: Dirt) -> _Entries:
    able = []
    for xml, number, _ in _observations(entry):
        value = _QUANTITY.search(xml)
        if value is not None and wrong_unit(value[2]):
            able.append((xml, number, value))
    if not able:
        return None
    xml, number, value = dirt.random.choice(able)
    wrong = f'<value xsi:type="PQ" value="{value[1]}" unit="{wrong_unit(value[2])}"/>'
    made = _put(entry, xml, xml.replace(value[0], wrong))
    return made, number, "observation/value/@unit", "another unit stands with the number"


def _value(entry: Entry, dirt: Dirt) -> _Entries:
    able = [found for found in _observations(entry) if impossible_value(found[2]) and _QUANTITY.search(found[0])]
    if not able:
        return None
    xml, number, code = dirt.random.choice(able)
    changed = _QUANTITY.sub(rf'<value xsi:type="PQ" value="{impossible_value(code)}" unit="\2"/>', xml, count=1)
    return _put(entry, xml, changed), number, "observation/value/@value", "a value that no body has"


def _digit(entry: Entry, dirt: Dirt) -> _Entries:
    able = _observations(entry)
    if not able:
        return None
    xml, number, code = dirt.random.choice(able)
    changed = xml.replace(f'<code code="{code}"', f'<code code="{with_wrong_digit(code, dirt.random)}"', 1)
    return _put(entry, xml, changed), number, "observation/code/@code", "another last digit of the LOINC code"


def _date(entry: Entry, dirt: Dirt) -> _Entries:
    span = _SPAN.search(entry.xml)
    if span is not None and entry.xml.startswith("<encounter"):
        wrong = f'<low value="{span[1]}{span[2]}"/><high value="{int(span[1]) - 4}{span[2]}"/>'
        return (
            _put(entry, span[0], wrong),
            entry.number,
            "effectiveTime/high/@value",
            "an end four years before its beginning",
        )
    able = [found for found in _observations(entry) if _TIME.search(found[0])]
    if not able:
        return None
    xml, number, _ = dirt.random.choice(able)
    if dirt.random.random() < 0.5:
        changed, detail = _TIME.sub(r'<effectiveTime value="\g<1>0231', xml, count=1), "31 February"
    else:
        changed, detail = _TIME.sub(r'<effectiveTime value="2105\2\3', xml, count=1), "a time in the year 2105"
    return _put(entry, xml, changed), number, "observation/effectiveTime/@value", detail


def _missing(entry: Entry, dirt: Dirt) -> _Entries:
    able = [found for found in _observations(entry) if _TIME.search(found[0])]
    if not able:
        return None
    xml, number, _ = dirt.random.choice(able)
    changed = re.sub(r'<effectiveTime value="[^"]*"/>', '<effectiveTime nullFlavor="UNK"/>', xml, count=1)
    return _put(entry, xml, changed), number, "observation/effectiveTime/@value", "no time"


def _again(entry: Entry, dirt: Dirt) -> _Entries:
    del dirt
    if not entry.xml.startswith(("<procedure", "<substanceAdministration")):
        return None
    copy = replace(entry, number=f"{entry.number}-2", xml=entry.xml.replace(entry.number, f"{entry.number}-2"))
    return [entry, copy], copy.number, "id/@extension", "the same fact under another number"


_ENTRIES: dict[DirtKind, Callable[[Entry, Dirt], _Entries]] = {
    "near-duplicate-record": _again,
    "wrong-unit": _unit,
    "impossible-value": _value,
    "impossible-date": _date,
    "missing-field": _missing,
    "wrong-check-digit": _digit,
}


def _soiled_bytes(chart: Chart, one: Document, data: bytes, dirt: Dirt) -> Iterator[Piece]:
    path = document_path(chart, one)
    struck = dirt.struck(partial(_made_document, chart, data, dirt))
    if struck is None:
        yield Piece(path, one.number, data)
        return
    kind, (made, place, detail, behind) = struck
    told = path.replace(".xml", f"{behind}.xml")
    dirt.tell(kind, file=told, record=one.number, place=place, detail=detail)
    if behind:
        yield Piece(told, one.number, data)
    yield Piece(path, one.number, made)


_Whole = tuple[bytes, str, str, str] | None
"""The bytes, the place, what was done, what the name of a further file ends with."""


def _made_document(chart: Chart, data: bytes, dirt: Dirt, kind: DirtKind) -> _Whole:
    maker = _DOCUMENTS.get(kind)
    return maker(chart, data, dirt) if maker is not None else None


def _document_twice(chart: Chart, data: bytes, dirt: Dirt) -> _Whole:
    del chart, dirt
    return data, "", "sent twice, byte for byte", "-again"


def _document_date(chart: Chart, data: bytes, dirt: Dirt) -> _Whole:
    del chart, dirt
    made = re.sub(rb'<birthTime value="[0-9]+"/>', b'<birthTime value="21050105"/>', data, count=1)
    return made, "patient/birthTime/@value", "birth after the first visit", ""


def _document_mangled(chart: Chart, data: bytes, dirt: Dirt) -> _Whole:
    name = f"<family>{chart.person.family}</family>".encode()
    if dirt.random.random() < 0.5:
        changed, detail = misread(chart.person.family).encode(), "UTF-8 that was read as ISO 8859-1"
    else:
        changed, detail = accented(chart.person.family).encode("latin-1"), "a byte of ISO 8859-1 in UTF-8"
    if name not in data:
        return None
    return data.replace(name, b"<family>" + changed + b"</family>", 1), "patient/name/family", detail, ""


def _document_cut(chart: Chart, data: bytes, dirt: Dirt) -> _Whole:
    del chart
    return data[: dirt.random.randint(len(data) // 2, len(data) - 30)], "", "stops before its end", ""


_DOCUMENTS: dict[DirtKind, Callable[[Chart, bytes, Dirt], _Whole]] = {
    "duplicate-record": _document_twice,
    "impossible-date": _document_date,
    "mangled-encoding": _document_mangled,
    "truncated-message": _document_cut,
}


def soiled_notes(chart: Chart, dirt: Dirt) -> Iterator[Piece]:
    """The notes of a chart, some with something wrong."""
    for one in chart.notes:
        path, data = note_path(chart, one), note_bytes(chart, one)
        struck = dirt.struck(partial(_made_note, one, data, dirt))
        if struck is None:
            yield Piece(path, one.note_id, data)
            continue
        kind, (made, place, detail, behind) = struck
        if behind:
            yield Piece(path, one.note_id, data)
            path = path.replace(".txt", f"{behind}.txt")
        yield Piece(path, one.note_id, made)
        dirt.tell(kind, file=path, record=f"{one.note_id}{behind}", place=place, detail=detail)


_Note = tuple[bytes, str, str, str]


def _made_note(one: NoteAnswer, data: bytes, dirt: Dirt, kind: DirtKind) -> _Note | None:
    maker = _NOTES.get(kind)
    return maker(one, data, dirt) if maker is not None else None


def _note_twice(one: NoteAnswer, data: bytes, dirt: Dirt) -> _Note:
    del one, dirt
    return data, "", "sent twice, byte for byte", "-again"


def _note_again(one: NoteAnswer, data: bytes, dirt: Dirt) -> _Note:
    del dirt
    number = f"Note-ID: {one.note_id}"
    return (
        data.replace(number.encode(), f"{number}-2".encode(), 1),
        "Note-ID",
        "the same note under another number",
        "-2",
    )


def _note_without(one: NoteAnswer, data: bytes, dirt: Dirt) -> _Note:
    del one, dirt
    return data.split(b"\n", 1)[1], "Patient-ID", "the header line is not there", ""


def _note_date(one: NoteAnswer, data: bytes, dirt: Dirt) -> _Note:
    year, rest = one.time[:4], one.time[10:]
    if dirt.random.random() < 0.5:
        wrong, detail = f"Date: {year}-02-31{rest}", "31 February"
    else:
        wrong, detail = f"Date: 2105{one.time[4:]}", "a time in the year 2105"
    return data.replace(f"Date: {one.time}".encode(), wrong.encode(), 1), "Date", detail, ""


def _note_mangled(one: NoteAnswer, data: bytes, dirt: Dirt) -> _Note:
    head = data[: len(data) - len(one.text.encode())]
    first, space, rest = one.text.partition(" ")
    way = dirt.random.randrange(3)
    if way == 0:
        body, detail = (misread(first) + space + rest).encode(), "UTF-8 that was read as ISO 8859-1"
    elif way == 1:
        body, detail = (first + "\x02" + space + rest).encode(), "a control character"
    else:
        body = accented(first).encode("latin-1") + (space + rest).encode("latin-1", "replace")
        detail = "ISO 8859-1 where UTF-8 is meant"
    return head + body, "text", detail, ""


def _note_cut(one: NoteAnswer, data: bytes, dirt: Dirt) -> _Note:
    del dirt
    return data[: len(data) - len(one.text.encode())], "", "stops behind its header", ""


_NOTES: dict[DirtKind, Callable[[NoteAnswer, bytes, Dirt], _Note]] = {
    "duplicate-record": _note_twice,
    "near-duplicate-record": _note_again,
    "missing-field": _note_without,
    "impossible-date": _note_date,
    "mangled-encoding": _note_mangled,
    "truncated-message": _note_cut,
}
