"""The reader of notes as it is in force: entities by the champion that was approved, everything else as it ships.

Which model that is, `annotate.tagger` of the settings says. Who is champion is asked each time that a reader is asked
for, so a promotion or a rollback needs no restart; a run keeps the reader that it began with.
"""

from dataclasses import dataclass
from hashlib import sha256

from careloom.errors import Conflict, NotFound, SetupError
from careloom.nlp.entities import Entities, PackagedTagger
from careloom.nlp.reader import NoteReader
from careloom.services.models import open_version
from careloom.services.models_kept import traffic_of, version_name
from careloom.services.platform import Platform

ARCHIVE = "tagger.zip"
"""The file of a version that holds the tagger."""
_KEPT = "champion_tagger"


@dataclass(frozen=True, slots=True)
class Champion:
    """A tagger that answers: its version's name and digest, and its archive."""

    version: str
    digest: str
    archive: bytes
    entities: Entities


def reader_in_force(platform: Platform, *, rerank: bool = False) -> NoteReader:
    """The reader, with the champion's entities where there is a champion.

    raises  SetupError where a model does not load; IntegrityError where the champion is not as it was signed
    """
    shipped = platform.reranking_reader if rerank else platform.note_reader
    champion = champion_tagger(platform)
    return shipped if champion is None else shipped.with_finder(champion.entities)


def champion_tagger(platform: Platform) -> Champion | None:
    """The tagger that a second person approved and that answers now; None where what ships does."""
    name = platform.settings.annotate.tagger
    if not name or not platform.has_store("identified"):
        return None
    number = traffic_of(platform, name)["champion"]
    if number is None:
        return None
    version = version_name(name, number)
    kept: Champion | None = platform.__dict__.get(_KEPT)
    if kept is None or kept.version != version:
        kept = _opened(platform, version)
        platform.__dict__[_KEPT] = kept
    return kept


def _opened(platform: Platform, version: str) -> Champion | None:
    try:
        one, files = open_version(platform, version)
    except (NotFound, Conflict):  # it was taken out since the alias was read
        return None
    if ARCHIVE not in files:
        raise SetupError(f"{version} holds no {ARCHIVE}", "Register a tagger, or name its model in [annotate] tagger.")
    archive = files[ARCHIVE]
    entities = Entities(PackagedTagger(archive), sha256(archive).hexdigest()[:12])
    return Champion(version, str(one.body["digest"]), archive, entities)
