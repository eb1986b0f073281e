"""What stays of synthetic data: rows that nobody lets out go; after a restoration the store says what is missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careloom.services import synthesize_certificate as certificates
from careloom.services.access import local_operator
from careloom.services.backups import back_up
from careloom.services.operate import check
from careloom.services.restore import restore
from careloom.services.retain import plan, run
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.services.synthesize import files_of, fit, work
from careloom.services.synthesize_discard import discard
from careloom.services.synthesize_mend import mend
from careloom.services.synthesize_release import ReleaseAsk, release, released, withdraw
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_verify import verify
from careloom.store.lake import Lake
from tests.killed import killed
from tests.synthesis_killed import BOTH, LOOSE, SMALL, let_out
from tests.synthesis_kit import OFFICER, SCIENTIST, Place

OPERATOR = local_operator("otto")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, epsilon=40.0)
    made.model = fit(made.platform, SCIENTIST, made.ask(epsilon=0.5, options=SMALL))
    yield made
    made.platform.close()


def judged(place: Place) -> str:
    name = str(sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 60))["sample"])
    judge(place.platform, SCIENTIST, JudgeAsk(name, kinds=("fidelity",)))
    return name


def wrong(place: Place) -> list[str]:
    report = check(place.platform, OPERATOR, "identified")
    assert report["consistent"] == (not report["problems"])
    return list(report["named"])


def test_rows_that_nobody_lets_out_go_and_what_was_said_of_them_stays(place: Place) -> None:
    old = [judged(place), str(sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 60))["sample"])]
    out = release(place.platform, BOTH, ReleaseAsk(judged(place), "kept", own=LOOSE))["release"]
    place.clock.move(days=89)
    young = judged(place)
    place.clock.move(days=2)
    (told,) = plan(place.platform, OFFICER, ["samples"])
    assert (told["due"], told["held"], told["removes"]) == (2, 0, True)
    (told,) = run(place.platform, OFFICER, ["samples"])
    assert told["removed"] == 2
    for name in old:
        assert work(place.platform, name, "sample").state == "discarded"
        assert not files_of(place.platform).has(f"staging/{name}")
    assert work(place.platform, old[0], "sample").body["report"]["measures"]
    assert files_of(place.platform).has(f"staging/{young}")
    assert [one["release"] for one in released(place.platform, OFFICER)] == [out]
    assert sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 60))["state"] == "staged"


def test_a_legal_hold_keeps_them(place: Place) -> None:
    judged(place)
    set_rule(place.platform, OFFICER, RuleAsk("hold", zone="research", reason="a court"))
    place.clock.move(days=91)
    (told,) = plan(place.platform, OFFICER, ["samples"])
    assert (told["due"], told["held"]) == (0, 1)
    (told,) = run(place.platform, OFFICER, ["samples"])
    assert told["removed"] == 0


def test_a_backup_amid_a_release_comes_back_as_a_release(place: Place) -> None:
    name = judged(place)
    killed(let_out, place.folder, name, "amid", at=Lake.replace, moment="call")
    assert wrong(place) == [f"store.synthetic-unfinished {name}"]
    folder = Path(back_up(place.platform, OPERATOR)["place"])
    mend(place.platform)  # it goes on after the backup
    (before,) = released(place.platform, OFFICER)
    assert wrong(place) == []

    restore(place.platform, OPERATOR, folder, over=True)
    assert work(place.platform, name, "sample").state == "releasing"
    assert not files_of(place.platform).has(f"staging/{name}")  # it went when the rows were let out
    mend(place.platform)
    (after,) = released(place.platform, OFFICER)
    same = ("release", "table", "certificate", "rows", "expires")
    assert {one: after[one] for one in same} == {one: before[one] for one in same}
    assert verify(
        place.platform, OFFICER, certificates.certificate_bytes(place.platform, after["certificate"], "json")
    )["whole"]
    assert wrong(place) == []


def test_a_backup_from_before_a_release_leaves_a_table_that_nobody_reads_and_the_check_names_it(place: Place) -> None:
    name = judged(place)
    folder = Path(back_up(place.platform, OPERATOR)["place"])
    release(place.platform, BOTH, ReleaseAsk(name, "later", own=LOOSE))
    restore(place.platform, OPERATOR, folder, over=True)
    assert wrong(place) == [f"store.synthetic-sample {name}", "store.synthetic-table gold/later"]
    assert released(place.platform, OFFICER) == []
    discard(place.platform, SCIENTIST, name)
    assert wrong(place) == []


def test_a_backup_in_another_place_has_certificates_and_names_what_is_missing(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = release(place.platform, BOTH, ReleaseAsk(judged(place), "moved", own=LOOSE))
    kept = judged(place)
    folder = Path(back_up(place.platform, OPERATOR)["place"])
    for gone in ("synthetic/synthesis", "synthetic/lake"):
        whole = place.folder / "data" / gone
        assert whole.is_dir()
        whole.rename(tmp_path_factory.mktemp("away") / "gone")
    for file in (place.folder / "data/synthetic/certificates").iterdir():
        file.unlink()
    model = place.model["model"]
    (certificate, *rest) = [one for one in wrong(place) if "certificate" in one]
    assert (certificate, rest) == (f"store.synthetic-certificate {out['release']}", [])
    restore(place.platform, OPERATOR, folder, over=True)
    assert wrong(place) == [
        f"store.synthetic-model {model}", f"store.synthetic-sample {kept}", f"store.synthetic-table {out['release']}",
    ]  # fmt: skip
    for kind in ("json", "pdf", "html"):
        assert certificates.certificate_bytes(place.platform, str(out["certificate"]), kind)
    withdraw(place.platform, SCIENTIST, str(out["release"]))
    discard(place.platform, SCIENTIST, model)
    assert wrong(place) == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("models/{model}/model.json", "model"),
        ("models/{model}/model.safetensors", "model"),
        ("staging/{sample}", "sample"),
    ],
)
def test_a_sealed_file_that_was_changed_is_named(place: Place, file: str, code: str) -> None:
    names = {"model": place.model["model"], "sample": judged(place)}
    assert wrong(place) == []
    changed = place.folder / "data/synthetic/synthesis" / f"{file.format(**names)}.sealed"
    whole = changed.read_bytes()
    changed.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    assert wrong(place) == [f"store.synthetic-{code} {names[code]}"]
