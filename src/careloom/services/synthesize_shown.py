"""What may be seen of models, samples and releases, and the metadata that a person mends before a first fit."""

from collections import defaultdict
from importlib.util import find_spec
from typing import Any, Literal

from careloom.errors import NotFound, SetupError, Withheld
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.synthesize import engines, library_of, maker_of, told, work, zone_of_account
from careloom.services.synthesize_admitted import admitted
from careloom.services.synthesize_gate import closed
from careloom.services.synthesize_over import FACT, taints_of
from careloom.services.synthesize_release import CERTIFICATE, certificate_of, released_as
from careloom.services.synthesize_source import SourceAsk, read_source
from careloom.store.synthesis import Work, listed
from careloom.synth.metadata import Metadata
from careloom.synth.metadata_toml import to_toml

Json = dict[str, Any]
SHOW, LIST, GUESS = "synthesize-show", "synthesize-list", "synthesize-guess"
_ZONES: tuple[Zone, ...] = ("research", "identified")


def models(platform: Platform, who: Principal) -> list[Json]:
    """All models whose data set the caller may see the counts of, newest first, each with the names of its samples.

    raises  AccessError
    """
    found, drawn = _listed(platform, who, "model"), defaultdict[str, list[str]](list)
    with platform.store("identified").connect() as connection:
        for one in listed(connection, "sample"):
            drawn[one.parent].append(one.name)
    return [{**told(one), "samples": drawn[one.name]} for one in found]


def samples(platform: Platform, who: Principal, model: str = "") -> list[Json]:
    """All samples, or those of a model, newest first, without what was measured. raises AccessError"""
    found = [told(one) for one in _listed(platform, who, "sample", model)]
    return [{**one, "report": None, "release": None} for one in found]


def show(platform: Platform, who: Principal, name: str) -> Json:
    """A model with ``taints`` and its samples, or a sample with all that was measured of it.

    raises  AccessError; NotFound
    """
    try:
        one, zone = admitted(platform, who, "monitor", name, "model", operation=SHOW)
    except NotFound:
        one, zone = admitted(platform, who, "read", name, "sample", operation=SHOW)
    note(platform, who, SHOW, zone, detail={one.kind: name})
    if one.kind == "sample":
        return told(one)
    taints = taints_of(platform, one) if one.body["training"] else []
    return {**told(one), "taints": taints, "samples": samples_of(platform, name)}


def show_release(platform: Platform, who: Principal, name: str) -> Json:
    """One release, for all who may see the synthetic zone. raises AccessError; NotFound"""
    admit(platform, who, "monitor", "synthetic", operation=SHOW)
    one = work(platform, name, "sample")
    if one.state not in ("released", "withdrawn"):
        raise NotFound("there is no such release", "List them: careloom synthesize list --releases.")
    note(platform, who, SHOW, "synthetic", detail={"release": name})
    return released_as(platform, one)


def open_release(platform: Platform, who: Principal, name: str) -> Json:
    """What is kept of a release that may be fetched now, with ``rows``. raises AccessError; NotFound; Withheld"""
    admit(platform, who, "search", "synthetic", operation=SHOW)
    one = work(platform, name, "sample")
    if one.state not in ("released", "withdrawn"):
        raise NotFound("there is no such release", "List them: careloom synthesize list --releases.")
    held: Json = {**one.body["release"], "rows": one.body["rows"]}
    if reason := closed(platform, name, held["path"]) or _taken(platform, name, held["path"]):
        note(platform, who, SHOW, "synthetic", outcome="refused", detail={"release": name, "code": Withheld.code})
        raise Withheld(f"the release may not be fetched: {reason}", "Fit and release it again.")
    return held


def _taken(platform: Platform, name: str, path: str) -> str:
    """Why the table of a release is not its own; empty where it is."""
    lake = platform.lake("synthetic")
    is_own = path in lake.paths() and lake.state(path).facts.get(FACT) == name
    return "" if is_own else "its table is gone, or is of something else"


def certificate_of_release(
    platform: Platform, who: Principal, name: str, ending: Literal["json", "pdf", "html"]
) -> tuple[str, bytes]:
    """The name of a release's certificate, and its file. raises AccessError; NotFound"""
    admit(platform, who, "monitor", "synthetic", operation=CERTIFICATE)
    one = work(platform, name, "sample")
    if one.state not in ("released", "withdrawn"):
        raise NotFound("there is no such release", "List them: careloom synthesize list --releases.")
    certificate = str(one.body["release"]["certificate"])
    return certificate, certificate_of(platform, who, certificate, ending)


def known_engines(platform: Platform, who: Principal) -> list[Json]:
    """Every engine, none of them loaded: engine, needs_extra (empty for none), is_installed. raises AccessError"""
    admit(platform, who, "monitor", "research", operation=LIST)
    found = []
    for name in engines():
        library = library_of(name)
        is_here = not library or find_spec(library) is not None
        found.append({"engine": name, "needs_extra": "ml" if library else "", "is_installed": is_here})
    note(platform, who, LIST, "research", detail={"engines": len(found)})
    return found


def engine_list() -> list[Json]:
    """Every engine that loads here: engine, meaning, private (yes, always, no), options with their defaults."""
    found = []
    for name in engines():
        try:
            maker = maker_of(name)
        except SetupError:  # its library is not installed
            continue
        private = "always" if maker.needs_privacy else "yes" if maker.costs is not None else "no"
        found.append({"engine": name, "meaning": maker.meaning, "private": private, "options": dict(maker.options)})
    return found


def guess(platform: Platform, who: Principal, ask: SourceAsk, account: str = "research") -> str:
    """Metadata of a table or a file as TOML, read off its rows: nothing of it is public until a person says so.

    raises  AccessError; QueryError; NotFound; FormatError
    """
    zone = zone_of_account(account)
    admit(platform, who, "read", zone, operation=GUESS)
    source = read_source(platform, who, ask, zone)
    note(platform, who, GUESS, zone, detail={"columns": len(source.table.columns)})
    return to_toml(Metadata((source.table,)))


def _listed(platform: Platform, who: Principal, kind: Any, model: str = "") -> list[Work]:
    zones = [zone for zone in _ZONES if who.may("monitor", zone)]
    for zone in zones or _ZONES[:1]:
        admit(platform, who, "monitor", zone, operation=LIST)
    with platform.store("identified").connect() as connection:
        found = [one for one in listed(connection, kind, model) if zone_of_account(one.body["account"]) in zones]
    note(platform, who, LIST, zones[0], detail={"kind": kind, "listed": len(found)})
    return found


def samples_of(platform: Platform, model: str) -> list[str]:
    """The names of the samples of a model, newest first."""
    with platform.store("identified").connect() as connection:
        return [one.name for one in listed(connection, "sample", model)]
