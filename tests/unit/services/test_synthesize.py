"""From a table to rows of nobody: what is reserved, who is set aside, what lies where, and what the gate refuses."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from careloom.errors import (
    AccessError,
    BudgetSpent,
    Conflict,
    InputError,
    IntegrityError,
    NotFound,
    QueryError,
    StateError,
    Withheld,
)
from careloom.services import privacy_ledger as ledger
from careloom.services import synthesize_certificate as certificates
from careloom.services.access import Principal, Zone
from careloom.services.audit import report as audit_report
from careloom.services.lake import lake_export
from careloom.services.lake_read import RowsAsk, read_rows
from careloom.services.synthesize import fit, open_model, work
from careloom.services.synthesize_discard import discard
from careloom.services.synthesize_gate import FACT
from careloom.services.synthesize_jobs import queued
from careloom.services.synthesize_jobs import samples as listed_samples
from careloom.services.synthesize_let_out import schema_of
from careloom.services.synthesize_release import ReleaseAsk, release, released, withdraw
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample, staged
from careloom.services.synthesize_shown import guess, models, samples, show
from careloom.services.synthesize_source import SourceAsk, read_source, split
from careloom.services.synthesize_verify import read_rows_of, verify
from careloom.synth.metadata import Column, Table
from careloom.synth.tabular import Wish
from tests.synthesis_kit import LENIENT, METADATA, OFFICER, SCIENTIST, Place, stays

CANARY = "synthetic-17"
ZONES_ASKED: tuple[Zone, ...] = ("identified", "research")
BOTH = Principal("olga", frozenset({"privacy-officer", "data-scientist"}), OFFICER.zones)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An installation with one private model."""
    made = Place(tmp_path_factory.mktemp("synthesis"))
    made.model = fit(made.platform, SCIENTIST, made.ask(name="stays"))
    yield made
    made.platform.close()


def judged(place: Place, rows: int = 400) -> str:
    drawn = sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], rows))
    judge(place.platform, SCIENTIST, JudgeAsk(drawn["sample"], kinds=("fidelity",)))
    return str(drawn["sample"])


def let_out(place: Place, table: str) -> dict[str, object]:
    return release(place.platform, BOTH, ReleaseAsk(judged(place), table, own=LENIENT, reason="a test"))


def rows_of(place: Place, table: str) -> pl.DataFrame:
    return read_rows(place.platform, SCIENTIST, "synthetic", RowsAsk(f"gold/{table}")).frame


def test_a_fit_is_reserved_in_the_ledger_and_settled(place: Place) -> None:
    told = ledger.account(place.platform, SCIENTIST, "research")
    (entry,) = [one for one in told["entries"] if one["entry"] == place.model["ledger"]["entry"]]
    assert (entry["kind"], entry["run"]) == ("fit", place.model["model"])
    assert 1.9 < place.model["epsilon"] <= 2.0
    assert place.model["state"] == "fitted"
    assert [one["model"] for one in models(place.platform, SCIENTIST)] == [place.model["model"]]


def test_controls_are_whole_patients_and_the_same_for_every_version_of_a_table(place: Place) -> None:
    source = read_source(place.platform, SCIENTIST, SourceAsk(file=place.file, metadata=METADATA), "research")
    parts = split(place.platform, source, "research", 0.3)
    members, controls = set(parts.members["patient"]), set(parts.controls["patient"])
    assert members.isdisjoint(controls)
    assert 0.2 < len(controls) / 450 < 0.4
    more = place.folder / "more.csv"
    stays(1_200).write_csv(more)
    other = read_source(place.platform, SCIENTIST, SourceAsk(file=more, metadata=METADATA), "research")
    again = split(place.platform, other, "research", 0.3)
    assert members <= set(again.members["patient"])
    assert controls <= set(again.controls["patient"])


def test_nothing_is_learnt_beyond_the_budget_and_no_row_is_read_for_it(tmp_path: Path) -> None:
    poor = Place(tmp_path, epsilon=0.5)
    with pytest.raises(BudgetSpent):
        fit(poor.platform, SCIENTIST, poor.ask())
    assert models(poor.platform, SCIENTIST) == []
    poor.platform.close()


