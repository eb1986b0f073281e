"""What a version of a model is: its files by SHA-256, and its lineage. The report of it is signed and never changes."""

import re
from collections.abc import Mapping
from hashlib import sha256
from math import isfinite
from typing import Any

from careloom.errors import FormatError, QueryError

KIND = "careloom model version"
VERSION = 1
ALIASES = ("champion", "challenger", "shadow")
LINEAGE = ("code", "environment", "data", "seeds", "evaluation", "training", "pipeline")
"""What a lineage has to tell: see `lineage_problem`."""
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_SHA = re.compile(r"[0-9a-f]{64}")
Json = dict[str, Any]


def require_name(name: str) -> None:
    """Returns where a model may be called so. raises QueryError"""
    if _NAME.fullmatch(name) is None:
        raise QueryError(
            "the model's name is none",
            "Lower-case letters, digits and dashes, 63 at most: readmission-30d.",
        )


def digests(files: Mapping[str, bytes]) -> dict[str, Json]:
    """Name of each file -> ``sha256`` in hex, ``bytes``; by name."""
    return {
        name: {"sha256": sha256(files[name]).hexdigest(), "bytes": len(files[name])} for name in sorted(files)
    }  # fmt: skip


def report(name: str, version: int, lineage: Mapping[str, Any], files: Mapping[str, bytes], told: Json) -> Json:
    """What is signed of a version.

    lineage  as `lineage_problem` wants it
    told     who registered it, when, why
    raises   QueryError for a lineage that leaves something out
    """
    if problem := lineage_problem(lineage):
        raise QueryError(f"the lineage says too little: {problem}", "See docs/reference/models.md.")
    return {
        "kind": KIND, "version": VERSION, "certificate": f"{name}-{version}", "model": name, "number": version,
        "lineage": dict(lineage), "files": digests(files), **told,
    }  # fmt: skip


def lineage_problem(lineage: Mapping[str, Any]) -> str:
    """What a lineage lacks, in words; empty where it is whole.

    It tells ``code`` (``revision`` of git or an empty text, ``sources_sha256``), ``environment`` (``sha256`` of the
    lock), ``data`` (``zone``, ``snapshot``: the pin of what was read), ``seeds`` (name -> integer), ``evaluation``
    (``data``: what it was measured on, ``measures``: name -> value, low, high), ``training`` (the registered training,
    empty where nobody was in it) and ``pipeline`` (the run, empty where a person trained it). More may stand there.
    """
    if missing := [name for name in LINEAGE if name not in lineage]:
        return f"{missing[0]} is missing"
    code, environment, data = lineage["code"], lineage["environment"], lineage["data"]
    if _SHA.fullmatch(str(code.get("sources_sha256", ""))) is None or "revision" not in code:
        return "code needs revision and sources_sha256"
    if _SHA.fullmatch(str(environment.get("sha256", ""))) is None:
        return "environment needs sha256"
    if not data.get("zone") or not data.get("snapshot"):
        return "data needs zone and snapshot"
    if not all(isinstance(one, int) for one in lineage["seeds"].values()):
        return "seeds are integers"
    return _evaluation_problem(lineage["evaluation"])


def _evaluation_problem(told: Mapping[str, Any]) -> str:
    if not told.get("data") or not told.get("measures"):
        return "evaluation needs data and measures"
    for name, one in told["measures"].items():
        if not isinstance(one, Mapping) or "value" not in one:
            return f"measure {name} needs value, low and high"
        for number in (one.get("value"), one.get("low"), one.get("high")):
            if number is not None and not (isinstance(number, (int, float)) and isfinite(number)):
                return f"measure {name} is no number"
    return ""


def changed(signed: Mapping[str, Any], files: Mapping[str, bytes]) -> list[str]:
    """What differs between a signed report and the files at hand, in words; empty where nothing does."""
    if not isinstance(signed.get("files"), Mapping):
        return ["the manifest names no files"]
    wanted, found = signed["files"], digests(files)
    told = [f"{name} is missing" for name in sorted(set(wanted) - set(found))]
    told += [f"{name} was added" for name in sorted(set(found) - set(wanted))]
    return told + [f"{name} was changed" for name in sorted(wanted) if name in found and wanted[name] != found[name]]


def read_certificate(whole: Any) -> tuple[Json, bytes]:
    """The report of a signed manifest and the signature. raises FormatError where it is none"""
    try:
        report_, value = whole["report"], bytes.fromhex(whole["signature"]["value"])
        is_so = (report_["kind"], report_["version"]) == (KIND, VERSION)
    except (KeyError, TypeError, ValueError):
        is_so = False
    if not is_so:
        raise FormatError("the manifest is none of a model version", "Take the one that careloom models show prints.")
    return report_, value
