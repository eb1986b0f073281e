"""A patient leaves: what was learnt from the patient makes no rows any more, and what it made is closed everywhere."""

from pathlib import Path
from typing import Any

import pytest

from careloom.errors import Conflict, StateError, Withheld
from careloom.runtime import Runtime
from careloom.services import privacy_ledger as ledger
from careloom.services.deidentify import deidentify
from careloom.services.erase import erase
from careloom.services.lake_read import RowsAsk, read_rows
from careloom.services.privacy_ledger import BudgetAsk
from careloom.services.synthesize import FitAsk, fit
from careloom.services.synthesize_release import ReleaseAsk, release, released
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_source import SourceAsk
from tests.api.kit import Clock, Installation
from tests.synthesis_kit import LENIENT

METADATA = """
version = 1
[table.patients]
primary_key = ["patient_id"]
subject = "patient_id"
[table.patients.column.patient_id]
kind = "id"
[table.patients.column.gender]
kind = "categorical"
values = ["female", "male", "other", "unknown"]
public = true
"""


def patient(number: int) -> dict[str, Any]:
    gender = "female" if number % 3 else "male"
    return {"resourceType": "Patient", "id": f"p{number}", "gender": gender, "birthDate": "1961-04-05"}


def learnt_from(made: Installation) -> str:
    """The stored id of somebody whom a training read."""
    store = made.platform.store("identified")
    with store.rights() as reader:
        names = [name.partition("/")[2] for name in store.all_names(["Patient"])]
        return next(one for one in sorted(names) if reader.trained_on(store.pseudonym(one)))


def test_who_leaves_closes_the_release_and_the_model(tmp_path: Path) -> None:
    clock = Clock()
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        made.ingest([patient(number) for number in range(40)])
        deidentify(made.platform, made.operator)
        ledger.set_budget(made.platform, made.operator, BudgetAsk("research", 3.0, 1e-5))
        ask = FitAsk(SourceAsk(table="silver/patients", metadata=METADATA), epsilon=2.0, options={"steps": 20})
        model = fit(made.platform, made.operator, ask)
        assert model["source"]["table"] == "silver/patients"
        drawn = sample(made.platform, made.operator, SampleAsk(model["model"], 100))
        judge(made.platform, made.operator, JudgeAsk(drawn["sample"], kinds=("fidelity",)))
        lenient = LENIENT.replace("at_most = 0.2", "at_most = 1.0")
        release(made.platform, made.operator, ReleaseAsk(drawn["sample"], "patients", own=lenient))
        assert read_rows(made.platform, made.operator, "synthetic", RowsAsk("gold/patients")).frame.height == 100
        unused = sample(made.platform, made.operator, SampleAsk(model["model"], 20))

        erase(made.platform, made.operator, f"Patient/{learnt_from(made)}", search=False)

        with pytest.raises(Withheld):
            read_rows(made.platform, made.operator, "synthetic", RowsAsk("gold/patients"))
        (told,) = released(made.platform, made.operator)
        assert (told["state"], "erasure" in told["reason"]) == ("closed", True)
        with pytest.raises(StateError):
            sample(made.platform, made.operator, SampleAsk(model["model"], 20))
        with pytest.raises((StateError, Conflict)):
            judge(made.platform, made.operator, JudgeAsk(unused["sample"], kinds=("fidelity",)))


def test_who_objects_to_research_is_learnt_from_by_no_fit(tmp_path: Path) -> None:
    from careloom.services.subject_rules import RuleAsk, set_rule

    with Installation(tmp_path) as made:
        made.ingest([patient(number) for number in range(40)])
        deidentify(made.platform, made.operator)
        ledger.set_budget(made.platform, made.operator, BudgetAsk("research", 3.0, 1e-5))
        names = [name.partition("/")[2] for name in made.platform.store("identified").all_names(["Patient"])]
        set_rule(made.platform, made.operator, RuleAsk("object", f"Patient/{names[0]}", reason="no research"))
        ask = FitAsk(SourceAsk(table="silver/patients", metadata=METADATA), epsilon=2.0, options={"steps": 20})
        split = fit(made.platform, made.operator, ask)["split"]
        assert (split["left_out"], split["patients"] + split["control_patients"]) == (1, 39)
