"""The targets of a policy within a run: patients are measured first, then each resource is told as the plan allows."""

from collections.abc import Collection, Iterable
from typing import Any

from careloom.deid import findings
from careloom.deid.patient_traits import say_less, traits_of
from careloom.deid.policy import Policy
from careloom.deid.policy_targets import PolicyTargets
from careloom.deid.risk_report import RiskReport
from careloom.deid.scrub import Scrubber
from careloom.deid.target_plan import TargetPlan, plan
from careloom.errors import StateError
from careloom.fhir.drafts import Resource
from careloom.issues import Issue
from careloom.services.deidentify_report import SENSITIVE, risk_of
from careloom.services.platform import Platform
from careloom.store.zone_store import ZoneStore
from careloom.tables.research import PATIENTS

Judged = tuple[Resource | None, list[Issue]]


class TargetRun:
    """The plan of one run, applied to what passed the policy.

    patients  every Patient of the identified zone
    raises    StateError where the targets cannot be met; nothing was written then
    """

    def __init__(
        self, policy: Policy, targets: PolicyTargets, scrubber: Scrubber, patients: Iterable[Resource]
    ) -> None:
        self._with_death = policy.moments != "shift"
        people: dict[str, tuple[Any, ...]] = {}
        for patient in patients:
            passed = scrubber.scrub(patient, patient["id"])[0]
            if passed is not None:
                people[patient["id"]] = traits_of(passed, with_death=self._with_death)
        self._plan: TargetPlan = plan(people, targets, policy.name)

    @property
    def report(self) -> dict[str, Any]:
        """What was asked, given up and reached, for the signed report."""
        return self._plan.as_json()

    def is_left_out(self, patient: str | None) -> bool:
        """True for a patient of whom nothing is told."""
        return patient in self._plan.left_out

    def judged(self, passed: Resource, patient: str | None, issues: list[Issue]) -> Judged:
        """A resource that passed the policy, as the plan allows; a Patient who changed since is not told of."""
        kind = passed["resourceType"]
        if patient is None:
            return passed, issues
        if self.is_left_out(patient):
            return None, [findings.too_few_alike(kind)]
        if kind != "Patient":
            return passed, issues
        if self._plan.people.get(patient) != traits_of(passed, with_death=self._with_death):
            return None, [findings.not_measured(kind)]
        say_less(passed, self._plan.levels_of(patient))
        if patient in self._plan.blanked:
            issues = [*issues, findings.traits_left_out(kind)]
        return passed, issues


def targets_of(
    policy: Policy, scrubber: Scrubber, source: ZoneStore, excluded: Collection[str] = ()
) -> TargetRun | None:
    """The plan of a run; None under a policy that asks for nothing. raises StateError as `TargetRun`

    excluded  patients who are not told of
    """
    if policy.targets is None:
        return None
    patients = (stored.resource() for stored in source.scan(["Patient"]) if stored.id not in excluded)
    return TargetRun(policy, policy.targets, scrubber, patients)


def risk_reached(platform: Platform, policy: Policy) -> RiskReport | None:
    """The risk of the tables that were written. raises StateError where they miss a target after all"""
    if policy.targets is None:
        return risk_of(platform)
    sensitive = tuple(name for name in policy.targets.sensitive if name in PATIENTS.dtypes) or SENSITIVE
    risk = risk_of(platform, policy.targets.asked, sensitive)
    if risk is not None and not risk.holds:
        raise StateError(
            f"the research zone misses a target of policy {policy.name}: the identified zone changed during the run",
            "Run careloom deidentify again, while nothing is taken in.",
        )
    return risk
