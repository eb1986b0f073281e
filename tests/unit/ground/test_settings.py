from pathlib import Path

import pytest

from careloom.errors import SetupError
from careloom.settings import Settings, load


def write(folder: Path, text: str) -> Path:
    file = folder / "careloom.toml"
    file.write_text(text)
    return file


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, ""), {}) == Settings()


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[ingest]\nbatch_records = 10\nsource = 'lab'\n")
    settings = load(file, {"CARELOOM__INGEST__BATCH_RECORDS": "20"})
    assert (settings.ingest.batch_records, settings.ingest.source) == (20, "lab")


def test_the_file_can_be_named_by_a_variable(tmp_path: Path) -> None:
    file = write(tmp_path, "[ingest]\nsource = 'lab'\n")
    assert load(environment={"CARELOOM_CONFIG": str(file)}).ingest.source == "lab"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[ingest]\nbach_records = 10\n", "ingest.bach_records"),
        ("[nowhere]\nx = 1\n", "nowhere"),
        ("[ingest]\nbatch_records = 0\n", "ingest.batch_records"),
        ("[ingest]\nbatch_records = 'many'\n", "ingest.batch_records"),
        ("[keys]\nprovider = 'paper'\n", "keys.provider"),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(SetupError) as caught:
        load(write(tmp_path, text), {})
    assert place in caught.value.where


@pytest.mark.parametrize("variables", [{"CARELOOM__INGEST": "x"}, {"CARELOOM__INGEST__NOPE": "x"}])
def test_a_wrong_variable_is_refused(tmp_path: Path, variables: dict[str, str]) -> None:
    with pytest.raises(SetupError):
        load(write(tmp_path, ""), variables)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        load(tmp_path / "none.toml", {})
    with pytest.raises(SetupError):
        load(write(tmp_path, "[ingest"), {})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().ingest.source = "x"  # type: ignore[misc]
