"""The reader that ships: every component of this room, in the order in which they read."""

from hashlib import blake2b

from careloom.nlp.assertion import Assertions
from careloom.nlp.component import Component
from careloom.nlp.drug_status import DrugStatus
from careloom.nlp.entities import MODEL, Entities, PackagedTagger
from careloom.nlp.lexicon import Lexicon
from careloom.nlp.linking import Linker
from careloom.nlp.quantities import Quantities
from careloom.nlp.reader import NoteReader
from careloom.nlp.relations import Relations
from careloom.nlp.sections import Sections
from careloom.nlp.social import Social
from careloom.nlp.splitting import Sentences
from careloom.nlp.timeline import Timeline
from careloom.nlp.times import Times
from careloom.nlp.tone import Tone
from careloom.runtime import packaged
from careloom.terminology.concepts import Terminology


def reader(terminology: Terminology, *, rerank: bool = False) -> NoteReader:
    """The whole reader. Loads its models; keep it.

    terminology  what codes are looked up in: loaded releases before those that ship
    rerank       the likeliest names of problems and symptoms are ranked anew by the encoder
    raises       SetupError where a model does not load
    """
    return NoteReader(finders(terminology, rerank=rerank), joiners(), {"terminology": releases_of(terminology)})


def releases_of(terminology: Terminology) -> str:
    """A digest of all releases that are known: with another release a note may get other codes."""
    known = sorted(f"{one.system}|{one.version}" for one in terminology.releases())
    return blake2b("\n".join(known).encode(), digest_size=6).hexdigest()


def linker(terminology: Terminology, *, rerank: bool = False) -> Linker:
    """The component that gives codes, as `reader` has it."""
    return Linker.packaged(terminology, rerank=rerank)


def finders(terminology: Terminology, *, rerank: bool = False) -> list[Component]:
    """Components that find annotations or say more about them."""
    tagger = PackagedTagger(packaged("nlp", MODEL))
    entities = Entities(tagger, tagger.digest[:12])
    return [
        Sections(),
        Sentences(),
        entities,
        Times(),
        Lexicon(),
        Quantities(),
        Social(),
        Assertions(),
        DrugStatus(),
        linker(terminology, rerank=rerank),
    ]


def joiners() -> list[Component]:
    """Components that say how annotations belong together."""
    return [Relations(), Timeline(), Tone()]
