"""Reports of de-identification: assessed, signed, kept, found and checked. No value of a patient stands in one."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from careloom.crypto.keys import is_signed
from careloom.deid.findings import by_code
from careloom.deid.identifiers import TEXT, letters
from careloom.deid.report_html import as_html, measure_title
from careloom.deid.risk_report import RiskReport, assess
from careloom.deid.targets import Targets
from careloom.errors import FormatError, IntegrityError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.tables.research import PATIENTS

FOLDER = "reports"
Json = dict[str, Any]
QUASI_IDENTIFIERS = ("birth_year", "age_over_89", "gender", "race", "ethnicity", "marital_status", "state")
"""What an acquaintance or a voter register may tell of a person. Events are left to the attack on dates."""
SENSITIVE = ("deceased",)
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}")


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report as it lies in its file.

    raw     the bytes, which `check_signature` takes
    report  what it says; empty unless it is as this installation signed it
    """

    raw: bytes
    report: Json

    @property
    def is_signed(self) -> bool:
        """True when nobody has changed it."""
        return bool(self.report)


def risk_of(
    platform: Platform, targets: Targets | None = None, sensitive: Sequence[str] = SENSITIVE
) -> RiskReport | None:
    """The residual risk of the research zone's patients; None where there is none."""
    try:
        patients = platform.lake("research").read(PATIENTS.path)
    except NotFound:
        return None
    known = [name for name in QUASI_IDENTIFIERS if name not in sensitive]
    return assess(patients, known, sensitive, targets) if patients.height else None


def keep_report(platform: Platform, report: Json) -> Path:
    """Signs a report and writes it as JSON and HTML beside the research zone; returns the path of the JSON."""
    keys = platform.keys
    signature = {
        "algorithm": "Ed25519",
        "public_key": keys.public_key().hex(),
        "value": keys.sign(_message(report)).hex(),
    }
    signed = {"report": report, "signature": signature}
    place = folder(platform) / f"{report['run_id']}.json"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(place.with_suffix(".html"), as_html(signed).encode())
    _write(place, orjson.dumps(signed, option=orjson.OPT_INDENT_2))
    return place


def kept_ids(platform: Platform, before: str = "") -> list[str]:
    """Runs that left a report, newest first; only those that are older than `before`."""
    with suppress(FileNotFoundError):
        names = [file.stem for file in folder(platform).iterdir() if file.suffix == ".json"]
        return sorted(
            (name for name in names if _RUN_ID.fullmatch(name) and (not before or name < before)), reverse=True
        )
    return []


def find_report(platform: Platform, run_id: str) -> KeptReport | None:
    """The report of one run; None where there is none."""
    if not _RUN_ID.fullmatch(run_id):
        return None
    try:
        raw = (folder(platform) / f"{run_id}.json").read_bytes()
    except FileNotFoundError:
        return None
    try:
        report, value = _parsed(raw)
        is_own = report["run_id"] == run_id and is_signed(platform.keys.public_key(), _message(report), value)
    except FormatError:
        return KeptReport(raw, {})
    return KeptReport(raw, report if is_own else {})


def shown(report: Json) -> Json:
    """A report as faces show it: all identifiers by letter, findings and measures in words, most frequent first."""
    taken, told, risk = report["removed"], by_code(), report["risk"]
    findings = [(code, told.get(code), count) for code, count in report["issues"].items()]
    named = [*letters().items(), (TEXT, "free text, which may hold any of them")]
    return {
        "policy": report["policy"],
        "project": report.get("project", ""),
        "epoch": report.get("epoch"),
        "types": report["types"],
        "tables": [{"table": name, "rows": rows} for name, rows in sorted(report["tables"].items())],
        "identifiers": [{"letter": one, "name": name, "count": taken.get(one, 0)} for one, name in named],
        "findings": [
            {"code": code, "message": one.message if one else "", "remedy": one.remedy if one else "", "count": count}
            for code, one, count in findings
        ],
        "risk": risk
        and {
            "patients": risk["patients"],
            "quasi_identifiers": risk["quasi_identifiers"],
            "measures": [one | {"title": measure_title(one["name"])} for one in risk["measures"]],
        },
        "recall": report.get("recall"),
    }


def html_of(kept: KeptReport) -> str:
    """The report as one page. raises IntegrityError unless it is as it was signed."""
    if not kept.is_signed:
        raise IntegrityError(
            "this report is not as this installation signed it",
            "Tell the operator. Take the JSON to see what is there.",
        )
    return as_html(orjson.loads(kept.raw))


def folder(platform: Platform) -> Path:
    """Where the reports lie."""
    return platform.settings.data.directory / "research" / FOLDER


def check_signature(platform: Platform, who: Principal, raw: bytes) -> Json:
    """Whether a signed report is as this installation wrote it: ``signed`` is true or false, ``run_id`` what it says.

    raises  AccessError; FormatError if the bytes are no signed report
    """
    admit(platform, who, "audit", "research", operation="check-signature")
    report, made = _parsed(raw)
    run_id = str(report["run_id"])
    found = is_signed(platform.keys.public_key(), _message(report), made)
    note(platform, who, "check-signature", "research", detail={"run": run_id[:40], "signed": found})
    return {"signed": found, "run_id": run_id, "policy": report.get("policy")}


def _parsed(raw: bytes) -> tuple[Json, bytes]:
    """What a report says, and the bytes that sign it. raises FormatError if these are none."""
    try:
        signed = orjson.loads(raw)
        report: Json = signed["report"]
        return report | {"run_id": report["run_id"]}, bytes.fromhex(signed["signature"]["value"])
    except (ValueError, KeyError, TypeError):
        raise FormatError("this is no signed report", "Give the JSON file that careloom deidentify wrote.") from None


def _write(place: Path, content: bytes) -> None:
    """All of the file or none of it."""
    draft = place.with_name(f"{place.name}.part")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(place)


def _message(report: Json) -> bytes:
    return b"careloom de-identification report\0" + orjson.dumps(report, option=orjson.OPT_SORT_KEYS)
