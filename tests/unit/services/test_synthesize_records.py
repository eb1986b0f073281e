"""Whole records of nobody, from the research zone or a folder: reserved, sealed, tainted, kept in. Needs ml."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from careloom.errors import AccessError, Conflict, FormatError, InputError, NotFound, QueryError, StateError, Withheld
from careloom.services import privacy_ledger as ledger
from careloom.services.access import Principal, local_operator
from careloom.services.deidentify import deidentify
from careloom.services.erase import erase
from careloom.services.lake_read import RowsAsk, read_rows
from careloom.services.privacy_ledger import BudgetAsk
from careloom.services.synthesize import files_of, work
from careloom.services.synthesize_discard import discard
from careloom.services.synthesize_export import DownloadAsk, download, export_release
from careloom.services.synthesize_judge import FhirJudgeAsk
from careloom.services.synthesize_records import RecordsAsk, RecordsSampleAsk, fit, parts_of, sample, staged_records
from careloom.services.synthesize_records_judge import judge_whole
from careloom.services.synthesize_records_source import divide, read_folder, records_of
from careloom.services.synthesize_release import ReleaseAsk, certificate_of, release, withdraw
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge
from careloom.services.synthesize_rows import sample as sample_rows
from careloom.services.synthesize_verify import verify
from careloom.services.view import ViewAsk, definition_of, view_zone
from careloom.services.view_table import TableAsk, make_table
from careloom.synth.records import Records, records
from careloom.synth.records_fhir import SERVER, bundles, resources
from careloom.synth.records_fhir_read import read
from careloom.synth.records_integrity import broken
from tests.api.kit import Installation
from tests.later import Later, has
from tests.synthesis_kit import LENIENT, OFFICER, SCIENTIST, Place
from tests.unit.services.test_synthesize_taint import learnt_from
from tests.unit.synth.invented_records import invented

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch = Later("torch")
BOTH = Principal("olga", frozenset({"privacy-officer", "data-scientist"}), OFFICER.zones)
TINY = {"width": 16, "layers": 1, "heads": 2, "longest": 80, "least": 2}
OPEN = {**TINY, "epochs": 1, "words": 512, "held_out": 0.2}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def folder_of(place: Path, patients: int, seed: int = 5) -> Path:
    """FHIR of invented patients as NDJSON."""
    place.mkdir()
    lines = (orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in resources(invented(patients, seed)))
    (place / "records.ndjson").write_bytes(b"".join(lines))
    return place


def fitted(place: Place, **more: Any) -> dict[str, Any]:
    """A model of records of a folder, not private."""
    return fit(place.platform, SCIENTIST, RecordsAsk(folder_of(place.folder / "fhir", 40), options=OPEN, **more))


def test_patients_are_drawn_as_fhir_and_tables_that_agree_and_stay_sealed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    model = fitted(place, name="clinic")
    split = model["split"]
    assert (model["state"], split["patients"] + split["control_patients"]) == ("fitted", 40)
    drawn = sample(place.platform, SCIENTIST, RecordsSampleAsk(model["model"], 7, {"sex": "female"}))
    assert (drawn["state"], drawn["patients"]) == ("staged", 7)
    ((ndjson, tables),) = staged_records(place.platform, work(place.platform, drawn["sample"], "sample"))
    told = [orjson.loads(line) for line in ndjson.splitlines()]
    assert len(told) == drawn["rows"]
    assert read(told).patients["sex"].to_list() == ["female"] * 7
    assert read(told).encounters.height == tables.encounters.height
    assert broken(tables) == {}
    sealed = list((tmp_path / "data" / "synthetic" / "synthesis").rglob("*.sealed"))
    assert sealed
    assert not any(b"Patient" in file.read_bytes() or b"net." in file.read_bytes() for file in sealed)


def test_no_table_command_takes_whole_records_and_what_nobody_wants_is_removed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    model = fitted(place)["model"]
    drawn = sample(place.platform, SCIENTIST, RecordsSampleAsk(model, 3))["sample"]
    with pytest.raises(Conflict):
        release(place.platform, SCIENTIST, ReleaseAsk(drawn, "people"))
    with pytest.raises(QueryError):
        judge(place.platform, SCIENTIST, JudgeAsk(drawn))
    with pytest.raises(QueryError):
        sample_rows(place.platform, SCIENTIST, SampleAsk(model, 10))
    with pytest.raises(QueryError):
        sample(place.platform, SCIENTIST, RecordsSampleAsk(model, 3, {"sex": "nobody's"}))
    discard(place.platform, SCIENTIST, drawn)
    with pytest.raises(NotFound):
        list(staged_records(place.platform, work(place.platform, drawn, "sample")))


def sample_of_real(place: Place, side: str) -> str:
    """A sample with real patients in the place of what a tiny net draws: the members or the controls of its fit."""
    folder = folder_of(place.folder / "fhir", 120)
    model = fit(place.platform, SCIENTIST, RecordsAsk(folder, options=OPEN, control_share=0.5))["model"]
    drawn = sample(place.platform, SCIENTIST, RecordsSampleAsk(model, 120))["sample"]
    parts = divide(place.platform, read_folder(place.platform, folder, "research"), "research", 0.5)
    own = f"{drawn}-${{number}}"  # ids are those of the sample, as whatever is drawn has them
    bare = [pl.col(f"{name}_id").str.replace(r"^[A-Za-z]+/p(?<number>\d+)", own)
            for name in ("patient", "encounter", "event")]  # fmt: skip
    named = {name: frame.with_columns(one for one in bare if one.meta.output_name() in frame.columns)
             for name, frame in getattr(parts, side).tables()}  # fmt: skip
    files_of(place.platform).write(f"staging/{drawn}", parts_of(records(named)))
    return str(drawn)


def test_records_leave_as_fhir_when_a_policy_and_the_rules_of_records_are_met(tmp_path: Path) -> None:
    place = Place(tmp_path)
    drawn = sample_of_real(place, "controls")
    told = judge_whole(place.platform, SCIENTIST, FhirJudgeAsk(drawn, kinds=("records", "fidelity")))["report"]
    assert set(told["missing"]) == {"detection", "utility", "privacy"}
    own = LENIENT.replace('[[rule]]\nmeasure = "epsilon"\nat_most = 3.0\n', "").replace("0.2", "0.4")
    with pytest.raises(Withheld, match="membership_area"):
        release(place.platform, SCIENTIST, ReleaseAsk(drawn, "people"))
    done = release(place.platform, BOTH, ReleaseAsk(drawn, "people", own=own, reason="a test"))
    rows = read_rows(place.platform, BOTH, "synthetic", RowsAsk("gold/people")).frame
    shown = read(orjson.loads(one) for one in rows["resource"])
    assert shown.patients.height == told["control_patients"]
    assert shown.encounters.join(shown.patients, "patient_id", "anti").is_empty()
    content = certificate_of(place.platform, SCIENTIST, done["certificate"], "json")
    assert verify(place.platform, SCIENTIST, content)["whole"]
    view = view_zone(place.platform, SCIENTIST, "synthetic", ViewAsk("encounter", place.folder / "encounters.csv"))
    assert view.rows == shown.encounters.height
    fetched_as_files(place, done["release"], shown)
    made = make_table(place.platform, SCIENTIST, "synthetic", TableAsk("encounter"))
    assert made.rows == shown.encounters.height
    taken = place.folder / "taken.json"
    taken.write_bytes(orjson.dumps({**definition_of("encounter"), "name": "people"}))
    with pytest.raises(Conflict):  # a view may not take the name of a release
        make_table(place.platform, SCIENTIST, "synthetic", TableAsk(str(taken)))
    withdraw(place.platform, BOTH, done["release"])
    assert not read_rows(place.platform, BOTH, "synthetic", RowsAsk(made.path)).frame.height
    with pytest.raises(NotFound):
        read_rows(place.platform, BOTH, "synthetic", RowsAsk("gold/people"))
    with pytest.raises(Withheld):
        download(place.platform, BOTH, DownloadAsk(done["release"]))
    assert view_zone(place.platform, SCIENTIST, "synthetic", ViewAsk("encounter")).rows == 0


def fetched_as_files(place: Place, name: str, shown: Records) -> None:
    """A release as FHIR by type, and as tables, each a file; a folder that is there is not written over."""
    made = export_release(place.platform, SCIENTIST, DownloadAsk(name), place.folder / "out")
    lines = (place.folder / "out" / "Patient.ndjson").read_bytes().splitlines()
    assert len(lines) == made["files"]["Patient.ndjson"] == shown.patients.height
    with pytest.raises(Conflict):
        export_release(place.platform, SCIENTIST, DownloadAsk(name), place.folder / "out")
    other = place.folder / "more.part" / "of somebody"
    other.mkdir(parents=True)
    with pytest.raises(Conflict):
        export_release(place.platform, SCIENTIST, DownloadAsk(name), place.folder / "more")
    assert other.exists()
    whole = b"".join(download(place.platform, SCIENTIST, DownloadAsk(name)).content)
    assert len(whole.splitlines()) == sum(made["files"].values())
    file = download(place.platform, SCIENTIST, DownloadAsk(name, "parquet", "encounters"))
    assert file.name == "people-encounters.parquet"
    assert pl.read_parquet(BytesIO(b"".join(file.content))).equals(shown.encounters)
    with pytest.raises(QueryError):
        download(place.platform, SCIENTIST, DownloadAsk(name, "csv", "wards"))
    with pytest.raises(AccessError):
        download(place.platform, Principal("ann", frozenset({"auditor"}), OFFICER.zones), DownloadAsk(name))


def test_records_that_are_those_of_the_learnt_are_seen_and_kept_in(tmp_path: Path) -> None:
    place = Place(tmp_path)
    drawn = sample_of_real(place, "members")
    told = judge_whole(place.platform, SCIENTIST, FhirJudgeAsk(drawn, kinds=("records",)))["report"]
    assert told["measures"]["courses_excess"]["low"] > 0
    assert told["measures"]["copies_excess"]["low"] > 0
    with pytest.raises(Withheld, match="courses_excess"):
        release(place.platform, SCIENTIST, ReleaseAsk(drawn, "people"))


def test_what_changed_since_the_fit_cannot_be_judged_against(tmp_path: Path) -> None:
    place = Place(tmp_path)
    drawn = sample(place.platform, SCIENTIST, RecordsSampleAsk(fitted(place)["model"], 3))["sample"]
    file = place.folder / "fhir" / "records.ndjson"
    file.write_bytes(file.read_bytes().replace(b'"gender":"male"', b'"gender":"other"', 1))
    with pytest.raises(Conflict):
        judge_whole(place.platform, SCIENTIST, FhirJudgeAsk(drawn))


def test_a_fit_without_bound_says_so_in_the_ledger_and_a_private_one_is_reserved(tmp_path: Path) -> None:
    place = Place(tmp_path)
    fitted(place)
    (entry,) = (one for one in ledger.account(place.platform, SCIENTIST, "research")["entries"] if one["kind"] == "fit")
    assert (entry["note"].startswith("NOT PRIVATE"), entry["epsilon"]) == (True, 0.0)
    public = folder_of(place.folder / "public", 30, seed=9)
    ask = RecordsAsk(place.folder / "fhir", epsilon=2.0, public=public, options={**TINY, "steps": 2, "batch": 4})
    with pytest.raises(InputError):
        fit(place.platform, SCIENTIST, ask)
    lines = (public / "records.ndjson").read_text()
    (public / "records.ndjson").write_text(re.sub(r"\bp(?=\d)", "q", lines))
    private = fit(place.platform, SCIENTIST, ask)
    assert 0 < private["epsilon"] <= 2.0
    assert ledger.account(place.platform, SCIENTIST, "research")["spent"]["epsilon"] > 0


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"epsilon": 1.0}, InputError),
        ({"options": {"depth": 3}}, InputError),
        ({"options": {"width": "wide"}}, InputError),
        ({"options": {"width": 5, "heads": 2}}, InputError),
        ({"options": {"least": 1}}, InputError),
        ({"folder": None, "account": "identified"}, QueryError),
    ],
)  # fmt: skip
def test_an_ask_that_means_nothing_is_refused_before_anything_is_spent(
    tmp_path: Path, more: dict[str, Any], error: type[Exception]
) -> None:
    place = Place(tmp_path)
    with pytest.raises(error):
        fit(place.platform, local_operator("tester"), RecordsAsk(**{"folder": tmp_path, **more}))
    assert ledger.account(place.platform, SCIENTIST, "research")["uses"] == 0


def test_a_folder_without_fhir_is_refused_with_the_line_that_is_wrong(tmp_path: Path) -> None:
    place = Place(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NotFound):
        fit(place.platform, SCIENTIST, RecordsAsk(empty))
    (empty / "a.ndjson").write_text('{"resourceType": "Patient", "id": "a"}\n{')
    with pytest.raises(FormatError, match="line 2"):
        fit(place.platform, SCIENTIST, RecordsAsk(empty))
    (empty / "a.ndjson").write_text('{"resourceType": "Patient", "id": "a", "extension": 3}')
    with pytest.raises(FormatError):
        fit(place.platform, SCIENTIST, RecordsAsk(empty))


def test_bundles_whose_entries_name_each_other_by_url_are_read_as_resources_are(tmp_path: Path) -> None:
    whole = records_of(folder_of(tmp_path / "lines", 3))
    (tmp_path / "bundles").mkdir()
    for number, bundle in enumerate(bundles(invented(3))):
        text = orjson.dumps(bundle).decode().replace('"reference":"', f'"reference":"{SERVER}/')
        (tmp_path / "bundles" / f"{number}.json").write_text(text)
    told = records_of(tmp_path / "bundles")
    assert whole.encounters.height > 3
    assert all(one[1].equals(other[1]) for one, other in zip(whole.tables(), told.tables(), strict=True))


def test_who_is_erased_taints_the_model_of_the_research_zone(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest(list(resources(invented(16))))
        deidentify(made.platform, made.operator)
        ledger.set_budget(made.platform, made.operator, BudgetAsk("research", 3.0, 1e-5))
        model = fit(made.platform, made.operator, RecordsAsk(options=OPEN))
        assert model["split"]["patients"] + model["split"]["control_patients"] == 16
        assert sample(made.platform, made.operator, RecordsSampleAsk(model["model"], 2))["state"] == "staged"
        erase(made.platform, made.operator, f"Patient/{learnt_from(made)}", search=False)
        with pytest.raises(StateError):
            sample(made.platform, made.operator, RecordsSampleAsk(model["model"], 2))
