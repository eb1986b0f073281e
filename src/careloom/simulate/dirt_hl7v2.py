"""HL7 v2 messages with something wrong on purpose. A place is ``OBX[2]-5``: the fifth field of the second OBX."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial

from careloom.simulate.answers import DirtKind
from careloom.simulate.charts import Chart
from careloom.simulate.dirt import Dirt, accented, impossible_value, misread, with_wrong_digit, wrong_unit
from careloom.simulate.feed_hl7v2 import message_bytes, message_path
from careloom.simulate.feed_hl7v2_segments import Hl7v2Message
from careloom.simulate.pieces import Piece

_CONTROL = "\x02"


def soiled(chart: Chart, messages: Sequence[Hl7v2Message], dirt: Dirt) -> Iterator[Piece]:
    """The messages as pieces of their files, some with something wrong; every one in a file of the day it goes out.

    The message behind a late one is in time: else neither would be out of order.
    """
    late = False
    for number, one in enumerate(messages):
        following = messages[number + 1] if number + 1 < len(messages) and not late else None
        struck = dirt.struck(partial(_made, chart, one, dirt, following))
        late = struck is not None and struck[0] == "out-of-order-message"
        yield from struck[1] if struck is not None else [_piece(chart, one, message_bytes(chart, one))]


def _piece(
    chart: Chart, one: Hl7v2Message, data: bytes, sent_as: Hl7v2Message | None = None, behind: str = ""
) -> Piece:
    when = sent_as or one
    return Piece(message_path(chart, when), f"{when.time:%H%M%S}{when.control}{behind}", data)


_Made = list[Piece] | None
_Maker = Callable[[Chart, Hl7v2Message, Dirt, Hl7v2Message | None], _Made]


def _made(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None, kind: DirtKind) -> _Made:
    return _MAKERS[kind](chart, one, dirt, following)


def _tell(dirt: Dirt, kind: DirtKind, piece: Piece, one: Hl7v2Message, place: str, detail: str) -> list[Piece]:
    dirt.tell(kind, file=piece.path, record=one.control, place=place, detail=detail)
    return [piece]


def _changed(one: Hl7v2Message, index: int, fields: list[str]) -> Hl7v2Message:
    segments = list(one.segments)
    segments[index] = "|".join(fields)
    return Hl7v2Message(one.time, one.event, segments, one.control)


def _found(one: Hl7v2Message, name: str) -> list[tuple[int, int, list[str]]]:
    """(index, ordinal among its kind from 1, fields) of each segment of a name."""
    found = [(index, text.split("|")) for index, text in enumerate(one.segments) if text.startswith(f"{name}|")]
    return [(index, ordinal, fields) for ordinal, (index, fields) in enumerate(found, 1)]


def _numbers(one: Hl7v2Message) -> list[tuple[int, int, list[str]]]:
    return (
        [found for found in _found(one, "OBX") if found[2][2] == "NM" and found[2][5]] if one.event == "ORU^R01" else []
    )


def _twice(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    del following
    data = message_bytes(chart, one)
    again = _piece(chart, one, data, behind="b")
    return [_piece(chart, one, data), *_tell(dirt, "duplicate-record", again, one, "", "sent twice, byte for byte")]


def _again(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    """A result sent again a minute later under other order and message numbers."""
    del following
    if one.event != "ORU^R01":
        return None
    index, _, fields = _found(one, "OBR")[0]
    fields = [*fields]
    number, _, application = fields[3].partition("^")
    fields[3] = f"{number}-2^{application}"
    fields[2] = ""
    copy = _changed(one, index, fields)
    copy.segments = [text for text in copy.segments if not text.startswith("ORC|")]
    copy.time, copy.control = one.time + timedelta(minutes=1), f"{one.control}2"
    piece = _piece(chart, copy, message_bytes(chart, copy))
    detail = "the result is sent again a minute later under another filler order number"
    return [
        _piece(chart, one, message_bytes(chart, one)),
        *_tell(dirt, "near-duplicate-record", piece, copy, "OBR[1]-3", detail),
    ]


def _unit(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    del following
    able = [found for found in _numbers(one) if wrong_unit(found[2][6].partition("^")[0])]
    if not able:
        return None
    index, ordinal, fields = dirt.random.choice(able)
    unit = wrong_unit(fields[6].partition("^")[0]) or ""
    fields[6] = f"{unit}^{unit}^UCUM"
    piece = _piece(chart, one, message_bytes(chart, _changed(one, index, fields)))
    return _tell(dirt, "wrong-unit", piece, one, f"OBX[{ordinal}]-6", "another unit stands with the number")


def _value(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    del following
    able = [found for found in _numbers(one) if impossible_value(found[2][3].partition("^")[0])]
    if not able:
        return None
    index, ordinal, fields = dirt.random.choice(able)
    fields[5] = impossible_value(fields[3].partition("^")[0]) or ""
    piece = _piece(chart, one, message_bytes(chart, _changed(one, index, fields)))
    return _tell(dirt, "impossible-value", piece, one, f"OBX[{ordinal}]-5", "a value that no body has")


def _date(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    del following
    if one.event == "ADT^A03":
        index, _, fields = _found(one, "PV1")[0]
        fields[45] = f"{int(fields[44][:4]) - 4}{fields[44][4:]}"
        place, detail = "PV1[1]-45", "discharge four years before admission"
    elif one.event == "ORU^R01":
        index, ordinal, fields = dirt.random.choice(_found(one, "OBX"))
        if dirt.random.random() < 0.5:
            fields[14], detail = f"{fields[14][:4]}0231{fields[14][8:]}", "31 February"
        else:
            fields[14], detail = f"2105{fields[14][4:]}", "a time in the year 2105"
        place = f"OBX[{ordinal}]-14"
    elif one.event == "ADT^A28":
        index, _, fields = _found(one, "PID")[0]
        fields[7], place = f"{one.time.year + 2}0105", "PID[1]-7"
        detail = "birth two years after the message"
    else:
        return None
    piece = _piece(chart, one, message_bytes(chart, _changed(one, index, fields)))
    return _tell(dirt, "impossible-date", piece, one, place, detail)


def _missing(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    del following
    able = [("PID", 3, "no number of the patient")]
    if one.event == "ORU^R01":
        able += [("OBX", 3, "no code of the observation"), ("OBX", 5, "no value"), ("OBR", 4, "no code of the order")]
    name, number, detail = dirt.random.choice(able)
    found = [part for part in _found(one, name) if len(part[2]) > number and part[2][number]]
    if not found:
        return None
    index, ordinal, fields = dirt.random.choice(found)
    fields[number] = ""
    piece = _piece(chart, one, message_bytes(chart, _changed(one, index, fields)))
    return _tell(dirt, "missing-field", piece, one, f"{name}[{ordinal}]-{number}", detail)


def _digit(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    del following
    able = [found for found in _found(one, "OBX") if "^LN" in found[2][3]]
    if not able:
        return None
    index, ordinal, fields = dirt.random.choice(able)
    code, _, rest = fields[3].partition("^")
    fields[3] = f"{with_wrong_digit(code, dirt.random)}^{rest}"
    piece = _piece(chart, one, message_bytes(chart, _changed(one, index, fields)))
    return _tell(dirt, "wrong-check-digit", piece, one, f"OBX[{ordinal}]-3.1", "another last digit of the LOINC code")


def _mangled(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    del following
    index, _, fields = _found(one, "PID")[0]
    name, _, rest = fields[5].partition("^")
    way = dirt.random.randrange(3)
    if way == 0:
        fields[5], detail = f"{misread(name)}^{rest}", "UTF-8 that was read as ISO 8859-1"
    elif way == 1:
        fields[5], detail = f"{name}{_CONTROL}^{rest}", "a control character"
    else:
        fields[5], detail = f"{accented(name)}^{rest}", "a byte of ISO 8859-1 in a message that says UTF-8"
    changed = _changed(one, index, fields)
    data = message_bytes(chart, changed)
    if way == 2:
        data = data.replace(b"|8859/1\r", b"|UNICODE UTF-8\r", 1)
        data = data.replace(accented(name).encode(), accented(name).encode("latin-1"), 1)
    return _tell(dirt, "mangled-encoding", _piece(chart, one, data), one, "PID[1]-5.1", detail)


def _cut(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    """A message that stops in the header or in PID, before the patient is told."""
    del following
    whole = message_bytes(chart, one)
    end = whole.index(b"PID|") + 6
    start = whole.index(f"|{one.control}|".encode()) + len(one.control) + 2
    piece = _piece(chart, one, whole[: dirt.random.randint(start, end)] + b"\r")
    return _tell(dirt, "truncated-message", piece, one, "", "stops before the patient is told")


def _late(chart: Chart, one: Hl7v2Message, dirt: Dirt, following: Hl7v2Message | None) -> _Made:
    if following is None or following.time == one.time:
        return None
    piece = _piece(chart, one, message_bytes(chart, one), following, "z")
    return _tell(
        dirt, "out-of-order-message", piece, one, "MSH-7", "goes out behind the next message of the same patient"
    )


_MAKERS: dict[DirtKind, _Maker] = {
    "duplicate-record": _twice,
    "near-duplicate-record": _again,
    "wrong-unit": _unit,
    "impossible-value": _value,
    "impossible-date": _date,
    "missing-field": _missing,
    "wrong-check-digit": _digit,
    "mangled-encoding": _mangled,
    "truncated-message": _cut,
    "out-of-order-message": _late,
}
