"""The certificate of a release: what the rows are, how they were made, by which policy they were let out; signed.

It is checked by this installation, or anywhere by its public key alone, with the rows beside it or without. Of a
private fit it holds no measure, for measures look at real patients and no bound covers them: what passed, and a keyed
digest.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from careloom import html_page
from careloom.errors import CareloomError, FormatError, NotFound
from careloom.services import certificates
from careloom.services.platform import Platform
from careloom.services.synthesize_pdf import pdf
from careloom.store.engine import private_folder
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import conform
from careloom.synth.release_measures import digest_of
from careloom.synth.release_policy import Measure, decide, from_json

KIND = "careloom synthetic release certificate"
VERSION = 1
FOLDER = "certificates"
Json = dict[str, Any]
_KINDS = {
    "String": "categorical", "Int64": "integer", "Float64": "continuous", "Boolean": "boolean", "Date": "date",
    "Datetime[us, UTC]": "datetime",
}  # fmt: skip
_TEXT, _NUMBER, _NONE = (str,), (int, float), type(None)
_SHAPE: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("certificate", "time", "expires", "actor", "table", "measures_digest", "policy_sha256"), _TEXT),
    "lineage.sample": _TEXT, "policy.name": _TEXT, "data.rows": (int,), "data.sha256": _TEXT,
    "data.columns.*.name": _TEXT, "data.columns.*.type": _TEXT, "privacy.epsilon": (*_NUMBER, _NONE),
    "privacy.delta": (*_NUMBER, _NONE), "privacy.covers": _TEXT, "findings.*.rule": _TEXT, "findings.*.passed": (bool,),
    "measures": (dict, _NONE), "ledger.account": _TEXT, "ledger.fit": _TEXT, "ledger.fit_hash": _TEXT,
    "ledger.release": _TEXT, "ledger.release_hash": _TEXT, "ledger.search": (list,), "ledger.search.*.entry": _TEXT,
    "ledger.search.*.hash": _TEXT, "ledger.beside.*.fit?": _TEXT, "ledger.beside.*.fit_hash?": _TEXT,
}  # fmt: skip
"""What is read of a report; a certificate in which one of these is not so is none of ours."""


def signed(platform: Platform, report: Mapping[str, Any]) -> Json:
    """A report with its signature."""
    return certificates.signed(platform, {"kind": KIND, "version": VERSION, **report})


def keep(platform: Platform, certificate: Json) -> str:
    """Writes a certificate as JSON, PDF and HTML; the path of the JSON."""
    private_folder(_folder(platform).parent)
    lines = lines_of(certificate)
    beside = {"html": _page(lines).encode(), "pdf": pdf("Certificate of a synthetic release", lines)}
    return certificates.write(_folder(platform), certificate, beside)


def certificate_bytes(platform: Platform, name: str, ending: str) -> bytes:
    """One certificate's file: json, pdf or html. raises NotFound"""
    found = certificates.file_of(_folder(platform), name, ending)
    if found is None:
        raise NotFound("there is no such certificate", "List the releases: careloom synthesize list --releases.")
    return found


def read(content: bytes) -> tuple[Json, bytes]:
    """What a certificate says, and its signature. raises FormatError"""
    none = FormatError("the file is no certificate of a release", "Give what careloom synthesize release wrote.")
    report, value = certificates.read(content, none, kind=KIND, version=VERSION)
    certificates.require(report, _SHAPE)
    return report, value


def check_by(content: bytes, public_key: bytes, frames: Iterable[pl.DataFrame] | None = None) -> Json:
    """Whether a certificate is as the owner of a key signed it, and holds; needs no installation.

    frames   the rows that it is said to be of, as files hold them
    returns  ``signed``; ``verdict``: the policy lets it pass, by the measures where they stand there; ``rows``: they
             are the ones, None where none were given; and what it says
    raises   FormatError
    """
    report, value = read(content)
    told = {name: report[name] for name in ("certificate", "time", "expires", "table", "data", "privacy")}
    return {
        "kind": KIND, "signed": certificates.is_of(public_key, report, value), "verdict": holds(report),
        "rows": None if frames is None else of_rows(report, frames), **told,
    }  # fmt: skip


