"""What was let out, as files: FHIR NDJSON, CSV or Parquet of a release that is open now; of all others nothing.

Rows are read page by page on the one way that leads to rows of the lake (`careloom.services.lake_read`): who may, and
whether the release is still open, is asked there for each page, and what left is in the audit chain.
"""

import shutil
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import orjson
import polars as pl

from careloom.errors import Conflict, QueryError, SetupError, TooLarge
from careloom.services.access import Principal
from careloom.services.lake_read import RowsAsk, read_rows
from careloom.services.platform import Platform
from careloom.services.synthesize_over import LANDED
from careloom.services.synthesize_shown import open_release
from careloom.synth.records import COLUMNS
from careloom.synth.records_fhir_read import read

Format = Literal["ndjson", "csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
NOTES = "notes"
PARTS = (*COLUMNS, NOTES)
"""Tables that a release of FHIR resources is told as."""
PAGE = 10_000
WHOLE_AT_MOST = 2_000_000
"""Rows of a release that are held in memory at once: for Parquet, and for the tables of FHIR resources."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DownloadAsk:
    """What is wanted of a release.

    format  ndjson: of FHIR resources they themselves, of a table its rows
    part    of FHIR resources as NDJSON a type, empty for all; as CSV or Parquet one of `PARTS`, empty for patients
    """

    release: str
    format: Format = "ndjson"
    part: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A file: its name, and its bytes as they are read."""

    name: str
    content: Iterator[bytes]


def download(platform: Platform, who: Principal, ask: DownloadAsk) -> Download:
    """One file of a release.

    raises  Withheld where it is closed or was taken back; NotFound; AccessError; QueryError for a part that it has
            not; TooLarge for one that does not go into memory
    """
    if ask.format not in FORMATS:
        raise QueryError("there is no such format", f"Name one of {', '.join(FORMATS)}.")
    held = open_release(platform, who, ask.release)
    frames = _frames(platform, who, held)
    first = next(frames)  # refusals are told before a byte has left
    frames = _again(first, frames)
    title = str(held["path"]).partition("/")[2]
    if not held.get(LANDED):
        if ask.part:
            raise QueryError("a release of a table has no parts", "Leave the part out.")
        return Download(f"{title}.{ask.format}", _rows(frames, ask.format, held["rows"]))
    if ask.format == "ndjson":
        name = f"{title}-{ask.part}.ndjson" if ask.part else f"{title}.ndjson"
        return Download(name, _resources(frames, ask.part))
    part = ask.part or PARTS[0]
    if part not in PARTS:
        raise QueryError("the release has no such table", f"Name one of {', '.join(PARTS)}.")
    return Download(f"{title}-{part}.{ask.format}", _rows(iter([tables_of(frames, held["rows"])[part]]), ask.format, 0))


def export_release(platform: Platform, who: Principal, ask: DownloadAsk, out: Path) -> Json:
    """A release as a new folder: FHIR NDJSON by type, or a file a table; ``files`` with how many rows each has.

    raises  as `download`; Conflict where the folder is there; SetupError where the disk does not take it
    """
    if out.exists():
        raise Conflict("the folder is there already", "Name a new one.")
    held = open_release(platform, who, ask.release)
    frames = _frames(platform, who, held)
    first = next(frames)
    draft = out.with_name(f"{out.name}.part")
    if draft.exists():  # it may be somebody else's, and is removed afterwards
        raise Conflict(f"there is a folder {draft.name} beside it", "Remove it, or name another folder.")
    try:
        draft.mkdir(parents=True)
        files = _written(draft, _again(first, frames), held, ask.format)
        draft.replace(out)
    except OSError as error:
        raise SetupError(f"{out.name} cannot be written ({type(error).__name__})", "Name another place.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {"release": ask.release, "table": held["path"], "out": str(out), "files": files}


def tables_of(frames: Iterator[pl.DataFrame], rows: int) -> dict[str, pl.DataFrame]:
    """FHIR resources of a release as the tables of records, and one of notes. raises TooLarge"""
    if rows > WHOLE_AT_MOST:
        raise TooLarge(f"the release has more than {WHOLE_AT_MOST:,} resources", "Take it as ndjson, or view it.")
    resources = [orjson.loads(text) for frame in frames for text in frame["resource"]]
    made = dict(read(resources).tables())
    notes = [_note(one) for one in resources if one["resourceType"] == "DocumentReference"]
    return made | {NOTES: pl.DataFrame(notes, schema=dict.fromkeys(_NOTE, pl.String))}


_NOTE = ("note_id", "patient_id", "encounter_id", "type", "date", "text")


def _note(one: Json) -> Json:
    encounters = one.get("context", {}).get("encounter", [])
    return {
        "note_id": f"DocumentReference/{one['id']}", "patient_id": one["subject"]["reference"],
        "encounter_id": encounters[0]["reference"] if encounters else None, "type": one["type"]["text"],
        "date": one["date"], "text": b64decode(one["content"][0]["attachment"]["data"]).decode(),
    }  # fmt: skip


def _written(folder: Path, frames: Iterator[pl.DataFrame], held: Json, kind: Format) -> Json:
    """Rows by file."""
    title = str(held["path"]).partition("/")[2]
    if not held.get(LANDED):
        with (folder / f"{title}.{kind}").open("wb") as stream:
            stream.writelines(_rows(frames, kind, held["rows"]))
        return {f"{title}.{kind}": held["rows"]}
    if kind == "ndjson":
        return _by_type(folder, frames)
    files = {}
    for name, frame in tables_of(frames, held["rows"]).items():
        (folder / f"{name}.{kind}").write_bytes(b"".join(_rows(iter([frame]), kind, 0)))
        files[f"{name}.{kind}"] = frame.height
    return files


def _by_type(folder: Path, frames: Iterator[pl.DataFrame]) -> Json:
    files: dict[str, int] = {}
    with ExitStack() as opened:
        streams: dict[str, BinaryIO] = {}
        for frame in frames:
            for kind, text in frame.select("resource_type", "resource").iter_rows():
                if kind not in streams:
                    streams[kind] = opened.enter_context((folder / f"{kind}.ndjson").open("wb"))
                streams[kind].write(f"{text}\n".encode())
                files[f"{kind}.ndjson"] = files.get(f"{kind}.ndjson", 0) + 1
    return files


def _frames(platform: Platform, who: Principal, held: Json) -> Iterator[pl.DataFrame]:
    start: int | None = 0
    while start is not None:
        page = read_rows(platform, who, "synthetic", RowsAsk(held["path"], start=start, limit=PAGE))
        yield page.frame
        start = page.next


def _again(first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield first
    yield from rest


def _resources(frames: Iterator[pl.DataFrame], kind: str) -> Iterator[bytes]:
    for frame in frames:
        chosen = frame.filter(pl.col("resource_type") == kind) if kind else frame
        yield "".join(f"{text}\n" for text in chosen["resource"]).encode()


def _rows(frames: Iterator[pl.DataFrame], kind: Format, rows: int) -> Iterator[bytes]:
    if kind == "parquet":
        if rows > WHOLE_AT_MOST:
            raise TooLarge(f"the release has more than {WHOLE_AT_MOST:,} rows", "Take it as ndjson or csv.")
        out = BytesIO()
        pl.concat(frames).write_parquet(out)
        yield out.getvalue()
        return
    has_head = True
    for frame in frames:
        if kind == "csv":
            yield frame.write_csv(include_header=has_head).encode()
        else:
            yield frame.write_ndjson().encode()
        has_head = False
