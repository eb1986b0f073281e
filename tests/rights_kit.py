"""What tests of patients' rights share: a hospital of three patients, and people who may different things."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from careloom.runtime import Runtime
from careloom.services.access import Principal
from careloom.services.erase import erase
from careloom.services.platform import Platform
from careloom.services.search import search
from careloom.settings import Settings
from tests.api.kit import Clock
from tests.journeys.two_patients import ALDA, BRAM, write_feeds
from tests.vault_kit import Hospital

Json = dict[str, Any]
EVERYWHERE = frozenset({"landing", "identified", "research", "synthetic"})
OFFICER = Principal("petra.privacy", frozenset({"privacy-officer"}), EVERYWHERE)
ENGINEER = Principal("ed.engineer", frozenset({"data-engineer"}), EVERYWHERE)
CLINICIAN = Principal("cleo.clinician", frozenset({"clinician"}), frozenset({"identified"}))
SCIENTIST = Principal("sid.scientist", frozenset({"data-scientist"}), frozenset({"research", "synthetic"}))
GIVEN_UP = ("p1", "Patient/p1")
QUERIES = (
    "Patient?_sort=_id", "Observation?_sort=_id", "Patient?family=Ottenbrook", "Patient?family=Brandywine",
    "Patient?identifier=MRN-730015", "Observation?code=8867-4&_total=accurate", "Organization?_sort=_id",
)  # fmt: skip
__all__ = ["ALDA", "BRAM", "write_feeds"]


def answers(made: Hospital, without: str = "") -> Json:
    """What searches find, without one patient's resources and without totals that count them."""
    found: Json = {}
    for query in QUERIES:
        page = search(made.platform, made.operator, "identified", query)
        found[query] = [one.resource() for one in page.found if not without or without not in one.content.decode()]
    return found


def erase_apart(settings: Settings, clock: Clock, patient: str) -> None:
    """Erases a patient of an installation that another process may have open, too."""
    with Platform(settings, Runtime(clock=clock)) as platform:
        erase(platform, OFFICER, patient)


@contextmanager
def hospital(folder: Path, **settings: Any) -> Iterator[Hospital]:
    """Three patients of the vault's feed in the identified and the research zone."""
    made = Hospital(folder, **settings)
    try:
        yield made
    finally:
        made.close()
