"""card.toml: who answers for which text; what is wrong in it is named."""

from datetime import date

import pytest

from careloom.errors import FormatError
from careloom.mlops.card_attributes import attributes
from careloom.mlops.card_declared import Declarations, declarations, shipped
from careloom.runtime import packaged_names

HEAD = 'by = "Dr Ada Example, lead"\non = 2026-11-30\n'


def test_a_text_has_who_answers_for_it_and_since_when() -> None:
    said = declarations(f'{HEAD}[intended_use]\ntext = " Call people. "\n'.encode()).of("intended_use")
    assert said is not None
    assert (said.text, said.by, said.on, said.is_available) == (
        "Call people.", "Dr Ada Example, lead", date(2026, 11, 30), True,
    )  # fmt: skip


def test_a_section_may_have_its_own_person_and_day() -> None:
    told = f'{HEAD}[developer]\ntext = "X"\nby = "Ben"\non = 2026-01-02\n[funding_source]\ntext = "Y"\n'
    found = declarations(told.encode())
    assert [(one.by, one.on.isoformat()) for one in found.texts.values()] == [
        ("Ben", "2026-01-02"),
        ("Dr Ada Example, lead", "2026-11-30"),
    ]


def test_what_an_installation_says_replaces_what_comes_with_the_task() -> None:
    task = declarations(f'{HEAD}[developer]\ntext = "Task"\n[funding_source]\ntext = "Kept"\n'.encode())
    own = declarations(f'{HEAD}[developer]\ntext = "Own"\n'.encode())
    assert {name: one.text for name, one in task.over(own).texts.items()} == {
        "developer": "Own",
        "funding_source": "Kept",
    }


BAD = {
    "no-toml": ("[developer\n", "card.toml"),
    "misspelt": (f'{HEAD}[developr]\ntext = "x"\n', "[developr]"),
    "no-section": (f'{HEAD}developer = "x"\n', "developer"),
    "neither": (f"{HEAD}[developer]\n", "[developer]"),
    "both": (f'{HEAD}[outcome_references]\ntext = "x"\nunavailable = "y"\n', "[outcome_references]"),
    "wants-a-value": (f'{HEAD}[developer]\nunavailable = "none"\n', "unavailable"),
    "strange-key": (f'{HEAD}[developer]\ntext = "x"\nurl = "y"\n', "url"),
    "empty": (f'{HEAD}[developer]\ntext = " "\n', "text"),
    "number": (f"{HEAD}[developer]\ntext = 3\n", "text"),
    "control": (HEAD + '[developer]\ntext = "a\\u0000b"\n', "text"),
    "too-long": (f'{HEAD}[developer]\ntext = "{"x" * 4_001}"\n', "text"),
    "nobody": ('on = 2026-11-30\n[developer]\ntext = "x"\n', "by"),
    "never": ('by = "A"\n[developer]\ntext = "x"\n', "on"),
    "moment": ('by = "A"\non = 2026-11-30T12:00:00Z\n[developer]\ntext = "x"\n', "on"),
}


@pytest.mark.parametrize(("told", "place"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named(told: str, place: str) -> None:
    with pytest.raises(FormatError) as caught:
        declarations(told.encode())
    assert place in caught.value.where
    assert caught.value.remedy


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(FormatError) as caught:
        declarations(f'{HEAD}[intended_user]\ntext = "x"\n'.encode())
    assert "[intended_users]" in caught.value.remedy


TASKS = [name.rpartition("/")[2].removesuffix(".toml") for name in packaged_names("mlops", "cards/tasks", ".toml")]


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"any"}))
def test_a_task_that_ships_declares_all_but_who_made_and_paid_the_version(task: str) -> None:
    said = shipped(task)
    asked = {one.id for one in attributes() if not one.is_computable}
    assert asked - set(said.texts) == {"developer", "funding_source"}
    assert set(said.texts) >= {"validity_monitoring", "fairness_monitoring"}, "told before the first look"
    use = said.of("intended_use")
    assert use is not None
    assert use.is_available


def test_no_task_is_called_any() -> None:
    assert len(TASKS) == 7
    assert shipped("unknown") == Declarations()
