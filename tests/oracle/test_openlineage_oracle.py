"""Our OpenLineage events against the classes of `openlineage-python`."""

import json
from datetime import UTC, datetime

from careloom.pipeline.manifest import FileEntry, RunManifest, as_openlineage
from tests.later import Later

events, serde = Later("openlineage.client.event_v2"), Later("openlineage.client.serde")


def test_events_are_those_that_the_client_library_would_write() -> None:
    started, ended = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), datetime(2024, 5, 6, 7, 9, 0, tzinfo=UTC)
    files = [FileEntry(manifest_id="one", format="fhir"), FileEntry(manifest_id="two", format="csv")]
    manifest = RunManifest("20240506T070809Z-abcdef", "ingest", [("convert", "1")], "00", started, ended, files)
    ours = as_openlineage(manifest)
    assert [event["eventType"] for event in ours] == ["START", "COMPLETE"]
    for event, state, time in zip(
        ours, (events.RunState.START, events.RunState.COMPLETE), (started, ended), strict=True
    ):
        foreign = events.RunEvent(
            eventType=state,
            eventTime=time.isoformat(),
            run=events.Run(runId=event["run"]["runId"]),
            job=events.Job(namespace="careloom", name="ingest"),
            producer=event["producer"],
            inputs=[events.InputDataset(namespace="landing", name=file.manifest_id) for file in files],
            outputs=[events.OutputDataset(namespace="identified", name="fhir")],
        )
        assert event == json.loads(serde.Serde.to_json(foreign))


def test_a_run_that_has_not_ended_has_only_started() -> None:
    manifest = RunManifest("run", "ingest", [], "00", datetime(2024, 5, 6, tzinfo=UTC))
    assert [event["eventType"] for event in as_openlineage(manifest)] == ["START"]
