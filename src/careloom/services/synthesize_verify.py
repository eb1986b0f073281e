"""A certificate of a release held against this installation: signature, rows, verdict, ledger, and if it is over."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from careloom.errors import CareloomError, FormatError, IntegrityError, NotFound
from careloom.services import synthesize_certificate as certificates
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.certificates import is_of, key_named
from careloom.services.platform import Platform
from careloom.services.synthesize import work
from careloom.services.synthesize_gate import closed
from careloom.services.synthesize_over import LANDED
from careloom.services.synthesize_release import measures_digest
from careloom.services.synthesize_rows import measures_of
from careloom.services.synthesize_zone import are_landed
from careloom.store.privacy import entries
from careloom.store.synthesis import Work

Json = dict[str, Any]
VERIFY = "synthesize-verify"


def verify(platform: Platform, who: Principal, content: bytes) -> Json:
    """What `check_by` tells, by this installation's key, with the rows that lie here; and

    ``ledger``: its entries are in the ledger as it tells them; ``measures``: those that are kept have its digest, and
    its policy lets them pass; ``landed``: the FHIR store of the zone holds the resources of its rows, None for a table
    or a release that is withdrawn; ``open``: the release may be fetched now, else ``reason``; ``whole``: all of it
    holds. Of what was not signed here nothing else is looked up

    raises  AccessError; FormatError
    """
    admit(platform, who, "monitor", "synthetic", operation=VERIFY)
    report, _ = certificates.read(content)
    found = certificates.check_by(content, platform.keys.public_key())
    if not found["signed"]:
        note(platform, who, VERIFY, "synthetic", detail={"whole": False})  # its name may be anybody's words
        reason = "it was not signed here as it stands"
        return found | {"ledger": False, "measures": False, "landed": None, "open": False, "reason": reason,
                        "whole": False}  # fmt: skip
    found["rows"] = certificates.of_rows(report, _rows(platform, report))
    found |= {"ledger": _is_in_ledger(platform, report), "measures": _are_kept(platform, report)}
    found["reason"] = closed(platform, report["lineage"]["sample"], f"gold/{report['table']}")
    found["open"] = not found["reason"]
    found["landed"] = _are_landed(platform, report)
    told = [found[name] for name in ("signed", "verdict", "rows", "ledger", "measures")]
    found["whole"] = all(told) and found["landed"] is not False
    note(platform, who, VERIFY, "synthetic", detail={"certificate": report["certificate"], "whole": found["whole"]})
    return found


def worth(platform: Platform, who: Principal, content: bytes) -> Json:
    """What a certificate that somebody brings is worth, as the API tells it.

    ``verdict``: valid (signed here, as it stands), altered (not what the key that it names has signed) or unknown-key
    (signed as it stands, by a key that is not this installation's: by whom, nobody here knows); ``public_key``, which
    it names; ``own_key``: that of this installation; ``claims``: what it says of itself, None unless valid; ``stands``:
    its release may be fetched now, else ``reason``; ``whole`` and the checks as of `verify`, None unless valid

    raises  AccessError; FormatError
    """
    found = verify(platform, who, content)
    own, named = platform.keys.public_key(), key_named(content)
    told: Json = {"public_key": named.hex(), "own_key": own.hex(), "stands": found["open"], "reason": found["reason"],
                  "whole": found["whole"]}  # fmt: skip
    report, value = certificates.read(content)
    if not found["signed"]:
        is_of_other = named != own and is_of(named, report, value)
        checks = dict.fromkeys(("policy", "rows", "ledger", "measures", "landed"))
        return told | {"verdict": "unknown-key" if is_of_other else "altered", "claims": None, "checks": checks}
    checks = {name: found[name] for name in ("rows", "ledger", "measures", "landed")} | {"policy": found["verdict"]}
    return told | {"verdict": "valid", "claims": _claims(report), "checks": checks}


def _claims(report: Json) -> Json:
    """What a certificate says of itself, in a few members."""
    same = {name: report[name] for name in ("certificate", "actor", "time", "expires", "table")}
    return same | {
        "release": report["lineage"]["sample"], "rows": report["data"]["rows"], "sha256": report["data"]["sha256"],
        "policy": report["policy"]["name"],
        **{name: report["privacy"][name] for name in ("epsilon", "delta", "covers")},
    }  # fmt: skip


def read_rows_of(place: Path) -> pl.DataFrame:
    """The rows of a file of CSV, Parquet or Arrow, or of a folder of a Delta table. raises FormatError; NotFound"""
    if not place.exists():
        raise NotFound("the rows are not there", "Check the path.")
    try:
        if place.is_dir():
            return pl.read_delta(str(place))
        return _READERS[place.suffix.lower()](place)
    except (KeyError, OSError, pl.exceptions.PolarsError):
        raise FormatError("the rows do not read", "Give .csv, .parquet, .ndjson, .arrow or a Delta folder.") from None


def _csv(place: Path) -> pl.DataFrame:
    return pl.read_csv(place, infer_schema=False)


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": _csv, ".parquet": pl.read_parquet, ".ndjson": pl.read_ndjson, ".arrow": pl.read_ipc_stream,
}  # fmt: skip


def _rows(platform: Platform, report: Json) -> Iterator[pl.DataFrame]:
    """The rows of the release as they lie in the lake; none where they are gone or changed."""
    try:
        yield platform.lake("synthetic").read(f"gold/{report['table']}")
    except (NotFound, IntegrityError):
        return


def _are_landed(platform: Platform, report: Json) -> bool | None:
    try:
        one = work(platform, report["lineage"]["sample"], "sample")
    except CareloomError:
        return False
    if one.state != "released" or not (one.body.get("release") or {}).get(LANDED):
        return None
    return are_landed(platform, _rows(platform, report))


def _is_in_ledger(platform: Platform, report: Json) -> bool:
    try:
        with platform.store("identified").connect() as connection:
            rows = {one.entry: one for one in entries(connection)}
    except IntegrityError:
        return False
    told = report["ledger"]
    named = [(told[name], told[f"{name}_hash"]) for name in ("fit", "release")]
    named += [(one["entry"], one["hash"]) for one in told.get("search", ())]
    named += [(one["fit"], one["fit_hash"]) for one in told.get("beside", ())]
    return all(
        entry in rows and rows[entry].hash == digest and rows[entry].body["account"] == told["account"]
        for entry, digest in named
    )


def _are_kept(platform: Platform, report: Json) -> bool:
    try:
        one: Work = work(platform, report["lineage"]["sample"], "sample")
    except CareloomError:
        return False
    found = measures_of(one)
    told = {name: each.as_json() for name, each in found.items()}
    return measures_digest(platform, told) == report["measures_digest"] and certificates.holds(report, found)
