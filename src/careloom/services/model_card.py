"""Model cards of registered versions: made from the registry, kept beside the version, asked by the gates of promotion.

A version's files may hold, beside the model: ``evaluation.json`` (its report on held-out data), ``external.json`` (on
data of another source), ``local.json`` (in the data of the place of use), ``training.json`` (manifest of the training
set), ``card.toml`` (what people declared then). What they do not hold, the lineage of the manifest tells as far as it
can. What the installation says since stands over it: `careloom.services.model_card_files`.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import orjson

from careloom.errors import FormatError, NotFound
from careloom.mlops import card as cards
from careloom.mlops.card_declared import Declarations, shipped
from careloom.mlops.card_evaluation import KINDS as KINDS_HERE
from careloom.mlops.card_facts import CardFacts, Judged, judged
from careloom.mlops.card_tripod import REPORTED, by_item
from careloom.risk.models_package import KINDS
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.model_card_files import evaluation_here, registered_with, said_here
from careloom.services.model_card_watch import watched
from careloom.services.models_gates import is_measured
from careloom.services.models_kept import load_files, resolve, traffic_of
from careloom.services.platform import Platform
from careloom.store.models import ModelWork, listed

CARD, SHOWN = "models-card", "models-card-show"
FILES = {"same_source": "evaluation.json", "external": "external.json", "local": "local.json"}
DECLARED_DATA = "Declared by who brought the model in, not measured by Careloom:"
TRAINING, DECLARED, MODEL = "training.json", "card.toml", "model.json"
Json = dict[str, Any]


def make_card(platform: Platform, who: Principal, version: str) -> cards.Card:
    """The card of a version of what is known now; it is kept in the place of the one before, with an audit record.

    version  ``NAME@3``, ``NAME@champion`` or ``NAME``
    raises   AccessError; NotFound, QueryError for the version; FormatError for a report or text that says too little
    """
    admit(platform, who, "monitor", "identified", operation=CARD)
    one = resolve(platform, version)
    made = cards.card(facts_of(platform, one), platform.runtime.now())
    detail = {
        "version": one.name, "digest": one.body["digest"], "filled": made.filled, "unavailable": made.unavailable,
        "missing": len(made.missing), "stale": len(made.stale),
    }  # fmt: skip
    told = event(platform, who, CARD, one.body["zone"], action="update", detail=detail)
    with platform.store("identified").transaction(told) as step:
        if any(each.name == one.name for each in step.models.listed("card", one.parent)):
            step.models.change("card", one.name, "made", made.as_json())
        else:
            step.models.add("card", one.name, one.parent, "made", made.as_json())
    return made


def shown_card(platform: Platform, who: Principal, version: str) -> cards.Card:
    """The card of a version of what is known now; nothing is kept. raises as `make_card`"""
    admit(platform, who, "monitor", "identified", operation=SHOWN)
    try:
        one = resolve(platform, version)
    except NotFound:
        note(platform, who, SHOWN, "identified", outcome="failed", detail={"code": NotFound.code})
        raise
    made = cards.card(facts_of(platform, one), platform.runtime.now())
    note(platform, who, SHOWN, "identified", detail={"version": one.name, "filled": made.filled})
    return made


def card_counts(platform: Platform, who: Principal, version: str) -> Json:
    """How many attributes of a version's card made now are filled, of which kind, what lacks, and what keeps it back.

    returns  ``version``, ``digest``, ``made_at``, ``kept_at`` (of the card that was kept; null: none was), ``counts``
             (`careloom.mlops.card.Card.counts`), ``missing`` and ``unavailable`` (ids), ``stale`` (id, number, why,
             is_computable), ``keeps_back`` (ids for which it is not promoted now: of the kept card, else of this one),
             ``tripod_ai`` (state -> items), ``texts`` (hashes)
    raises   as `make_card`
    """
    made = shown_card(platform, who, version)
    one = resolve(platform, f"{made.name}@{made.version}")
    kept = kept_card(platform, one)
    items = list(by_item(made.tripod).values())
    return {
        "version": one.name, "digest": made.digest, "made_at": made.made_at.isoformat(),
        "kept_at": None if kept is None else kept["made_at"], "counts": made.counts, "missing": list(made.missing),
        "unavailable": [each.id for each in made.answers if each.state == "unavailable"],
        "stale": [asdict(each) for each in made.stale], "keeps_back": stale_fields(platform, one),
        "tripod_ai": {name.replace(" ", "_"): items.count(name) for name in REPORTED}, "texts": made.texts,
    }  # fmt: skip


def stale_fields(platform: Platform, one: ModelWork) -> list[str]:
    """Ids of the attributes that keep a version from being promoted; those of its kept card, else of one made now.

    What nobody measured keeps a model of a patient's risk back; of taggers and generators, whom the rule does not ask,
    only what was measured and is out of date.

    raises  FormatError for a report or text that says too little
    """
    facts, now = facts_of(platform, one), platform.runtime.now()
    kept = kept_card(platform, one)
    fresh = cards.card(facts, now)
    found = cards.refusals(fresh if kept is None else kept, facts, now)
    bare = set() if facts.model.get("kind") in KINDS else {a.id for a in fresh.answers if a.state == "not computed"}
    return sorted({each.id for each in found} - bare)


def kept_card(platform: Platform, one: ModelWork) -> Json | None:
    """The card that was made last, as plain data; None where there is none yet."""
    with platform.store("identified").connect() as connection:
        return next((each.body for each in listed(connection, "card", one.parent) if each.name == one.name), None)


def facts_of(platform: Platform, one: ModelWork) -> CardFacts:
    """All that is known of a version for its card; local data are those of monitoring, else of ``local.json``.

    raises  FormatError, which names the file; IntegrityError
    """
    report, files = one.body["manifest"]["report"], load_files(platform, one)
    lineage = report["lineage"]
    model = _json(files, MODEL)
    found = {field: _judged(one, files, name) for field, name in FILES.items()}
    if found["same_source"] is None:
        found["same_source"] = _of_lineage(one, lineage.get("evaluation"))
    if "declared" in lineage:
        found = _brought_in(one, lineage, found)
    folder, now = platform.settings.models.cards, platform.runtime.now()
    here = {kind: evaluation_here(folder, one.name, kind, one.body["digest"], now) for kind in KINDS_HERE}
    then = registered_with(files, DECLARED)
    monitoring, since = watched(platform, one)
    return CardFacts(
        name=one.parent,
        version=one.body["number"],
        digest=one.body["digest"],
        registered_at=one.created,
        model=model,
        declared=_declared(platform, one, lineage, then),
        training=_json(files, TRAINING) or _mapping(lineage.get("training_set")) or _mapping(model.get("training")),
        lineage=_told(lineage, traffic_of(platform, one.parent), one.body["number"]),
        trained_here=lineage["data"]["zone"] in ("identified", "research"),
        same_source=found["same_source"],
        external=here["external"] or found["external"],
        local=since or here["local"] or found["local"],
        monitoring=monitoring,
        registered=then,
    )


def _judged(one: ModelWork, files: Mapping[str, bytes], name: str) -> Judged | None:
    report = _json(files, name)
    if not report:
        return None
    known = {"data": _data_of(one)} if name == FILES["same_source"] else {}
    try:
        return judged({**known, **report}, of=one.body["digest"], at=None if report.get("at") else one.created)
    except FormatError as error:
        raise FormatError(f"{one.name}: {name}: {error.where}", error.remedy) from error


def _of_lineage(one: ModelWork, evaluation: Any) -> Judged | None:
    """An evaluation that the signed lineage tells: of this version, as old as the version."""
    told = _mapping(evaluation)
    return judged(told, of=one.body["digest"], at=one.created) if told.get("measures") else None


def _brought_in(
    one: ModelWork, lineage: Mapping[str, Any], found: Mapping[str, Judged | None]
) -> dict[str, Judged | None]:
    """What a version was judged by that was made elsewhere: ours where it was measured here, its own as declared."""
    own = _of_lineage(one, lineage["declared"].get("evaluation"))
    is_ours = is_measured(lineage)
    said = {**found, "external": found["external"] or own} if is_ours else {**found, "same_source": own}
    marked = {name: each and replace(each, data=f"{DECLARED_DATA} {each.data}") for name, each in said.items()}
    return {**marked, "same_source": _of_lineage(one, lineage["evaluation"])} if is_ours else marked


def _data_of(one: ModelWork) -> str:
    return str(one.body["manifest"]["report"]["lineage"]["evaluation"]["data"])


def _declared(platform: Platform, one: ModelWork, lineage: Mapping[str, Any], then: Declarations) -> Declarations:
    """What came with the version, over it what this installation says now.

    A training here registers what ships with the task. Of others what ships stands below: as far as it is true of a
    version that was brought in.
    """
    is_carried = "task" in lineage and bool(then.texts)
    known = then if is_carried else shipped(one.parent, is_ours="declared" not in lineage).over(then)
    return known.over(said_here(platform.settings.models.cards, one.parent))


def _told(lineage: Mapping[str, Any], traffic: Mapping[str, Any], number: int) -> Json:
    """What the card shows of the lineage: where code, data and environment are found again, and who answers."""
    aliases = [name for name in ("champion", "challenger", "shadow") if traffic.get(name) == number]
    return {
        "code": lineage["code"].get("revision") or lineage["code"]["sources_sha256"],
        "environment": lineage["environment"]["sha256"],
        "snapshot": lineage["data"]["snapshot"],
        "zone": lineage["data"]["zone"],
        "seeds": ", ".join(f"{name} {value}" for name, value in lineage["seeds"].items()),
        "training": lineage["training"],
        "pipeline": lineage["pipeline"],
        "aliases": aliases,
    }


def _json(files: Mapping[str, bytes], name: str) -> Json:
    """A file of a version as an object; empty where it is not there. raises FormatError"""
    if name not in files:
        return {}
    try:
        found = orjson.loads(files[name])
    except orjson.JSONDecodeError as error:
        raise FormatError(
            f"{name}: it is no JSON", "Register the version again with the file as it was written."
        ) from error
    return _mapping(found)


def _mapping(value: Any) -> Json:
    return dict(value) if isinstance(value, Mapping) else {}
