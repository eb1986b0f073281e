"""What tests of the pseudonym vault share: people who may different things, and a research zone of three patients."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from careloom.runtime import Runtime
from careloom.services.access import Principal
from careloom.services.deidentify import deidentify
from careloom.services.vault import Question
from careloom.services.vault_epochs import current, naming
from tests.api.kit import Clock, Installation

Json = dict[str, Any]
MRN = "http://hospital.example/mrn"
REASON = "Quillfeather's potassium is critical, her ward must know"
HERE = frozenset({"identified"})
STEWARD = Principal("sam.steward", frozenset({"data-steward"}), HERE)
OTHER_STEWARD = Principal("stella.steward", frozenset({"data-steward"}), HERE)
OFFICER = Principal("petra.privacy", frozenset({"privacy-officer"}), HERE)
SECOND_OFFICER = Principal("paul.privacy", frozenset({"privacy-officer"}), HERE)


def patient(name: str, family: str, number: str) -> Json:
    return {"resourceType": "Patient", "id": name, "name": [{"family": family}], "gender": "female",
            "birthDate": "1961-04-05", "identifier": [{"system": MRN, "value": number}]}  # fmt: skip


def pulse(name: str, of: str) -> Json:
    return {
        "resourceType": "Observation", "id": name, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{of}"}, "effectiveDateTime": "2026-01-02T03:04:05Z",
        "valueQuantity": {"value": 71, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }  # fmt: skip


FEED = [
    patient("p1", "Quillfeather", "MRN-730014"), patient("p2", "Ottenbrook", "MRN-730015"),
    patient("p3", "Brandywine", "MRN-730016"), pulse("o1", "p1"), pulse("o2", "p2"),
    {"resourceType": "Organization", "id": "g1", "name": "Kaltenbach Clinic"},
]  # fmt: skip


class Hospital(Installation):
    """An installation with a clock that its test moves, and a research zone.

    With usual settings it is a copy of one that the process made once, keys and all.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        if not settings:
            shutil.copytree(_made_once(), folder, dirs_exist_ok=True)
        super().__init__(folder, Runtime(clock=self.clock), **settings)
        if settings:
            self.fill()
        else:
            self.clock.move(minutes=2)

    def fill(self) -> None:
        """Brings the feed in, and makes the research zone."""
        self.ingest(FEED)
        self.deidentify()

    def deidentify(self) -> Json:
        self.clock.move(minutes=1)
        report = deidentify(self.platform, self.operator).as_json()
        self.clock.move(minutes=1)
        return report

    def name(self, kind: str, original: str) -> str:
        """The pseudonym under the current epoch, as ``Type/name``."""
        rename = naming(self.platform, current(self.platform)).rename
        return f"{kind}/{rename(kind, self.stored_id(kind, original))}"

    def question(self, *originals: str, **more: Any) -> Question:
        """About ``Type/id`` of the feed."""
        names = tuple(self.name(*one.split("/")) for one in originals or ("Patient/p1",))
        return Question(names, more.pop("reason", REASON), more.pop("purpose", "TREAT"), **more)

    def research_ids(self) -> set[str]:
        return set(self.platform.store("research").all_names())

    def last_event(self) -> Json:
        return self.events()[-1]

    def bytes_kept(self) -> bytes:
        """Everything that lies under the data directory but the keys."""
        return b"".join(
            file.read_bytes()
            for file in (self.folder / "data").rglob("*")
            if file.is_file() and "keys" not in file.parts
        )


@cache
def _made_once() -> Path:
    """The folder of a filled hospital that nobody has open."""
    folder = Path(tempfile.mkdtemp(prefix="careloom-hospital-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Installation(folder, Runtime(clock=(clock := Clock()))) as made:
        made.ingest(FEED)
        clock.move(minutes=1)
        deidentify(made.platform, made.operator)
    return folder


@contextmanager
def hospital(folder: Path, **settings: Any) -> Iterator[Hospital]:
    made = Hospital(folder, **settings)
    try:
        yield made
    finally:
        made.close()
