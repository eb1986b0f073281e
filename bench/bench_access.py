"""What it costs to decide: one decision, the look for consents, and reads and searches where many patients withhold."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from careloom.services.access import ZONES, Principal, local_operator
from careloom.services.access_decision import Ask, decide
from careloom.services.disclosures import PatientAsk, patient_views
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.records import read
from careloom.services.search import search
from careloom.services.sight import view_of
from careloom.settings import Data, Settings
from measure import cpu_seconds, report

WITHHOLDING, OBSERVATIONS, TIMES = 1_000, 2_000, 200
DOCTOR = Principal("dr.weber", frozenset({"clinician"}), ZONES, purpose="TREAT")
OFFICER = Principal("officer", frozenset({"privacy-officer"}), ZONES)


def patient(name: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "gender": "female"}


def observation(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": f"o{number}", "status": "final", "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    }  # fmt: skip


def consent(name: str) -> dict[str, Any]:
    return {
        "resourceType": "Consent", "id": f"c-{name}", "status": "active", "provision": {"type": "deny"},
        "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "x"}]}],
        "patient": {"reference": f"Patient/{name}"}, "policy": [{"uri": "urn:policy"}],
    }  # fmt: skip


def feed(platform: Platform, folder: Path, name: str, resources: list[dict[str, Any]]) -> None:
    file = folder / f"{name}.ndjson"
    file.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in resources))
    ingest(platform, local_operator("bench"), IngestAsk((file,)))


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    return 1000 * cpu_seconds(lambda: [work() for _ in range(TIMES)]) / TIMES


def measure(platform: Platform, name: str, when: str) -> None:
    kind, zone = "Observation", "identified"
    query = "Observation?code=http://loinc.org|8867-4&_count=20"
    report(
        f"look for consents, {when}", milliseconds(lambda: view_of(platform, DOCTOR, zone)), "ms", lower_is_better=True
    )
    report(f"read, {when}", milliseconds(lambda: read(platform, DOCTOR, zone, kind, name)), "ms", lower_is_better=True)
    report(f"search, page of 20, {when}", milliseconds(lambda: search(platform, DOCTOR, zone, query)), "ms",
           lower_is_better=True)  # fmt: skip


if __name__ == "__main__":
    ask = Ask("read", "identified", "Observation", frozenset({"p"}))
    report("one decision", 1000 * milliseconds(lambda: decide(DOCTOR, ask)), "us", lower_is_better=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Platform(Settings(data=Data(directory=folder / "data"))) as opened:
            feed(opened, folder, "first", [patient("p"), *map(observation, range(OBSERVATIONS))])
            one = opened.names.resource_id(opened.settings.ingest.source, "Observation", "o1")
            measure(opened, one, "no Consent in the zone")
            names = [f"q{number}" for number in range(WITHHOLDING)]
            feed(opened, folder, "second", [*map(patient, names), *map(consent, names)])
            measure(opened, one, f"{WITHHOLDING} patients withhold everything")
            seen = patient_views(opened, OFFICER, PatientAsk("Patient/p"))["total"]
            spent = cpu_seconds(lambda: patient_views(opened, OFFICER, PatientAsk("Patient/p")))
            report(f"who saw a patient, {seen} events", spent, "s", lower_is_better=True)
