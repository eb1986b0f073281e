"""The judge of privacy as measures that a release policy has limits for."""

import polars as pl

from careloom.synth.detection_sklearn import by_boosting as detected
from careloom.synth.metadata import Table
from careloom.synth.privacy import Asked, PrivacyReport, judge_privacy
from careloom.synth.privacy_membership_sklearn import by_boosting
from careloom.synth.privacy_scores import Estimate
from careloom.synth.release_policy import Measure


def measures(
    table: Table, members: pl.DataFrame, controls: pl.DataFrame, rows: pl.DataFrame, *, seed: int
) -> dict[str, Measure]:
    """The measures of `careloom.synth.privacy.judge_privacy`, the worst of each kind.

    membership_area  area under the ROC curve, of the attack whose upper bound is highest
    membership_hits  share of members found while 1 % of the controls are accused, likewise
    singling_out, linkability, inference  beyond the control, of the attack or the column whose lower bound is highest
    copies_of_patients  patients of whom a row stands in the release, beyond the control
    attacks_that_see    how many tell more than chance; weak_attacks  how many would not see the members themselves
    same_source         how well members are told from controls without the release: 0.5 is not at all
    raises              InputError for too few patients; SchemaMismatch for a frame that does not fit
    """
    asked = Asked(attacks={"boosting": by_boosting}, detector=detected)
    report = judge_privacy(table, members, controls, rows, seed=seed, asked=asked)
    areas = [attack.told.area for attack in report.membership.values()]
    hits = [attack.told.hits for attack in report.membership.values()]
    seen = [each.seen for each in report.membership.values()] + [each.seen for each in report.anonymity.values()]
    found = {
        "membership_area": _measure(max(areas, key=lambda each: each.high)),
        "membership_hits": _measure(max(hits, key=lambda each: each.high)),
        "copies_of_patients": _measure(report.copies.exact.beyond),
        "attacks_that_see": Measure(float(sum(seen))),
        "weak_attacks": Measure(float(len(report.weak))),
    }
    for name, starts in (("singling_out", "singling"), ("linkability", "linkability"), ("inference", "inference")):
        found[name] = _measure(_worst(report, starts))
    if report.same_source is not None:
        found["same_source"] = Measure(report.same_source)
    return found


def _worst(report: PrivacyReport, starts: str) -> Estimate:
    risks = [each.risk.beyond for name, each in report.anonymity.items() if name.startswith(starts)]
    return max(risks, key=lambda each: each.low)


def _measure(each: Estimate) -> Measure:
    return Measure(each.value, each.low, each.high)
