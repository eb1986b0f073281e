"""What a run read, did and made: the run manifest, as JSON, as OpenLineage events and as FHIR Provenance."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import careloom
from careloom.issues import Issue
from careloom.pipeline.pipeline import Pipeline, StageCount

LINEAGE_NAMESPACE = "careloom"
RUN_EVENT_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
RUN_NAMESPACE = UUID("6f0c4f2e-2f5b-5d0e-9d0f-5a8b2a9f7c11")
"""Namespace of the run ids that OpenLineage wants as UUIDs; ours, made once."""


@dataclass(slots=True)
class FileEntry:
    """One input file (or archive member) of a run.

    manifest_id  keyed hash that names the file's manifest in the landing zone; the file's name stays sealed there
    format       what its content was recognised as
    state        ``complete``; ``unchanged`` when an earlier run had read the same bytes to their end; ``unreadable``
                 when the system did not let it be read to its end
    records      all records of the file = known + stored + kept + quarantined + erased
    known        committed by an earlier run that was interrupted, or by the run that read the same bytes before
    kept         in the landing zone only: headers, envelopes, entries that carry no resource
    erased       about a patient who was erased: not kept at all
    resources    made from the stored records
    root         Merkle root over the keyed record hashes, in hex
    """

    manifest_id: str = ""
    format: str = ""
    state: str = "complete"
    bytes: int = 0
    records: int = 0
    known: int = 0
    stored: int = 0
    kept: int = 0
    quarantined: int = 0
    erased: int = 0
    resources: int = 0
    root: str = ""


@dataclass(slots=True)
class RunManifest:
    """Everything an auditor needs to repeat a run and to know that it gave the same.

    actor    who asked for it
    issues   (code, severity) -> count
    output   canonical content hash of the zone after the run, in hex; empty until asked for
    """

    run_id: str
    pipeline: str
    stages: list[tuple[str, str]]
    config_hash: str
    started: datetime
    ended: datetime | None = None
    files: list[FileEntry] = field(default_factory=list)
    counts: dict[str, StageCount] = field(default_factory=dict)
    issues: dict[tuple[str, str], int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    output: str = ""
    actor: str = ""

    @classmethod
    def begin(cls, run_id: str, pipeline: Pipeline, started: datetime, actor: str = "") -> "RunManifest":
        """The manifest of a run that starts now."""
        stages = [(stage.name, stage.version) for stage in pipeline.stages]
        return cls(run_id, pipeline.name, stages, pipeline.config_hash, started, actor=actor)

    def count(self, counts: dict[str, StageCount]) -> None:
        """Adds one batch's counts."""
        for name, count in counts.items():
            self.counts.setdefault(name, StageCount()).add(count)

    def note(self, issue: Issue) -> None:
        """Counts one issue."""
        key = (issue.code, issue.severity)
        self.issues[key] = self.issues.get(key, 0) + 1

    @property
    def records(self) -> int:
        """Records that the run met in its files."""
        return sum(file.records for file in self.files)

    @property
    def quarantined(self) -> int:
        """Records that stand in quarantine."""
        return sum(file.quarantined for file in self.files)

    def as_json(self) -> dict[str, Any]:
        """The manifest as plain JSON."""
        return {
            "run_id": self.run_id,
            "careloom": careloom.__version__,
            "pipeline": self.pipeline,
            "actor": self.actor,
            "stages": [{"name": name, "version": version} for name, version in self.stages],
            "config_hash": self.config_hash,
            "started": self.started.isoformat(),
            "ended": self.ended.isoformat() if self.ended else None,
            "files": [
                {name: getattr(file, name) for name in FileEntry.__dataclass_fields__} for file in self.files
            ],
            "counts": {
                name: {"in": c.entered, "out": c.left, "refused": c.refused, "merged": c.merged,
                       "seconds": round(c.seconds, 3)}
                for name, c in self.counts.items()
            },
            "issues": self.issues_as_json(),
            "written": dict(sorted(self.written.items())),
            "output": self.output,
        }  # fmt: skip

    def issues_as_json(self) -> list[dict[str, Any]]:
        """code, severity and count of each kind of issue, sorted."""
        return [
            {"code": code, "severity": severity, "count": count}
            for (code, severity), count in sorted(self.issues.items())
        ]

    def as_provenance(self) -> dict[str, Any]:
        """The run as a FHIR R4 Provenance: what it made of which files, by which software."""
        system = "urn:careloom:manifest"
        files = [{"identifier": {"system": system, "value": file.manifest_id}} for file in self.files]
        return {
            "resourceType": "Provenance",
            "id": self.run_id,
            "target": [{"identifier": {"system": "urn:careloom:run", "value": self.run_id}}],
            "occurredPeriod": {"start": self.started.isoformat()}
            | ({"end": self.ended.isoformat()} if self.ended else {}),
            "recorded": (self.ended or self.started).isoformat(),
            "activity": {"text": self.pipeline},
            "agent": [
                {
                    "type": {
                        "coding": [
                            {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                             "code": "assembler"}
                        ]
                    },
                    "who": {"display": f"careloom {careloom.__version__}"},
                }
            ],
        } | ({"entity": [{"role": "source", "what": file} for file in files]} if files else {})  # fmt: skip


def as_openlineage(manifest: RunManifest) -> list[dict[str, Any]]:
    """START and COMPLETE events of the run, as OpenLineage's RunEvent; datasets are keyed manifest ids.

    source  OpenLineage specification 2-0-2, RunEvent; compared with `openlineage-python` in tests, which takes half a
            second to import and so is no part of a run
    """
    producer = f"urn:careloom:release:{careloom.__version__}"
    times = [("START", manifest.started), ("COMPLETE", manifest.ended)]
    return [
        {
            "eventType": state,
            "eventTime": time.isoformat(),
            "run": {"runId": str(uuid5(RUN_NAMESPACE, manifest.run_id)), "facets": {}},
            "job": {"namespace": LINEAGE_NAMESPACE, "name": manifest.pipeline, "facets": {}},
            "inputs": [
                {"namespace": "landing", "name": file.manifest_id, "facets": {}, "inputFacets": {}}
                for file in manifest.files
            ],
            "outputs": [{"namespace": "identified", "name": "fhir", "facets": {}, "outputFacets": {}}],
            "producer": producer,
            "schemaURL": RUN_EVENT_SCHEMA,
        }
        for state, time in times
        if time is not None
    ]
