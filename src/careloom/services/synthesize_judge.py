"""What the judges of tables, whole records and notes have in common: who may, what is left out, and what is kept."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from careloom.errors import Conflict, InputError, QueryError, SetupError
from careloom.services.access import Principal, Zone
from careloom.services.platform import Platform
from careloom.services.synthesize import change, judge_command, told, work
from careloom.services.synthesize_admitted import admitted
from careloom.store.rows import instant
from careloom.store.synthesis import Work
from careloom.synth.release_policy import Measure

JUDGE = "synthesize-judge"
Json = dict[str, Any]


class JudgeAsked(Protocol):
    """What every judge is asked."""

    @property
    def sample(self) -> str:
        """Its name."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """What to measure; what is left out is missing, and fails where a policy asks for it. Empty: all."""


@dataclass(frozen=True, slots=True)
class FhirJudgeAsk:
    """What is to be measured of whole records or notes.

    small_cell  fewer patients are rare; None: what the strict policy says
    kinds       of the kinds of measures that their judge has, as `JudgeAsked`
    """

    sample: str
    small_cell: int | None = None
    kinds: tuple[str, ...] = ()
    seed: int = 1


def to_judge(
    platform: Platform, who: Principal, ask: JudgeAsked, known: Collection[str], command: str
) -> tuple[Work, Work, Zone]:
    """A sample that may be measured, its model, and the zone of their account.

    known    kinds of measures that there are
    command  of this judge, as `judge_command` has it
    raises   AccessError; NotFound; InputError for another kind of measure; QueryError for a sample of another judge;
             Conflict for one that was let out
    """
    one, zone = admitted(platform, who, "read", ask.sample, "sample", operation=JUDGE)
    if unknown := sorted(set(ask.kinds) - set(known)):
        raise InputError(f"there is no kind of measure {unknown[0]}", f"Name some of {', '.join(known)}.")
    if (right := judge_command(one.body)) != command:
        raise QueryError("the sample is of another kind", f"Judge it: careloom synthesize {right}.")
    if one.state not in ("staged", "judged", "refused"):
        raise Conflict(f"the sample is {one.state}", "Judge a sample before it is let out; draw another one.")
    return one, work(platform, one.parent, "model"), zone


def measured(
    acts: Mapping[str, Callable[[], Mapping[str, Measure]]], kinds: Collection[str]
) -> tuple[dict[str, Measure], dict[str, str]]:
    """The measures of the kinds that are wanted, by name; and why the others are missing.

    acts   every kind of measure; a library that is not installed, or too few patients, make it missing
    kinds  empty: all
    """
    found: dict[str, Measure] = {}
    missing: dict[str, str] = {}
    for name, act in acts.items():
        if kinds and name not in kinds:
            missing[name] = "It was left out."
            continue
        try:
            found |= act()
        except (SetupError, InputError) as error:
            missing[name] = f"{error.where}. {error.remedy}"
    return found, missing


def facts_of_fit(model: Work) -> dict[str, Measure]:
    """What is known of the fit: epsilon and delta where it is private, and of how many patients."""
    found = {"patients": Measure(float(model.body["split"]["patients"]))}
    privacy = model.body["privacy"]
    if privacy is not None and model.body["epsilon"] is not None:
        found |= {"epsilon": Measure(model.body["epsilon"]), "delta": Measure(privacy["delta"])}
    return found


def keep_report(platform: Platform, who: Principal, one: Work, measures: Mapping[str, Measure], report: Json) -> Json:
    """Keeps what was measured, in the place of an earlier report and verdict; the sample as `told` shows it."""
    made = {
        "measures": {name: each.as_json() for name, each in sorted(measures.items())},
        "judged": instant(platform.runtime.now()), "known": [], **report,
    }  # fmt: skip
    return told(change(platform, who, one, "judged", {**one.body, "report": made, "release": None}))
