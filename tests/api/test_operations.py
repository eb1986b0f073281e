"""How everything is that an installation depends on, told to operators and to Prometheus."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.runtime import Runtime
from careloom.services import dependencies
from tests.api.kit import BASE_URL, Clock, Installation
from tests.redis_kit import redis_server

HEALTH = "/api/v1/health"
LOOKS = "/api/v1/quality/looks"


def told(made: Installation) -> dict[str, Any]:
    answer = made.client.get(HEALTH, headers=made.bearer())
    assert answer.status_code == 200
    return {one["name"]: one for one in answer.json["dependencies"]} | {"": answer.json["state"]}  # type: ignore[index]


@contextmanager
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_new_installation_is_well_and_says_what_it_does_not_need(installation: Installation) -> None:
    found = told(installation)
    assert {name: one["state"] for name, one in found.items() if name} == {
        "keys": "ok", "store-identified": "ok", "store-research": "off", "store-synthetic": "off", "queue": "off",
        "worker": "off", "disk": "ok", "signing-keys": "ok", "retraining": "ok", "redis": "off", "mlflow": "off",
        "collector-metrics": "off", "collector-traces": "off",
    }  # fmt: skip
    assert found[""] == "ok"
    assert found["disk"]["numbers"]["free_bytes"] > 0


def test_jobs_that_wait_without_a_worker_are_told(tmp_path: Path) -> None:
    clock = Clock()
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        made.client.post(LOOKS, headers=made.bearer(), json={"zone": "identified"})
        clock.move(seconds=90)
        found = told(made)
        assert (found["worker"]["state"], found["worker"]["reason"], found[""]) == ("failed", "setup", "degraded")
        assert found["queue"]["numbers"] == {"waiting": 1.0, "oldest_waiting_seconds": 90.0}
        clock.move(seconds=dependencies.LONG_SECONDS)
        assert (told(made)["queue"]["state"], told(made)["queue"]["reason"]) == ("degraded", "waits-long")
        with made.platform.jobs() as jobs, jobs.only_worker():
            assert told(made)["worker"]["state"] == "ok"


def test_services_in_the_network_are_asked(tmp_path: Path) -> None:
    with redis_server(tmp_path) as address, listening() as port:
        sections = {
            "api": {"rate_storage": address},
            "traces": {"otlp": ""},
            "models": {"tracking_uri": f"http://127.0.0.1:{port}"},
        }
        with Installation(tmp_path, **sections) as made:
            found = told(made)
            assert (found["redis"]["state"], found["mlflow"]["state"], found[""]) == ("ok", "ok", "ok")
    with Installation(tmp_path / "later", **sections) as made:
        found = told(made)
    assert (found["redis"]["state"], found["redis"]["reason"]) == ("failed", "ConnectionError")
    assert (found["mlflow"]["state"], found["mlflow"]["reason"]) == ("failed", "ConnectionRefusedError")
    assert found[""] == "degraded"


def test_a_disk_that_runs_full_is_told(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "LOW_SHARE", 1.0)
    found = told(installation)["disk"]
    assert (found["state"], found["reason"]) in (("degraded", "disk-low"), ("failed", "OSError"))


def test_what_is_vital_decides() -> None:
    of = dependencies.Dependency
    assert dependencies.state_of([of("keys", "failed"), of("redis", "ok")]) == "failed"
    assert dependencies.state_of([of("keys", "ok"), of("redis", "failed")]) == "degraded"
    assert dependencies.state_of([of("keys", "ok"), of("redis", "off")]) == "ok"


def test_prometheus_sees_the_same(installation: Installation) -> None:
    installation.client.post(LOOKS, headers=installation.bearer(), json={"zone": "identified"})
    text = installation.client.get("/metrics", headers=installation.bearer()).get_data(as_text=True)
    for line in (
        'careloom_dependency_up{name="keys"} 1.0', 'careloom_dependency_up{name="worker"} 0.0',
        "careloom_queue_waiting 1.0",
    ):  # fmt: skip
        assert line in text
    for name in ("careloom_dependency_seconds", "careloom_queue_oldest_waiting_seconds", "careloom_disk_free_bytes"):
        assert f"# TYPE {name} gauge" in text
    assert 'careloom_dependency_up{name="redis"}' not in text


def test_prometheus_sees_how_long_writes_and_their_commits_took(installation: Installation) -> None:
    def counted(name: str) -> float:
        text = installation.client.get("/metrics", headers=installation.bearer()).get_data(as_text=True)
        assert f'{name}_bucket{{le="0.001"}}' in text
        return next(float(line.split(" ")[1]) for line in text.splitlines() if line.startswith(f"{name}_count "))

    names = ["careloom_store_write_seconds", "careloom_store_commit_seconds"]
    before = [counted(name) for name in names]
    installation.ingest()
    assert all(counted(name) > then for name, then in zip(names, before, strict=True))
    assert counted("careloom_score_seconds") >= 0


def test_the_sdk_asks_the_same(installation: Installation) -> None:
    import httpx

    with Careloom(BASE_URL, Bearer(installation.token()), transport=httpx.WSGITransport(app=installation.app)) as api:
        found = api.health()
    assert found.state == "ok"
    assert {one.name: one.state for one in found.dependencies}["keys"] == "ok"
