"""What there is to predict with, as callers see it: cohorts and features that ship, training sets of a zone's lake."""

from typing import Any

import orjson

from careloom.errors import NotFound, QueryError
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.risk_cohorts import OPERATION, cohorts, feature_sets, features_listed
from careloom.services.search import zone_of
from careloom.services.view_table import OF_RESOURCES
from careloom.store import lake_snapshots as snapshots
from careloom.store.lake import TableState
from careloom.store.zone_store import Zone

Json = dict[str, Any]


def shown_cohorts(platform: Platform, who: Principal) -> list[Json]:
    """The definitions that ship: name, title, source, digest. raises AccessError"""
    admit(platform, who, "monitor", "identified", operation=OPERATION)
    found = cohorts()
    note(platform, who, OPERATION, "identified", detail={"listed": len(found)})
    return found


def shown_features(platform: Platform, who: Principal, name: str) -> Json:
    """The features of a set that ships (``items``), and all ``sets``. raises AccessError; NotFound"""
    admit(platform, who, "monitor", "identified", operation=OPERATION)
    try:
        require_shipped(name)
    except NotFound as error:
        note(platform, who, OPERATION, "identified", outcome="failed", detail={"code": error.code})
        raise
    found = features_listed(name)
    note(platform, who, OPERATION, "identified", detail={"set": name, "listed": len(found)})
    return {"set": name, "sets": feature_sets(), "items": found}


def definition_of(cohort: str, definition: str) -> str:
    """What the services of cohorts take for a definition, from who may name no file: a name that ships, or a text.

    raises  QueryError where there is none of both, or both; NotFound for a name that does not ship
    """
    if bool(cohort) == bool(definition):
        raise QueryError("which cohort", "Name one that ships, or give a definition of your own.")
    known = [one["name"] for one in cohorts()]
    if cohort and cohort not in known:
        raise NotFound("there is no such cohort", f"Name one of {', '.join(known)}, or give its definition.")
    return cohort or f"{definition}\n"


def require_shipped(features: str) -> None:
    """Returns where a set of features ships under this name. raises NotFound"""
    known = [one["name"] for one in feature_sets()]
    if features not in known:
        raise NotFound("there is no such set of features", f"Name one of {', '.join(known)}.")


def training_sets(platform: Platform, who: Principal, zone_name: str) -> list[Json]:
    """The training sets of a zone: table, version, rows, cohort, features, facts, folds, and snapshots to read it by.

    raises  AccessError; QueryError for the identified zone
    """
    zone = _admitted(platform, who, zone_name)
    found = [_told(platform, zone, one) for one in platform.lake(zone).tables() if _is_one(one)]
    note(platform, who, OPERATION, zone, detail={"listed": len(found)})
    return found


def shown_training_set(platform: Platform, who: Principal, zone_name: str, table: str) -> Json:
    """One training set, with its whole ``manifest``: definitions, folds, what the leakage guard found.

    raises  AccessError; QueryError for the identified zone; NotFound
    """
    zone = _admitted(platform, who, zone_name)
    one = next((one for one in platform.lake(zone).tables() if one.path == table and _is_one(one)), None)
    if one is None:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such training set", "List them: careloom risk cohort train-sets.")
    note(platform, who, OPERATION, zone, detail={"table": f"{one.path}@{one.version}"})
    return _told(platform, zone, one) | {"manifest": orjson.loads(one.facts["manifest"])}


def _admitted(platform: Platform, who: Principal, zone_name: str) -> Zone:
    zone = zone_of(zone_name)
    if zone == "identified":
        raise QueryError("the identified zone has no lake", "Training sets are of the research or synthetic zone.")
    admit(platform, who, "search", zone, operation=OPERATION)
    return zone


def _is_one(state: TableState) -> bool:
    return state.facts.get(OF_RESOURCES) == OPERATION and "manifest" in state.facts


def _told(platform: Platform, zone: Zone, state: TableState) -> Json:
    manifest = orjson.loads(state.facts["manifest"])
    kept = snapshots.kept(platform.lake(zone), state.path)
    return {
        "table": state.path, "version": state.version, "rows": state.rows, "cohort": manifest["cohort"]["name"],
        "features": manifest["features"]["name"], "facts": manifest["facts"], "folds": manifest["folds"],
        "leaks": len(manifest["leaks"]), "snapshots": [one.name for one in kept if one.is_readable],
    }  # fmt: skip
