"""The registry: a version is registered once with its lineage, signed, sealed, verified; nothing of it changes."""

import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from careloom.errors import AccessError, Conflict, FormatError, IntegrityError, NotFound, QueryError
from careloom.services.access import Principal
from careloom.services.models import RegisterAsk, models, open_version, register, shown, verify
from careloom.services.models_environment import code, environment, revision_of
from careloom.services.models_kept import folder_of
from careloom.services.platform import Platform
from careloom.store.jobs import Jobs
from tests.api.kit import Installation
from tests.models_kit import ENGINEER, GATES, MODEL, SCIENTIST, SECOND, trained


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates/small.toml").write_text(GATES)
    with Installation(tmp_path, models={"gates": tmp_path / "gates"}) as made:
        yield made


def ask(**more: Any) -> RegisterAsk:
    one = trained()
    given = {
        "model": MODEL,
        "files": one.files,
        "lineage": one.lineage,
        "gates": "small",
        "reason": "the first",
        **more,
    }
    return RegisterAsk(**given)


def test_a_version_tells_its_code_environment_data_and_measures(place: Installation) -> None:
    made = register(place.platform, ENGINEER, ask())
    assert (made["version"], made["state"], made["passed"], made["registrar"]) == (
        f"{MODEL}@1",
        "registered",
        True,
        "edda",
    )
    lineage = made["lineage"]
    assert lineage["code"]["sources_sha256"] == code()["sources_sha256"]
    assert lineage["environment"]["sha256"] == made["files"]["environment.txt"]["sha256"] == environment()[0]["sha256"]
    assert lineage["evaluation"]["measures"]["auroc"]["low"] > 0.9
    assert verify(place.platform, SECOND, made["version"])["whole"]
    one, files = open_version(place.platform, f"{MODEL}@1")
    assert files["model.json"] == trained().files["model.json"]
    assert one.name == f"{MODEL}@1"


def test_a_package_that_came_or_went_is_told_by_the_next_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    before = environment()
    came = tmp_path / "quill_feather-1.2.dist-info"
    came.mkdir()
    (came / "METADATA").write_text("Metadata-Version: 2.1\nName: Quill_Feather\nVersion: 1.2\n")
    told, lock = environment()
    assert set(lock.splitlines()) - set(before[1].splitlines()) == {b"quill-feather==1.2"}
    assert (told["packages"], told["sha256"] == before[0]["sha256"]) == (before[0]["packages"] + 1, False)
    rmtree(came)
    assert environment() == before


def test_the_next_version_gets_the_next_number_and_the_first_stays(place: Installation) -> None:
    first = register(place.platform, ENGINEER, ask())
    second = register(place.platform, ENGINEER, ask(files=trained(5).files, reason="the second"))
    assert second["version"] == f"{MODEL}@2"
    assert [one["version"] for one in models(place.platform, SECOND)] == [f"{MODEL}@2", f"{MODEL}@1"]
    assert shown(place.platform, SECOND, f"{MODEL}@1")["digest"] == first["digest"] != second["digest"]


def sealed(platform: Platform) -> list[Path]:
    return sorted((folder_of(platform) / "artefacts").rglob("*.sealed"))


def cut(platform: Platform) -> None:
    for file in sealed(platform):
        file.write_bytes(file.read_bytes()[:-1])


def swap(platform: Platform) -> None:
    one, other = (file for file in sealed(platform) if "/1/" in str(file))
    one.write_bytes(other.read_bytes())


def lose(platform: Platform) -> None:
    sealed(platform)[0].unlink()


def another_version(platform: Platform) -> None:
    """A file of version 2, whole as it was sealed, in the place of version 1's."""
    files = {str(file.relative_to(folder_of(platform))): file for file in sealed(platform)}
    one, two = (files[f"artefacts/{MODEL}/{number}/model.json.sealed"] for number in (1, 2))
    one.write_bytes(two.read_bytes())


def better_measures(platform: Platform) -> None:
    """Somebody writes a better measure into the manifest that is kept."""
    body = 'replace(body, \'"auroc":{"high":\', \'"auroc":{"high":9\')'
    with sqlite3.connect(platform.settings.data.directory / "identified/store.db") as connection:
        assert connection.execute(f"UPDATE model_work SET body = {body} WHERE kind = 'version'").rowcount == 2


