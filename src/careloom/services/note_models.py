"""What reads notes: the components with their versions, and the trained models that ship, each with its card."""

import io
import json
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from careloom.errors import SetupError
from careloom.runtime import packaged, packaged_names
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.annotate import ZONES
from careloom.services.note_reader import champion_tagger, reader_in_force
from careloom.services.platform import Platform

OPERATION = "analyze-models"
_LICENCES = ("licence", "licences")
Json = dict[str, Any]


def note_models(platform: Platform, who: Principal) -> Json:
    """``reader``: name, version and ``components``; ``models``: the archives that ship with the reader.

    Where the registry's champion finds entities, it comes first, and its ``file`` is the version's name.
    A model has ``file``, ``name``, ``version``, ``licences``, ``labels``, ``sha256`` of its archive, ``bytes``, and the
    whole ``card`` as its training wrote it.

    raises  AccessError; SetupError where a model does not load
    """
    zone = next((one for one in ZONES if who.may("annotate", one)), ZONES[0])
    admit(platform, who, "annotate", zone, operation=OPERATION)
    reader, champion = reader_in_force(platform), champion_tagger(platform)
    components = [{"name": name, "version": version} for name, version in reader.readers.items()]
    models = [card_of(name, packaged("nlp", name)) for name in packaged_names("nlp", "models", ".zip")]
    if champion is not None:
        models.insert(0, card_of(champion.version, champion.archive))
    note(platform, who, OPERATION, zone, detail={"models": len(models)})
    return {"reader": {"name": reader.name, "version": reader.version, "components": components}, "models": models}


def card_of(file: str, archive: bytes) -> Json:
    """What an archive says of itself, as `note_models` gives it; lists that its card lacks are empty.

    raises  SetupError where it is no archive with a card
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as members:
            card = json.loads(members.read("card.json"))
            heads = json.loads(members.read("heads.json")) if "heads.json" in members.namelist() else {}
    except (KeyError, ValueError, zipfile.BadZipFile):
        raise SetupError(f"{file} is no model with a card", "Install Careloom again.") from None
    stem = file.rpartition("/")[2].removesuffix(".zip")
    return {
        "file": file,
        "name": str(card.get("name", stem)),
        "version": str(card.get("version", "")),
        "licences": _licences(card),
        "labels": _labels(card, heads),
        "sha256": sha256(archive).hexdigest(),
        "bytes": len(archive),
        "card": card,
    }


def _licences(told: Any) -> list[str]:
    """Every licence that the card names anywhere, once, sorted; with the part that bears it where it says that."""
    if isinstance(told, list):
        return sorted({one for each in told for one in _licences(each)})
    if not isinstance(told, Mapping):
        return []
    found = {one for key, each in told.items() if key not in _LICENCES for one in _licences(each)}
    for each in (told[key] for key in _LICENCES if key in told):
        if isinstance(each, Mapping):
            found |= {f"{part}: {licence}" for part, licence in each.items()}
        else:
            found |= set(map(str, each)) if isinstance(each, list) else {str(each)}
    return sorted(found)


def _labels(card: Mapping[str, Any], heads: Mapping[str, list[str]]) -> list[str]:
    """What the model tells apart, sorted, without the marks of where a run begins and goes on."""
    told = card.get("types", card.get("labels", []))
    said = [label for labels in heads.values() for label in labels] or [str(one) for one in told]
    return sorted({label.partition("-")[2] if label[:2] in ("B-", "I-") else label for label in said} - {"O"})
