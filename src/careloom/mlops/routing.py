"""Which version answers for a patient: by a keyed hash, so that one patient is always answered by the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

_SCALE = 1 << 64


@dataclass(frozen=True, slots=True)
class Arms:
    """Who answers and who only listens: numbers of versions.

    answers  its score is shown; None where the model has no champion
    arm      champion or challenger
    listens  the shadow: it scores the same patient, and nobody is shown what it says; None for none
    """

    answers: int | None
    arm: str
    listens: int | None


def place_of(key: bytes, model: str, patient: str) -> float:
    """Where a patient lies in 0..1, evenly, for one model: nobody without the key can tell, and it never moves.

    key      32 bytes, of this installation
    patient  the keyed pseudonym
    source   BLAKE2b with a key: RFC 7693 (2015)
    """
    told = blake2b(f"{model}\0{patient}".encode(), key=key, digest_size=8).digest()
    return int.from_bytes(told, "big") / _SCALE


def arms(traffic: Mapping[str, Any], place: float) -> Arms:
    """Who answers for a patient at a place: the challenger below its share, else the champion.

    A patient whom the challenger answers for stays with it when the share grows.
    """
    challenger, champion = traffic["challenger"], traffic["champion"]
    if challenger is not None and place < float(traffic["share"]):
        return Arms(challenger, "challenger", traffic["shadow"])
    return Arms(champion, "champion", traffic["shadow"])
