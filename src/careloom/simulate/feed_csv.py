"""A chart as rows of a CSV extract in its site's style: names of columns, delimiter, dates, own codes and units."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any

import orjson

from careloom.fhir.drafts import Resource
from careloom.runtime import packaged
from careloom.simulate.charts import Chart, number_text
from careloom.simulate.feed_csv_tables import TABLES, Row, Value, rows
from careloom.simulate.history import Site
from careloom.simulate.pieces import Piece

_EASTERN = timezone(timedelta(hours=-5))


@dataclass(frozen=True, slots=True)
class Style:
    """How a site writes its extract.

    names      column of `TABLES` -> what it is called here; what is not there is called the same
    local      LOINC -> the site's own code
    units      UCUM -> how the site writes it
    """

    name: str
    delimiter: str
    date_format: str
    time_format: str
    zone: timezone
    names: dict[str, str]
    local: dict[str, str]
    units: dict[str, str]


@cache
def style(number: int) -> Style:
    """The style of a site by its number: every second one writes standard codes, the others their own."""
    declared: dict[str, Any] = tomllib.loads(packaged("simulate", "csv_styles.toml").decode())
    found = declared["style"][number % len(declared["style"])]
    zone = timezone(timedelta(hours=found["utc_offset_hours"]))
    return Style(
        found["name"], found["delimiter"], found["date_format"], found["time_format"], zone, found.get("names", {}),
        found.get("local", {}), found.get("units", {}),
    )  # fmt: skip


@dataclass(slots=True)
class CsvRow:
    """A row before it is text: cells as written, by the names of `TABLES`."""

    table: str
    cells: dict[str, str]


def csv_rows(chart: Chart) -> Iterator[CsvRow]:
    """All rows of a chart as the site's style writes their cells."""
    how = style(chart.style)
    for table, row in rows(chart):
        cells = _cells(table, row, how)
        if how.local and table == "labs" and cells["TEST_SYSTEM"] == "LN" and cells["TEST"] in how.local:
            cells["TEST_SYSTEM"], cells["TEST"] = "L", how.local[cells["TEST"]]
        for name in ("UNITS", "ANSWER_UNITS"):
            if name in cells:
                cells[name] = how.units.get(cells[name], cells[name])
        yield CsvRow(table, cells)


def _cells(table: str, row: Row, how: Style) -> dict[str, str]:
    return {name: _text(value, how) for name, value in zip(TABLES[table], row, strict=True)}


def _text(value: Value, how: Style) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "Y" if value else "N"
        case datetime():
            return value.astimezone(how.zone).strftime(how.time_format)
        case date():
            return value.strftime(how.date_format)
        case float():
            return number_text(value)
    return str(value)


def line(cells: list[str], delimiter: str) -> bytes:
    """A line of a delimited file, quoted where it must be."""
    quoted = [f'"{cell.replace(chr(34), chr(34) * 2)}"' if _needs_quotes(cell, delimiter) else cell for cell in cells]
    return (delimiter.join(quoted) + "\r\n").encode()


def _needs_quotes(cell: str, delimiter: str) -> bool:
    return delimiter in cell or '"' in cell or "\n" in cell or "\r" in cell or cell != cell.strip()


def csv_path(site: Site, table: str) -> str:
    """The file of a table."""
    return f"feeds/{site.site_id}/csv/{table}.csv"


def mapping_path(site: Site) -> str:
    """The mapping of a site's extract: beside the feeds, since it is no part of them."""
    return f"mappings/{site.site_id}.toml"


def row_bytes(chart: Chart, row: CsvRow) -> bytes:
    """A row as a line of its file."""
    return line(list(row.cells.values()), style(chart.style).delimiter)


def opening(site: Site, number: int) -> Iterator[Piece]:
    """What opens the files of a site: headers, its mapping, and the meaning of its own codes."""
    how = style(number)
    for table, columns in TABLES.items():
        head = line([how.names.get(name, name) for name in columns], how.delimiter)
        yield Piece(csv_path(site, table), "", head)
    yield Piece(mapping_path(site), "", mapping_text(site, number).encode())
    if how.local:
        concept_map = orjson.dumps(local_codes(site, number), option=orjson.OPT_INDENT_2)
        yield Piece(f"mappings/{site.site_id}-conceptmap.json", "", concept_map + b"\n")


def local_system(site: Site) -> str:
    """The code system of a site's own test codes."""
    return f"urn:oid:{site.oid}.9"


def local_codes(site: Site, number: int) -> Resource:
    """The ConceptMap from a site's own test codes to LOINC."""
    elements = [
        {"code": own, "target": [{"code": loinc, "equivalence": "equivalent"}]}
        for loinc, own in sorted(style(number).local.items(), key=lambda pair: pair[1])
    ]
    return {
        "resourceType": "ConceptMap",
        "url": f"{local_system(site)}.1",
        "status": "active",
        "sourceUri": local_system(site),
        "targetUri": "http://loinc.org",
        "group": [{"source": local_system(site), "target": "http://loinc.org", "element": elements}],
    }


_COLUMN = re.compile(r'"([A-Z][A-Z0-9_]+)"(?= = )|\{([A-Z][A-Z0-9_]+)(?=[!?:|}])|(?<=[\[ ])"([A-Z][A-Z0-9_]+)"')


def mapping_text(site: Site, number: int) -> str:
    """The mapping by which our ingestion reads a site's extract (docs/reference/mapping-grammar.md)."""
    how = style(number)
    text = packaged("simulate", "csv_mapping.toml").decode()
    text = text.replace("@SITE@", site.site_id).replace("@OID@", site.oid).replace("@LOCAL@", local_system(site))
    text = text.replace("@DELIMITER@", how.delimiter.replace("\t", "\\t"))
    text = text.replace("@ZONE@", _offset(how.zone))
    text = text.replace("@DATE@", how.date_format).replace("@TIME@", how.time_format)
    text = text.replace("@UCUM@", "|ucum" if how.units else "")
    text = text.replace("@UNITS@", "\n".join(f'"{own}" = "{ucum}"' for ucum, own in how.units.items()))
    columns = {name for names in TABLES.values() for name in names}

    def named(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[3]
        if name not in columns:
            return found[0]
        own = how.names.get(name, name)
        return "{" + own if found[2] else f'"{own}"'

    return _COLUMN.sub(named, text)


def _offset(zone: timezone) -> str:
    seconds = round(zone.utcoffset(None).total_seconds())
    return f"{'-' if seconds < 0 else '+'}{abs(seconds) // 3600:02}:{abs(seconds) % 3600 // 60:02}"
