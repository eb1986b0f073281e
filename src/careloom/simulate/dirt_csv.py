"""Rows of CSV extracts with something wrong on purpose. A place is a column, as the site calls it."""

from collections.abc import Callable, Iterator
from functools import partial

from careloom.simulate.answers import DirtKind
from careloom.simulate.charts import Chart
from careloom.simulate.dirt import Dirt, accented, impossible_value, misread, with_wrong_digit, wrong_unit
from careloom.simulate.feed_csv import CsvRow, Style, csv_path, csv_rows, line, style
from careloom.simulate.pieces import Piece

_CODES = {"labs": "TEST", "vitals": "SIGN"}
_VALUES = {"labs": "RESULT", "vitals": "READING"}
_TIMES = {"labs": "TAKEN", "vitals": "MEASURED", "immunizations": "GIVEN"}
_NUMBERS = {
    "diagnoses": "DX_ID", "labs": "RESULT_ID", "vitals": "VITAL_ID", "immunizations": "VACCINE_ID",
    "procedures": "PROC_ID", "allergies": "ALLERGY_ID",
}  # fmt: skip
_REQUIRED = {
    "patients": ("BIRTH_DATE", "LAST", "MRN"), "encounters": ("ADMITTED", "CLASS"), "diagnoses": ("DX_TEXT",),
    "labs": ("TEST", "TAKEN", "RESULT"), "vitals": ("SIGN", "MEASURED"), "immunizations": ("CVX",),
    "procedures": ("PROC",), "medications": ("DRUG",),
}  # fmt: skip


def soiled(chart: Chart, dirt: Dirt) -> Iterator[Piece]:
    """The rows of a chart as pieces of their files, some with something wrong."""
    how = style(chart.style)
    for row in csv_rows(chart):
        path = csv_path(chart.site, row.table)
        struck = dirt.struck(partial(_made, row, dirt, how))
        if struck is None:
            yield Piece(path, chart.serial, line(list(row.cells.values()), how.delimiter))
            continue
        kind, (lines, number, place, detail) = struck
        for data in lines:
            yield Piece(path, chart.serial, data)
        dirt.tell(kind, file=path, record=number, place=how.names.get(place, place), detail=detail)


_Made = tuple[list[bytes], str, str, str] | None
"""The lines that are sent, what names the row, the column that was changed, what was done."""


def _made(row: CsvRow, dirt: Dirt, how: Style, kind: DirtKind) -> _Made:
    maker = _MAKERS.get(kind)
    return maker(row, dirt, how) if maker is not None else None


def _number(row: CsvRow) -> str:
    name = _NUMBERS.get(row.table) or {"patients": "MRN", "encounters": "VISIT_NO", "medications": "RX_ID"}.get(
        row.table
    )
    name = name or {"findings": "FINDING_ID", "reports": "REPORT_ID", "appointments": "APPT_ID"}[row.table]
    return row.cells[name]


def _line(cells: dict[str, str], how: Style) -> bytes:
    return line(list(cells.values()), how.delimiter)


def _with(row: CsvRow, how: Style, name: str, value: str, detail: str) -> _Made:
    return [_line(row.cells | {name: value}, how)], _number(row), name, detail


def _twice(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    del dirt
    data = _line(row.cells, how)
    return [data, data], _number(row), "", "the row stands twice, byte for byte"


def _again(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    del dirt
    name = _NUMBERS.get(row.table)
    if name is None:
        return None
    number = f"{row.cells[name]}-2"
    lines = [_line(row.cells, how), _line(row.cells | {name: number}, how)]
    return lines, number, name, "the same fact under another number"


def _unit(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    del dirt
    if row.table not in _VALUES:
        return None
    ucum = {own: unit for unit, own in how.units.items()}.get(row.cells["UNITS"], row.cells["UNITS"])
    wrong = wrong_unit(ucum)
    if wrong is None or (how.units and wrong not in how.units):
        return None
    return _with(row, how, "UNITS", how.units.get(wrong, wrong), "another unit stands with the number")


def _loinc(row: CsvRow, how: Style) -> str:
    code = row.cells[_CODES[row.table]]
    if row.cells.get("TEST_SYSTEM") == "L":
        return next(loinc for loinc, own in how.local.items() if own == code)
    return code


def _value(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    del dirt
    wrong = impossible_value(_loinc(row, how)) if row.table in _VALUES else None
    if wrong is None:
        return None
    return _with(row, how, _VALUES[row.table], wrong, "a value that no body has")


def _date(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    if row.table == "patients":
        return _with(row, how, "BIRTH_DATE", _day(how, "2105", "01", "05"), "birth after the first visit")
    if row.table == "encounters" and row.cells["DISCHARGED"]:
        began = row.cells["ADMITTED"]
        place = 6 if how.date_format.startswith("%m/") else 0
        year = int(began[place : place + 4]) - 4
        ended = f"{began[:place]}{year}{began[place + 4 :]}"
        return _with(row, how, "DISCHARGED", ended, "discharge four years before admission")
    name = _TIMES.get(row.table)
    if name is None:
        return None
    clock = row.cells[name][len(_day(how, "2024", "01", "01")) :]
    if dirt.random.random() < 0.5:
        return _with(row, how, name, _day(how, "2024", "02", "31") + clock, "31 February")
    return _with(row, how, name, _day(how, "2105", "01", "05") + clock, "a time in the year 2105")


def _day(how: Style, year: str, month: str, date: str) -> str:
    return how.date_format.replace("%Y", year).replace("%m", month).replace("%d", date)


def _missing(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    names = [name for name in _REQUIRED.get(row.table, ()) if row.cells[name]]
    if not names:
        return None
    return _with(row, how, dirt.random.choice(names), "", "the cell is empty")


def _digit(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    name = _CODES.get(row.table)
    if name is None or row.cells.get("TEST_SYSTEM") == "L":
        return None
    wrong = with_wrong_digit(row.cells[name], dirt.random)
    return _with(row, how, name, wrong, "another last digit of the LOINC code")


def _mangled(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    if row.table != "patients":
        return None
    name = row.cells["LAST"]
    way = dirt.random.randrange(3)
    if way == 0:
        return _with(row, how, "LAST", misread(name), "UTF-8 that was read as ISO 8859-1")
    if way == 1:
        return _with(row, how, "LAST", f"{name}\x02", "a control character")
    data = _line(row.cells | {"LAST": accented(name)}, how)
    data = data.replace(accented(name).encode(), accented(name).encode("latin-1"), 1)
    return [data], _number(row), "LAST", "a byte of ISO 8859-1 in a file of UTF-8"


def _cut(row: CsvRow, dirt: Dirt, how: Style) -> _Made:
    kept = dirt.random.randint(2, len(row.cells) - 1)
    data = line(list(row.cells.values())[:kept], how.delimiter)
    return [data], _number(row), "", "the row stops before its end"


_MAKERS: dict[DirtKind, Callable[[CsvRow, Dirt, Style], _Made]] = {
    "duplicate-record": _twice,
    "near-duplicate-record": _again,
    "wrong-unit": _unit,
    "impossible-value": _value,
    "impossible-date": _date,
    "missing-field": _missing,
    "wrong-check-digit": _digit,
    "mangled-encoding": _mangled,
    "truncated-message": _cut,
}