def test_a_fit_that_fails_stays_spent_and_says_so(place: Place) -> None:
    def gone(*_: object) -> None:
        raise StateError("nobody watches any more", "Watch.")

    with pytest.raises(StateError):
        fit(place.platform, SCIENTIST, place.ask(epsilon=0.1), gone)
    (failed,) = [one for one in models(place.platform, SCIENTIST) if one["state"] == "failed"]
    with pytest.raises(StateError):
        sample(place.platform, SCIENTIST, SampleAsk(failed["model"], 10))
    entries = ledger.account(place.platform, SCIENTIST, "research")["entries"]
    settled = [one for one in entries if one["kind"] == "settled" and one["of"] == failed["ledger"]["entry"]]
    assert [one["outcome"] for one in settled] == ["failed"]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"engine": "magic"}, InputError),
        ({"options": {"models": 0}}, InputError),
        ({"epsilon": None}, InputError),
        ({"account": "identified"}, AccessError),
        ({"control_share": 0.9}, InputError),
        ({"source": SourceAsk()}, QueryError),
        ({"source": SourceAsk(table="silver/patients")}, NotFound),
    ],
)
def test_an_ask_that_means_nothing_is_refused_before_anything_is_spent(place: Place, more: dict, error: type) -> None:
    before = ledger.account(place.platform, SCIENTIST, "research")["uses"]
    with pytest.raises(error):
        fit(place.platform, SCIENTIST, place.ask(**more))
    assert ledger.account(place.platform, SCIENTIST, "research")["uses"] == before


def test_a_guessed_table_is_nothing_that_a_private_fit_takes(place: Place) -> None:
    with pytest.raises(InputError):
        fit(place.platform, SCIENTIST, place.ask(source=SourceAsk(file=place.file)))


def test_rows_are_staged_as_wished_and_lie_sealed(place: Place) -> None:
    drawn = sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 300, Wish(values={"sex": "M"})))
    frame = pl.concat(staged(place.platform, work(place.platform, drawn["sample"], "sample")))
    assert frame.height == 300
    assert set(frame["sex"]) == {"M"}
    assert CANARY in set(frame["stay"])
    files = [file for file in (place.folder / "data").rglob("*") if file.is_file()]
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def test_what_lies_sealed_and_was_changed_or_cut_does_not_open(place: Place) -> None:
    drawn = sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 50))
    file = place.folder / f"data/synthetic/synthesis/staging/{drawn['sample']}.sealed"
    whole = file.read_bytes()
    for broken in (whole[:-40], whole[:30] + b"x" + whole[31:], whole[:-1]):
        file.write_bytes(broken)
        with pytest.raises(IntegrityError):
            list(staged(place.platform, work(place.platform, drawn["sample"], "sample")))


def test_the_judge_tells_what_it_measured_and_what_it_left_out(place: Place) -> None:
    report = work(place.platform, judged(place), "sample").body["report"]
    assert {"epsilon", "copies_excess", "shape", "trend", "patients"} <= set(report["measures"])
    assert report["measures"]["shape"]["value"] < 0.2
    assert report["control_patients"] > 100
    assert set(report["missing"]) == {"detection", "utility", "privacy"}


@pytest.mark.long
def test_the_judge_measures_what_the_rows_are_good_for(place: Place) -> None:
    pytest.importorskip("sklearn")
    drawn = sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 400))
    measures = judge(place.platform, SCIENTIST, JudgeAsk(drawn["sample"]))["report"]["measures"]
    assert 0.5 < measures["utility"]["value"] < 1.5
    assert 0.4 < measures["detection"]["value"] < 0.9
    assert 0.4 < measures["membership_area"]["low"] < 0.52 < measures["membership_area"]["high"]


def test_the_strict_policy_keeps_in_what_no_attack_has_tried(place: Place) -> None:
    name = judged(place)
    with pytest.raises(Withheld):
        release(place.platform, SCIENTIST, ReleaseAsk(name, "kept_in"))
    one = work(place.platform, name, "sample")
    assert (one.state, one.body["verdicts"]) == ("refused", 1)
    assert "gold/kept_in" not in place.platform.lake("synthetic").paths()
    with pytest.raises(NotFound):
        rows_of(place, "kept_in")
    assert "synthesize-release" in str(audit_report(place.platform, OFFICER, "identified", limit=20))


def test_each_verdict_over_a_private_fit_counts_in_the_ledger(place: Place) -> None:
    name = judged(place)
    before = ledger.account(place.platform, SCIENTIST, "research")["spent"]["epsilon"]
    for _ in range(2):
        with pytest.raises(Withheld):
            release(place.platform, SCIENTIST, ReleaseAsk(name, "never"))
    assert ledger.account(place.platform, SCIENTIST, "research")["spent"]["epsilon"] > before
    assert work(place.platform, name, "sample").body["verdicts"] == 2


