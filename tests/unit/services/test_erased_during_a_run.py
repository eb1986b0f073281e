"""Erasure and a run of de-identification at the same time."""

from pathlib import Path
from typing import Any

from careloom.services.deidentify import deidentify
from careloom.services.deidentify_forget import patients_held
from careloom.services.erase import erase
from tests.api.kit import Installation


def test_a_patient_who_is_erased_while_a_run_goes_on_does_not_come_back(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest()
        (patient,) = patients_held(made.platform.store("identified"))
        erased = []

        def erase_midway(done: int, total: int, told: dict[str, Any]) -> None:
            if done and not erased:
                erased.append(erase(made.platform, made.operator, f"Patient/{patient}"))

        deidentify(made.platform, made.operator, "first", watch=erase_midway)
        assert erased
        assert sum(made.platform.store("research").count().values()) == 0
        assert [state.rows for state in made.platform.lake("research").tables() if state.rows] == []
