"""Reports of de-identification: assessed, signed, kept and checked. No value of a patient stands in one."""

from pathlib import Path
from typing import Any

import orjson

from careloom.crypto.keys import is_signed
from careloom.deid.report_html import as_html
from careloom.deid.risk_report import assess
from careloom.errors import FormatError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.tables.research import PATIENTS

FOLDER = "reports"
Json = dict[str, Any]
QUASI_IDENTIFIERS = ("birth_year", "age_over_89", "gender", "race", "ethnicity", "marital_status", "state")
"""What an acquaintance or a voter register may tell of a person. Events are left to the attack on dates."""
SENSITIVE = ("deceased",)


def risk_of(platform: Platform) -> Json | None:
    """The residual risk of the research zone's patients; None where there is none."""
    try:
        patients = platform.lake("research").read(PATIENTS.path)
    except NotFound:
        return None
    return assess(patients, QUASI_IDENTIFIERS, SENSITIVE).as_json() if patients.height else None


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
    place.write_bytes(orjson.dumps(signed, option=orjson.OPT_INDENT_2))
    place.with_suffix(".html").write_text(as_html(signed), "utf-8")
    return place


def folder(platform: Platform) -> Path:
    """Where the reports lie."""
    return platform.settings.data.directory / "research" / FOLDER


def check_signature(platform: Platform, who: Principal, raw: bytes) -> Json:
    """Whether a signed report is as this installation wrote it: ``signed`` is true or false, ``run_id`` what it says.

    raises  AccessError; FormatError if the bytes are no signed report
    """
    admit(platform, who, "audit", "research", operation="check-signature")
    try:
        signed = orjson.loads(raw)
        report, signature = signed["report"], signed["signature"]
        made, run_id = bytes.fromhex(signature["value"]), str(report["run_id"])
    except (ValueError, KeyError, TypeError):
        raise FormatError("this is no signed report", "Give the JSON file that careloom deidentify wrote.") from None
    found = is_signed(platform.keys.public_key(), _message(report), made)
    note(platform, who, "check-signature", "research", detail={"run": run_id[:40], "signed": found})
    return {"signed": found, "run_id": run_id, "policy": report.get("policy")}


def _message(report: Json) -> bytes:
    return b"careloom de-identification report\0" + orjson.dumps(report, option=orjson.OPT_SORT_KEYS)