def test_only_an_officer_chooses_another_policy(place: Place) -> None:
    name = judged(place)
    for ask in (ReleaseAsk(name, "own", own=LENIENT), ReleaseAsk(name, "own", "empirical")):
        with pytest.raises(AccessError):
            release(place.platform, SCIENTIST, ask)


def test_what_was_not_judged_or_has_a_bad_name_is_not_let_out(place: Place) -> None:
    drawn = sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 50))
    with pytest.raises(Conflict):
        release(place.platform, SCIENTIST, ReleaseAsk(drawn["sample"], "early"))
    with pytest.raises(QueryError):
        release(place.platform, SCIENTIST, ReleaseAsk(judged(place), "../secret"))


def test_a_release_is_read_from_the_lake_and_its_certificate_holds(place: Place, tmp_path: Path) -> None:
    made = let_out(place, "stays_one")
    assert rows_of(place, "stays_one").height == 400
    content = certificates.certificate_bytes(place.platform, str(made["certificate"]), "json")
    found = verify(place.platform, SCIENTIST, content)
    assert found["whole"]
    assert found["open"]
    key = place.platform.keys.public_key()
    for name, write in (("rows.csv", pl.DataFrame.write_csv), ("rows.parquet", pl.DataFrame.write_parquet)):
        write(rows_of(place, "stays_one"), tmp_path / name)
        assert certificates.check_by(content, key, [read_rows_of(tmp_path / name)])["rows"]
    lake_export(place.platform, SCIENTIST, "synthetic", "gold/stays_one", tmp_path / "delta")
    assert certificates.check_by(content, key, [read_rows_of(tmp_path / "delta")])["rows"]
    other = rows_of(place, "stays_one").with_columns(days=pl.lit(3))
    assert not certificates.check_by(content, key, [other])["rows"]


def test_a_certificate_tells_how_often_the_gate_was_asked_about_any_sample_of_the_model(place: Place) -> None:
    with pytest.raises(Withheld):
        release(place.platform, SCIENTIST, ReleaseAsk(judged(place), "kept_in"))
    told = []
    for table in ("stays_first", "stays_again"):
        made = let_out(place, table)
        content = certificates.certificate_bytes(place.platform, str(made["certificate"]), "json")
        told.append(certificates.read(content)[0]["verdicts"])
    assert told[0] >= 2
    assert told[1] == told[0] + 1


def test_columns_whose_names_are_alike_stay_apart_in_a_release() -> None:
    names = ("a b", "a_b", "A_B", "synthetic_row")
    schema = schema_of(Table("t", tuple(Column(one, "integer") for one in names)), "t")
    assert list(schema.dtypes) == ["synthetic_row", "a_b", "a_b_2", "A_B_3", "synthetic_row_2"]


def test_a_certificate_that_was_changed_does_not_hold(place: Place) -> None:
    made = let_out(place, "stays_two")
    content = certificates.certificate_bytes(place.platform, str(made["certificate"]), "json")
    key = place.platform.keys.public_key()
    assert certificates.check_by(content, key)["signed"]
    forged = content.replace(b'"petra"', b'"paul!"').replace(b'"olga"', b'"egon"')
    assert not certificates.check_by(forged, key)["signed"]
    report, _ = certificates.read(content)
    assert report["measures"] is None  # of a private fit
    assert all(one["found"] is None for one in report["findings"])
    worse = {**report, "findings": [{**one, "passed": False} for one in report["findings"]]}
    assert not certificates.holds(worse)
    easier = {**report, "policy": {**report["policy"], "rules": report["policy"]["rules"][:1]}}
    assert not certificates.holds(easier)


def test_the_certificate_is_a_pdf_that_a_reader_opens(place: Place) -> None:
    pdfium = pytest.importorskip("pypdfium2")
    made = let_out(place, "stays_pdf")
    content = certificates.certificate_bytes(place.platform, str(made["certificate"]), "pdf")
    text = "".join(page.get_textpage().get_text_range() for page in pdfium.PdfDocument(content))
    assert "Certificate of a synthetic release" in text
    assert str(made["certificate"]) in text.replace("\r\n", "")


