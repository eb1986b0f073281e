"""What runs here: versions of the package, its libraries, stores, models and terminologies; and a bundle of evidence.

No setting's value is told, only which differ from the defaults and a fingerprint of all of them: a value may hold an
address of a hospital, and passwords stand in the environment anyway.
"""

import json
import platform as machine
import zipfile
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution, distributions
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson

import careloom
from careloom.services import certificates
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.audit_proofs import checkpoint_of
from careloom.services.erase_jobs import kept_certificates
from careloom.services.models import verified
from careloom.services.models_kept import resolve, traffic_of, version_name, versions_of
from careloom.services.platform import STORED_ZONES, Platform
from careloom.settings import Settings
from careloom.store.access_tables import VERSION as ACCESS
from careloom.store.database import REVISION
from careloom.store.terminology_schema import VERSION as TERMINOLOGIES

Json = dict[str, Any]
KIND = "careloom evidence bundle"
_ALIASES = ("champion", "canary", "shadow")
_FIRST = (1980, 1, 1, 0, 0, 0)
_ASVS = Path(careloom.__file__).parents[2] / "docs" / "security" / "asvs.md"


def running(platform: Platform, who: Principal) -> Json:
    """What runs here: ``package``, ``revision``, ``python``, ``system``, ``libraries``, ``settings``, ``stores``,
    ``models`` in use by alias, ``terminologies``, ``blueprint`` (None: nothing was compared yet).

    raises  AccessError
    """
    admit(platform, who, "monitor", "landing", operation="deployment")
    note(platform, who, "deployment", "landing")
    return _running(platform)


def evidence(platform: Platform, who: Principal) -> bytes:
    """A zip of evidence, with a signed manifest of the SHA-256 of every file. raises AccessError

    Holds versions, libraries (CycloneDX 1.6), settings that differ, a signed checkpoint of each audit chain, whether
    models in use are as they were signed, certificates of erasures, and where the sources lie the ASVS table.
    """
    for zone in STORED_ZONES:
        admit(platform, who, "audit", zone, operation="evidence")
    told = _running(platform)
    name = platform.run_id()
    note(platform, who, "evidence", "identified", action="create", detail={"bundle": name})
    files = {
        "versions.json": _json(told),
        "libraries.cdx.json": _json(_bill()),
        "models.json": _json([verified(platform, who, resolve(platform, one)) for one in _in_use(platform)]),
        "erasures.json": _json(kept_certificates(platform)),
    }
    for zone in STORED_ZONES:
        if platform.has_store(zone):
            files[f"audit-{zone}.json"] = _json(checkpoint_of(platform, who, zone)["checkpoint"])
    if _ASVS.is_file():
        files["asvs.md"] = _ASVS.read_bytes()
    report = {
        "kind": KIND, "certificate": name, "created": platform.runtime.now().isoformat(), "actor": who.name,
        "package": told["package"], "left_out": [] if _ASVS.is_file() else ["asvs.md: the sources do not lie here"],
        "files": [{"name": one, "bytes": len(raw), "sha256": sha256(raw).hexdigest()} for one, raw in files.items()],
    }  # fmt: skip
    return _zipped({"manifest.json": _json(certificates.signed(platform, report)), **files})


def check_evidence(content: bytes, public_key: bytes) -> Json:
    """What a bundle is worth by a public key alone: ``signed``, ``changed`` (names of files that are others now)."""
    with zipfile.ZipFile(BytesIO(content)) as opened:
        told = orjson.loads(opened.read("manifest.json"))
        report, value = told["report"], bytes.fromhex(told["signature"]["value"])
        names = set(opened.namelist()) - {"manifest.json"}
        hashes = {one["name"]: one["sha256"] for one in report["files"]}
        changed = [
            name for name in hashes if name not in names or sha256(opened.read(name)).hexdigest() != hashes[name]
        ]
    return {
        "signed": certificates.is_of(public_key, report, value),
        "changed": sorted({*changed, *(names - {*hashes})}),
    }


def _running(platform: Platform) -> Json:
    libraries = _libraries()
    text = "\n".join(f"{name}=={version}" for name, version in libraries)
    stores = [{"name": zone, "schema": REVISION} for zone in STORED_ZONES if platform.has_store(zone)]
    stores += [{"name": "access", "schema": str(ACCESS)}, {"name": "terminologies", "schema": str(TERMINOLOGIES)}]
    return {
        "package": careloom.__version__, "revision": _revision(), "python": machine.python_version(),
        "system": f"{machine.system()} {machine.machine()}",
        "libraries": {"count": len(libraries), "hash": sha256(text.encode()).hexdigest()},
        "settings": _settings(platform.settings), "stores": stores, "models": _models(platform),
        "terminologies": [
            {"system": one.system, "version": one.version, "title": one.title, "concepts": one.concepts,
             "expired": one.is_expired(platform.runtime.now().date())}
            for one in platform.terminologies.all.releases()
        ],
        "blueprint": None,
    }  # fmt: skip


def _settings(settings: Settings) -> Json:
    """The fingerprint of all settings, and the names of those that differ from the defaults."""
    now, usual = settings.model_dump(mode="json"), Settings().model_dump(mode="json")
    differ = [f"{part}.{name}" for part, told in now.items() for name, one in told.items() if one != usual[part][name]]
    return {"hash": sha256(orjson.dumps(now, option=orjson.OPT_SORT_KEYS)).hexdigest(), "changed": sorted(differ)}


def _models(platform: Platform) -> list[Json]:
    found = []
    for model in sorted({one.name.partition("@")[0] for one in versions_of(platform)}):
        traffic = traffic_of(platform, model)
        found += [
            {"model": model, "alias": alias, "version": int(traffic[alias])}
            for alias in _ALIASES
            if isinstance(traffic.get(alias), int)
        ]
    return found


def _in_use(platform: Platform) -> list[str]:
    return sorted({version_name(one["model"], one["version"]) for one in _models(platform)})


def _libraries() -> list[tuple[str, str]]:
    """(name, version) of every distribution that is installed beside this one, by name."""
    found = {(one.metadata["Name"] or "").lower(): one.version for one in distributions()}
    return sorted((name, version) for name, version in found.items() if name)


def _bill() -> Json:
    """A bill of materials. source  CycloneDX 1.6 (ECMA-424)"""
    parts = [
        {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
        for name, version in _libraries()
    ]
    about = {"component": {"type": "application", "name": "careloom", "version": careloom.__version__}}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": about, "components": parts}


def _revision() -> str | None:
    """The commit that this was installed from, where the installer kept it or the sources lie in a clone; else None."""
    try:
        kept = distribution("careloom").read_text("direct_url.json")
    except PackageNotFoundError:
        kept = None
    told = json.loads(kept) if kept else {}
    commit = told.get("vcs_info", {}).get("commit_id")
    return commit if isinstance(commit, str) else _cloned(Path(careloom.__file__).parents[2] / ".git")


def _cloned(folder: Path) -> str | None:
    try:
        head = (folder / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head
        return (folder / head.removeprefix("ref: ")).read_text("utf-8").strip()
    except OSError:
        return None


def _json(told: Any) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_INDENT_2)


def _zipped(files: dict[str, bytes]) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, raw in files.items():
            archive.writestr(zipfile.ZipInfo(name, _FIRST), raw, zipfile.ZIP_DEFLATED)
    return stream.getvalue()
