"""card.toml: who answers for which text; what is wrong in it is named."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import FormatError
from careloom.mlops.card_attributes import attributes, further
from careloom.mlops.card_declared import Declarations, Declared, declarations, digest, shipped, tasks, written
from careloom.mlops.card_texts import template
from careloom.risk.tasks import ready_tasks

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


OF_TRAINING = {"developer", "funding_source", "fairness_approach", "bias_management"}
"""What is asked of how a version was made: true of those that Careloom trained alone."""


@pytest.mark.parametrize("task", tasks())
def test_a_task_that_ships_declares_all_that_nothing_computes_and_of_a_version_from_elsewhere_only_its_use(
    task: str,
) -> None:
    said, brought = shipped(task), shipped(task, is_ours=False)
    asked = {one.id for one in attributes() if not one.is_computable} | {one.id for one in further()}
    assert asked <= set(said.texts)
    assert set(said.texts) >= {"validity_monitoring", "fairness_monitoring"}, "told before the first look"
    assert set(said.texts) - set(brought.texts) >= OF_TRAINING
    own = {"intended_use", "patient_population", "intended_users", "decision_role", "cautioned_uses", "known_risks"}
    other = shipped(next(one for one in tasks() if one != task))
    assert all(said.texts[name].is_available and said.texts[name] != other.texts[name] for name in own)
    assert own <= set(brought.texts)


def test_texts_ship_for_each_task_that_can_be_trained_and_for_no_other() -> None:
    assert tasks() == ready_tasks()
    assert shipped("unknown") == shipped("any") == Declarations()


@given(
    st.dictionaries(
        st.sampled_from([one.id for one in further()]),
        st.builds(
            Declared,
            st.text(st.characters(exclude_categories=("C",)), min_size=1).map(str.strip).filter(bool),
            st.sampled_from(["Edda, lead", 'A "B" \\ C']),
            st.dates(date(2000, 1, 1)),
            st.booleans(),
        ),
    )
)
def test_texts_that_are_written_are_read_as_they_were(texts: dict[str, Declared]) -> None:
    said = Declarations(texts)
    assert declarations(written(said)) == said
    assert written(declarations(written(said))) == written(said)
    assert bool(digest(said)) is bool(texts)


@pytest.mark.parametrize("name", [tasks()[0], "own-model"])
def test_a_file_to_be_filled_in_says_nothing_until_sections_are_taken_for_ones_own(name: str) -> None:
    now = shipped(name)
    empty = template(name, now, date(2026, 12, 1))
    assert declarations(empty.encode()) == Declarations()
    last_two = [
        line.removeprefix("# ") for one in empty.split("\n\n") for line in one.splitlines()[-2:] if '""' not in one
    ]
    said = declarations("\n".join([HEAD, *(line for line in last_two if line[0] in "[tu")]).encode())
    assert {each: one.text for each, one in said.texts.items()} == {each: one.text for each, one in now.texts.items()}