def test_a_release_is_closed_when_it_is_over_and_when_it_is_withdrawn(place: Place) -> None:
    first, second = let_out(place, "stays_over"), let_out(place, "stays_back")
    withdraw(place.platform, SCIENTIST, str(second["release"]))
    with pytest.raises(NotFound):
        rows_of(place, "stays_back")
    place.clock.move(days=31)
    with pytest.raises(Withheld):
        rows_of(place, "stays_over")
    with pytest.raises(Withheld):
        lake_export(place.platform, SCIENTIST, "synthetic", "gold/stays_over", place.folder / "out")
    states = {one["release"]: one["state"] for one in released(place.platform, SCIENTIST)}
    place.clock.move(days=-31)
    assert (states[str(first["release"])], states[str(second["release"])]) == ("closed", "withdrawn")


def test_a_table_that_says_it_is_a_release_and_is_none_is_closed(place: Place) -> None:
    made = let_out(place, "stays_true")
    lake = place.platform.lake("synthetic")

    table = open_model(place.platform, work(place.platform, place.model["model"], "model"))[0].table
    frame = lake.read("gold/stays_true")
    for name, facts in (("forged", {FACT: str(made["release"])}), ("unknown", {FACT: "nobody"}), ("bare", {})):
        lake.replace(schema_of(table, name), [frame], "r", facts=facts)
        with pytest.raises(Withheld):
            rows_of(place, name)


def test_rows_that_were_changed_after_the_judge_are_not_let_out(place: Place) -> None:
    name, other = judged(place), judged(place)
    folder = place.folder / "data/synthetic/synthesis/staging"
    (folder / f"{name}.sealed").write_bytes((folder / f"{other}.sealed").read_bytes())
    with pytest.raises(IntegrityError):
        release(place.platform, BOTH, ReleaseAsk(name, "swapped", own=LENIENT))


def test_a_file_that_changed_since_the_fit_cannot_be_judged_against(place: Place) -> None:
    drawn = sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 50))
    whole = place.file.read_bytes()
    place.file.write_bytes(whole + b"s9,p9,F,a,3\n")
    with pytest.raises(StateError):
        judge(place.platform, SCIENTIST, JudgeAsk(drawn["sample"]))
    place.file.write_bytes(whole)


def test_who_sees_counts_sees_no_measure(place: Place) -> None:
    name = judged(place)
    auditor = Principal("ada", frozenset({"auditor"}), OFFICER.zones)
    assert name in show(place.platform, auditor, place.model["model"])["samples"]
    assert not [one for one in samples(place.platform, auditor) if one["report"]]
    with pytest.raises(AccessError):
        show(place.platform, auditor, name)
    assert show(place.platform, SCIENTIST, name)["report"]["measures"]


def test_metadata_are_guessed_as_text_that_is_read_back(place: Place) -> None:
    text = guess(place.platform, SCIENTIST, SourceAsk(file=place.file))
    again = read_source(place.platform, SCIENTIST, SourceAsk(file=place.file, metadata=text), "research")
    assert again.table.subject == "patient"
    assert "public" not in text


def test_what_nobody_wants_is_removed_and_its_account_stays(place: Place) -> None:
    model = fit(place.platform, SCIENTIST, place.ask(epsilon=0.5, options={"bins": 4, "steps": 20}))["model"]
    drawn = sample(place.platform, SCIENTIST, SampleAsk(model, 30))["sample"]
    discard(place.platform, SCIENTIST, model)
    assert work(place.platform, drawn, "sample").state == "discarded"
    folder = place.folder / "data/synthetic/synthesis"
    assert not [file for file in folder.rglob("*") if file.is_file() and (model in str(file) or drawn in str(file))]
    with pytest.raises(StateError):
        sample(place.platform, SCIENTIST, SampleAsk(model, 30))
    assert model in {one["model"] for one in models(place.platform, SCIENTIST)}
    with pytest.raises(Conflict):
        discard(place.platform, SCIENTIST, str(let_out(place, "stays_kept")["release"]))


def test_a_list_of_samples_passes_over_those_that_wait_for_another_zone(tmp_path: Path) -> None:
    made = Place(tmp_path)
    wanted = {"act": "sample", "model": "there"}
    told = {zone: queued(made.platform, BOTH, zone, wanted, wanted | {"account": zone}) for zone in ZONES_ASKED}
    assert [one["id"] for one in listed_samples(made.platform, BOTH)] == [told["research"]]
    made.platform.close()