def holds(report: Mapping[str, Any], measures: Mapping[str, Measure] | None = None) -> bool:
    """True when its policy lets these measures pass, or those that it tells, and its findings say the same."""
    try:
        policy = from_json(report["policy"])
        told = report["measures"] if measures is None else {name: one.as_json() for name, one in measures.items()}
        findings = report["findings"]
        is_same = [one["rule"] for one in findings] == [rule.text for rule in policy.rules]
        if policy.digest != report["policy_sha256"] or not is_same:
            return False
        if told is None:
            return all(one["passed"] is True for one in findings)
        found = {name: Measure(float("nan") if one["value"] is None else one["value"], one["low"], one["high"])
                 for name, one in told.items()}  # fmt: skip
        return decide(policy, found).passed
    except (CareloomError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return False


def of_rows(report: Mapping[str, Any], frames: Iterable[pl.DataFrame]) -> bool:
    """True when these are the rows of the certificate, whatever file they were read from."""
    try:
        columns = report["data"]["columns"]
        table = Table("rows", tuple(Column(one["name"], _KINDS[one["type"]], one["type"]) for one in columns))
        return digest_of(conform(table, frame) for frame in frames) == str(report["data"]["sha256"])
    except (CareloomError, KeyError, TypeError, ValueError, AttributeError):
        return False


def digest(certificate: Mapping[str, Any]) -> str:
    """SHA-256 of what is signed: it stands in the audit chain."""
    return certificates.digest(certificate)


def lines_of(certificate: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The certificate for people: (name, text); an empty text is a heading."""
    report, signature = certificate["report"], certificate["signature"]
    privacy, made = report["privacy"], report["lineage"]
    bound, ledger = "NO proven bound", report["ledger"]
    if privacy["epsilon"]:
        bound = f"epsilon {privacy['epsilon']:.4g} at delta {privacy['delta']:g}"
    lines = [
        ("Certificate", report["certificate"]), ("Table", report["table"]), ("Let out", report["time"]),
        ("By", report["actor"]), ("May be fetched until", report["expires"]),
        ("Rows", f"{report['data']['rows']:,}"), ("SHA-256 of the rows", report["data"]["sha256"]),
        ("How they were made", ""), ("Engine", f"{made['engine']}, model {made['model']}"),
        ("Learnt from", f"{made['source']}, {made['patients']:,} patients; {made['control_patients']:,} set aside"),
        ("SHA-256 of the model", made["model_sha256"]),
        *_beside(made),
        *([("Settings tried", _searched(made["search"]))] if made.get("search") else []),
        ("What they tell of one patient", ""), ("Bound", f"{bound}, per patient, rows alone; {privacy['covers']}"),
        ("Ledger", f"{ledger['account']}, fit {ledger['fit']}, hash {ledger['fit_hash']}"),
        (f"Policy {report['policy']['name']}", ""), ("SHA-256 of the policy", report["policy_sha256"]),
        ("Judged", _judged(report["judged"])), ("Verdicts asked for", str(report["verdicts"])),
    ]  # fmt: skip
    lines += [(one["rule"], _finding(one)) for one in report["findings"]]
    lines += [("Signature", ""), ("Ed25519 by", signature["public_key"]), ("Value", signature["value"])]
    return lines


def _beside(made: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same of the other models that they were made by."""
    return [
        line for each in made.get("beside", ()) for line in (
            ("And engine", f"{each['engine']}, model {each['model']}"),
            ("Learnt from", f"{each['source']}, {each['patients']:,} patients; {each['control_patients']:,} set aside"),
            ("SHA-256 of the model", each["model_sha256"]),
        )
    ]  # fmt: skip


def _judged(told: Mapping[str, Any]) -> str:
    known = ", ".join(told["known"]) or "the first categories"
    target = told["target"] or "none"
    return f"{told['judged']}; to predict: {target}; known to others: {known}; rare: fewer than {told['small_cell']}"


def _searched(told: Mapping[str, Any]) -> str:
    why = f" ({told['stopped']})" if "stopped" in told else ""
    tried = f"{len(told['trials'])} of {told['asked']}{why}, on {told['held_patients']:,} patients apart"
    return tried if told["selection"] is None else f"{tried}; the bound holds for all of them and the choice together"


def _finding(one: Mapping[str, Any]) -> str:
    outcome = "met" if one["passed"] else "NOT met"
    return outcome if one.get("found") is None else f"{outcome}: {one['found']:.4g}"


def _page(lines: Iterable[tuple[str, str]]) -> str:
    text, parts = html_page.text, ["<h1>Certificate of a synthetic release</h1>"]
    for name, value in lines:
        parts.append(f"<p><b>{text(name)}</b>: {text(value)}</p>" if value else f"<h2>{text(name)}</h2>")
    return html_page.page("Certificate of a synthetic release", parts)


def _folder(platform: Platform) -> Path:
    return platform.settings.data.directory / "synthetic" / FOLDER
