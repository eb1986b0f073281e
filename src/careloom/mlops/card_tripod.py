"""Which items of TRIPOD+AI the card of a version reports, and from what.

source  Collins GS and others, BMJ 2024;385:e078378
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from careloom.mlops.card_answers import Answer
from careloom.mlops.card_attributes import read
from careloom.mlops.card_facts import CardFacts
from careloom.mlops.card_study import STUDY

Reported = Literal["reported", "partly", "not reported"]
REPORTED: tuple[Reported, ...] = ("reported", "partly", "not reported")


@dataclass(frozen=True, slots=True)
class Item:
    """One item or sub-item.

    applies  D (development), E (evaluation) or D;E
    where    the attributes that report it; what lacks is named in `lacking`
    text     what the card itself tells of it, beside attributes of HTI-1
    """

    item: str
    topic: str
    applies: str
    wording: str
    state: Reported
    where: tuple[str, ...]
    lacking: tuple[str, ...]
    text: str

    @property
    def number(self) -> int:
        """1 to 27."""
        return int(self.item.rstrip("abcdefg"))


def coverage(facts: CardFacts, answers: Mapping[str, Answer]) -> tuple[Item, ...]:
    """Every item and sub-item in the order of the checklist.

    answers  attributes of HTI-1 and what else is declared, by id
    """
    study = {name: told for name, tell in STUDY.items() if (told := tell(facts)) is not None}
    return tuple(_item(one, study, answers) for one in read("tripod_ai")["items"])


def _item(one: Mapping[str, str], study: Mapping[str, str], answers: Mapping[str, Answer]) -> Item:
    where = tuple(name for name in one["from"] if name in study or _is_told(answers.get(name)))
    lacking = tuple(name for name in one["from"] if name not in where)
    state: Reported = "reported" if not lacking else "partly" if where else "not reported"
    text = " ".join(study[name] for name in where if name in study)
    return Item(one["item"], one["topic"], one["applies"], one["wording"], state, where, lacking, text)


def _is_told(answer: Answer | None) -> bool:
    """A checklist lets many items be answered by "there is none", and wants that said."""
    return answer is not None and (answer.is_filled or answer.state == "unavailable")


def by_item(items: Iterable[Item]) -> dict[int, Reported]:
    """Number -> state over its sub-items: reported where all are, not reported where none is."""
    states: dict[int, set[Reported]] = {}
    for one in items:
        states.setdefault(one.number, set()).add(one.state)
    return {number: told.pop() if len(told) == 1 else "partly" for number, told in states.items()}