@pytest.mark.parametrize("spoil", [cut, swap, lose, another_version, better_measures])
def test_anything_that_was_changed_is_found_and_not_served(place: Installation, spoil: Any) -> None:
    register(place.platform, ENGINEER, ask())
    register(place.platform, ENGINEER, ask(files=trained(5).files))
    spoil(place.platform)
    found = verify(place.platform, SECOND, f"{MODEL}@1")
    assert not found["whole"]
    with pytest.raises((IntegrityError, NotFound)):
        open_version(place.platform, f"{MODEL}@1")


def test_no_file_of_a_version_can_be_read_without_the_keys(place: Installation) -> None:
    register(place.platform, ENGINEER, ask())
    content = b"".join(file.read_bytes() for file in sealed(place.platform))
    assert b"coefficients" not in content
    assert b"polars==" not in content


BAD: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"files": {"model.pkl": pickle.dumps(1)}}, FormatError),
    ({"files": {"model.txt": pickle.dumps([1])}}, FormatError),
    ({"model": "Two Words"}, QueryError),
    ({"model": "../up"}, QueryError),
    ({"gates": "lenient"}, QueryError),
    ({"lineage": {}}, QueryError),
    ({"lineage": {"data": {"zone": "landing", "snapshot": "x"}}}, QueryError),
    ({"lineage": {"data": {"zone": "public", "snapshot": "x"}, "seeds": {}}}, QueryError),
]


@pytest.mark.parametrize(("more", "error"), BAD)
def test_what_says_too_little_or_could_be_run_is_refused(
    place: Installation, more: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        register(place.platform, ENGINEER, ask(**more))
    assert models(place.platform, SECOND) == []


MAY: list[tuple[Principal, str, bool]] = [
    (ENGINEER, "identified", True), (SCIENTIST, "identified", False), (SCIENTIST, "research", True),
    (SECOND, "identified", False),
]  # fmt: skip


@pytest.mark.parametrize(("who", "zone", "may"), MAY)
def test_who_may_read_a_zone_for_training_may_register(
    place: Installation, who: Principal, zone: str, may: bool
) -> None:
    lineage = {**trained().lineage, "data": {"zone": zone, "snapshot": "silver/stays@3"}}
    if may:
        assert register(place.platform, who, ask(lineage=lineage))["zone"] == zone
        return
    with pytest.raises(AccessError):
        register(place.platform, who, ask(lineage=lineage))


def test_every_step_is_in_the_audit_chain(place: Installation) -> None:
    made = register(place.platform, ENGINEER, ask())
    verify(place.platform, SECOND, MODEL + "@1")
    told = [(one["operation"], one["actor"], one["detail"].get("digest")) for one in place.events("identified")]
    assert ("models-register", "edda", made["digest"]) in told
    assert ("models-verify", "sten", made["digest"]) in told


def test_a_name_that_leads_nowhere_is_told(place: Installation) -> None:
    for name in (f"{MODEL}@7", MODEL, f"{MODEL}@shadow"):
        with pytest.raises(NotFound):
            shown(place.platform, SECOND, name)
    with pytest.raises(QueryError):
        shown(place.platform, SECOND, f"{MODEL}@latest")


def test_a_training_that_names_somebody_who_left_is_refused(place: Installation) -> None:
    with pytest.raises(Conflict):
        register(place.platform, ENGINEER, ask(pseudonyms=["nobody"]))


def test_one_job_waits_to_show_it_in_mlflow(place: Installation) -> None:
    register(place.platform, ENGINEER, ask())
    register(place.platform, ENGINEER, ask())
    with place.platform.jobs() as jobs:
        assert isinstance(jobs, Jobs)
        assert [one.kind for one in jobs.listed()] == ["models-mirror"]


def test_the_revision_is_read_from_a_checkout_of_its_own_or_a_linked_one(tmp_path: Path) -> None:
    commit = "a" * 40
    main = tmp_path / "main/.git"
    (main / "refs/heads").mkdir(parents=True)
    (main / "HEAD").write_text("ref: refs/heads/main\n")
    (main / "packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
    assert revision_of(tmp_path / "main") == commit
    (main / "refs/heads/main").write_text("b" * 40 + "\n")
    assert revision_of(tmp_path / "main") == "b" * 40
    own = main / "linked/other"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main\n")
    (own / "commondir").write_text("../..\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/.git").write_text(f"gitdir: {own}\n")
    assert revision_of(tmp_path / "other") == "b" * 40
    assert revision_of(tmp_path) == ""
