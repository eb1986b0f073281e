"""Mappings of delimited extracts: a draft from a file, tried on a sample of its rows. Nothing is stored.

A draft is for people who may bring data in, but it travels as text: it holds names of columns, units, and values of
small known lists (sex, flags), and no other value. A first line that may be a row is refused as a header.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from careloom.errors import FormatError, InputError
from careloom.ingest.containers import Member, open_members
from careloom.ingest.detect import HEAD_BYTES
from careloom.ingest.detect_text import decode_head, find_table, is_header
from careloom.ingest.suggest import suggest
from careloom.pipeline.batch import Batch
from careloom.pipeline.record import Record
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.arrivals import Wanted, container_limits, records_of
from careloom.services.ingest_pipeline import RECORD, IngestConfig, build
from careloom.services.platform import InputFile, Platform

SAMPLE_ROWS = 500
"""Rows that a guess looks at."""
TRIED_RECORDS = 200
"""Records (runs of rows of one patient) that the draft is tried on."""


Pieces = Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft and what it made of the sample.

    columns   column, role, confidence, for each column of the header
    tried     records of the sample; `usable` of them became valid resources
    issues    code -> count over the sample: what is left to mend
    """

    text: str
    kind: str
    columns: tuple[dict[str, Any], ...]
    doubts: tuple[str, ...]
    tried: int
    usable: int
    issues: dict[str, int]


def suggest_mapping(platform: Platform, who: Principal, path: Path, name: str = "") -> Drafted:
    """A draft of a mapping for the first table in a file; archives, Parquet and Arrow files are opened.

    name    of the mapping; ``own`` if it is empty
    raises  AccessError; NotFound; FormatError if the file holds no table; InputError if its header tells too little
    """
    admit(platform, who, "ingest", "landing", operation="mapping")
    (file, *_) = platform.inputs((path,))
    return _drafted(platform, who, file, name)


def suggest_for_upload(
    platform: Platform, who: Principal, files: Iterable[tuple[str, Pieces]], name: str = ""
) -> Drafted | InputError:
    """The same of what is sent, or why there is no draft of it. The bytes lie sealed until then, and nowhere after.

    files   (name, bytes in pieces) of one file, read once
    raises  AccessError; InputError if nothing or more than one file was sent; TooLarge; SetupError if the disk is full
    """
    admit(platform, who, "ingest", "landing", operation="mapping")
    spool_id = platform.run_id()
    try:
        with platform.spools.begin(spool_id) as spool:
            for number, (sent_as, pieces) in enumerate(files):
                if number:
                    raise InputError("the upload holds more than one file", "Send one; a draft is made of one table.")
                spool.begin_part(sent_as)
                for piece in pieces:
                    spool.write(piece)
            if not spool.size_bytes:
                raise InputError("the upload is empty", "Send the bytes of one file.")
        part, opened = spool.parts[0], partial(platform.spools.open, spool_id, spool.key)
        try:
            return _drafted(platform, who, InputFile(part.name, part.size_bytes, partial(opened, part)), name)
        except InputError as error:
            note(platform, who, "mapping", "landing", detail={"code": error.code})
            return error
    finally:
        platform.spools.destroy(spool_id)


def _drafted(platform: Platform, who: Principal, file: InputFile, name: str) -> Drafted:
    header, rows = _sample(platform, file)
    made = suggest(name or "own", header, rows, file.name)
    tried, usable, issues = _try(platform, file, made.text)
    note(platform, who, "mapping", "landing", detail={"kind": made.kind, "tried": tried, "usable": usable})
    columns = tuple({"column": g.column, "role": g.role, "confidence": g.confidence} for g in made.guesses)
    return Drafted(made.text, made.kind, columns, made.doubts, tried, usable, issues)


def _first(platform: Platform, file: InputFile) -> Iterator[Member]:
    with file.open() as stream:
        yield from islice(open_members(stream, file.name, container_limits(platform.settings.ingest)), 1)


def _sample(platform: Platform, file: InputFile) -> tuple[tuple[str, ...], list[list[str]]]:
    for member in _first(platform, file):
        text, _ = decode_head(member.source.peek(16 * HEAD_BYTES))
        table = find_table(text, lambda header: False) if text else None
        if table is None or text is None:
            break
        lines = text.removeprefix("\ufeff").lstrip().splitlines(keepends=True)
        body = lines[2:] if lines[0].lower().startswith("sep=") else lines[1:]
        whole = body[:-1] if len(body) > 1 and not text.endswith("\n") else body
        reader = csv.reader(io.StringIO("".join(whole), newline=""), delimiter=table.delimiter)
        try:
            rows = list(islice(reader, SAMPLE_ROWS))
        except csv.Error:
            break
        if not is_header(table.header) or _is_row(table.header, rows):
            raise FormatError(
                "mapping suggest: the first line may be a row", "Put a line above it with the names of the columns."
            )
        return table.header, rows
    raise FormatError(
        "mapping suggest: the file holds no table", "Name a delimited, Parquet or Arrow file with a header line."
    )


def _is_row(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    """True when a cell of the header stands below itself, too: then it is a value. A repeated header is none."""
    return any(
        cell and cell == below.strip()
        for row in rows
        if [one.strip() for one in row] != list(header)
        for cell, below in zip(header, row, strict=False)
    )


def _try(platform: Platform, file: InputFile, text: str) -> tuple[int, int, dict[str, int]]:
    """How many records of the file's beginning the draft reads, how many become valid resources, and why not."""
    ingest = platform.settings.ingest
    pipeline = build(IngestConfig(platform.names_key, ingest.source, text, "csv"))
    records: list[Record] = []
    for member in _first(platform, file):
        _, found = records_of(member, ingest, Wanted("csv", text))
        records = list(islice((one for one in found if not (one.context.options or {}).get("part")), TRIED_RECORDS))
    result = pipeline.run(Batch.of(RECORD, records))
    issues = Counter(issue.code for refusal in result.refused for issue in refusal.issues if issue.refuses)
    issues.update(issue.code for _, issue in result.warnings)
    return len(records), len(set(result.batch.origins)), dict(issues.most_common())
