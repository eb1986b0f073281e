"""Samples of a private model in the states that a release gate leaves them in."""

from pathlib import Path

import pytest

from careloom.errors import Withheld
from careloom.services.privacy_ledger import BudgetAsk, set_budget
from careloom.services.synthesize import FitAsk, fit
from careloom.services.synthesize_release import ReleaseAsk, release, withdraw
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_source import SourceAsk
from tests.api.kit import Installation
from tests.architecture.synthetic_routes import LOOSE
from tests.synthesis_kit import METADATA, stays


def answered(installation: Installation, folder: Path) -> dict[str, str]:
    """Three samples of a model: let out (``open``), ``withdrawn``, ``refused``; and the ``model``."""
    platform, who = installation.platform, installation.operator
    set_budget(platform, who, BudgetAsk("research", 5.0, 1e-5))
    stays(400).write_csv(folder / "stays.csv")
    source = SourceAsk(file=folder / "stays.csv", metadata=METADATA)
    model = fit(platform, who, FitAsk(source, epsilon=2.0, options={"bins": 4, "steps": 20}))["model"]
    names = {"model": model}
    for state in ("open", "withdrawn", "refused"):
        names[state] = sample(platform, who, SampleAsk(model, 40))["sample"]
        judge(platform, who, JudgeAsk(names[state], kinds=("fidelity",)))
    for state in ("open", "withdrawn"):
        release(platform, who, ReleaseAsk(names[state], f"table_{state}", own=LOOSE))
    withdraw(platform, who, names["withdrawn"])
    with pytest.raises(Withheld):
        release(platform, who, ReleaseAsk(names["refused"], "kept_in"))
    return names
