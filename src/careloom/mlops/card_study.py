"""What the card tells of the study behind a version for TRIPOD+AI, made from manifests and reports."""

from collections.abc import Mapping

from careloom.mlops.card_computed import Text, cohort, training_criteria, window, words
from careloom.mlops.card_facts import CardFacts
from careloom.mlops.card_measures import by_attribute, counts, titles

PLACES = ("site", "hospital", "unit", "facility")
"""Attributes of the subgroup table that are clusters."""


def title(facts: CardFacts) -> str | None:
    """What is foretold of whom."""
    outcome = words(facts.model.get("outcome"))
    if not outcome:
        return None
    name = words(cohort(facts).get("name")).replace("_", " ")
    return f"Development and evaluation of a model of: {outcome}" + (f", in the cohort {name}." if name else ".")


def abstract(facts: CardFacts) -> str | None:
    """Data, events and discrimination in one sentence."""
    judged = facts.same_source
    head = title(facts)
    if judged is None or head is None:
        return None
    value = judged.measures.get("auroc", {}).get("value")
    found = "not measured" if value is None else f"{value:.3f}"
    return f"{head} Held-out patients: {counts(judged.counts)}AUROC {found}."


def objectives(facts: CardFacts) -> str | None:
    """Which of development and evaluation there were."""
    if facts.same_source is None:
        return "Development." if facts.training else None
    outside = " and on data of another source" if facts.external else ""
    return f"Development, and evaluation on held-out patients of the same source{outside}."


def data(facts: CardFacts) -> str | None:
    """What the data are."""
    pin = facts.training.get("facts") or facts.lineage.get("snapshot")
    told = [f"Training: {pin}."] if pin else []
    told += [f"Evaluation: {one.data}." for one in (facts.same_source, facts.external, facts.local) if one is not None]
    return " ".join(told) or None


def dates(facts: CardFacts) -> str | None:
    """First and last index time of the training set."""
    period = facts.training.get("period") or {}
    if not period.get("first") or not period.get("last"):
        return None
    return f"Index times from {str(period['first'])[:10]} to {str(period['last'])[:10]}."


def setting(facts: CardFacts) -> str | None:
    """Where the index is and how many centres are counted."""
    told = facts.training.get("setting")
    return words(told) or None


def preparation(facts: CardFacts) -> str | None:
    """What was left out, and what the leakage guard found."""
    training = facts.training
    if "leaks" not in training and "left_out" not in training:
        return None
    leaks = training.get("leaks") or []
    found = ", ".join(f"{one['kind']} at {one['place']}" for one in leaks) or "nothing"
    left = training.get("left_out") or {}
    told = f" Values left out as errors or in units that do not convert: {_counts(left)}." if left else ""
    return f"Features are of facts known at the index time. The leakage guard found: {found}.{told}"


def _counts(left: object) -> str:
    return ", ".join(f"{name} {count}" for name, count in left.items()) if isinstance(left, Mapping) else str(left)


def outcome(facts: CardFacts) -> str | None:
    """When the outcome counts, and what ends the look."""
    states = cohort(facts).get("states")
    if not states:
        return None
    told = ", ".join(f"{name} {count:,}" for name, count in states.items())
    return f"Read from coded records, the same way for everybody; states of the cohort: {told}."


def predictors(facts: CardFacts) -> str | None:
    """How many, of which concepts, and by which set of definitions."""
    features = facts.model.get("features")
    if not features:
        return None
    concepts = sorted({one.get("concept") or one["name"] for one in features})
    named = facts.training.get("features") or {}
    digest = (
        f" Definitions: {named.get('name')}, digest {str(named.get('digest'))[:12]}." if named.get("digest") else ""
    )
    return f"{len(features)} features of {len(concepts)} concepts: {', '.join(concepts)}.{digest}{window(facts)}"


def missing(facts: CardFacts) -> str | None:
    """Shares that are missing, and that nothing was imputed before the split."""
    shares = facts.training.get("missing")
    if not shares:
        return None
    worst = sorted(((share, name) for name, share in shares.items() if share), reverse=True)[:5]
    told = ", ".join(f"{name} {100 * share:.1f} %" for share, name in worst)
    return f"Most often missing: {told}." if told else "No feature is missing anywhere."


def split(facts: CardFacts) -> str | None:
    """How folds were made and how many rows are in each."""
    how = facts.training.get("split") or (facts.model.get("training") or {}).get("split")
    if not how:
        return None
    told = how if isinstance(how, str) else ", ".join(f"{name} {value}" for name, value in how.items())
    return f"Parted before anything was fitted: {told}."


def handling(facts: CardFacts) -> str | None:
    """What the kind of model does to predictors."""
    kinds = {
        "logistic": "Numbers as splines or lines, categories as indicators, scaled on the training fold.",
        "lightgbm": "Numbers as they are: trees are cut at values; monotone where the definition says so.",
        "sequence": "Events in order of time: code, bin of value, gap to the event before.",
        "score": "As the published score says.",
    }
    return kinds.get(str(facts.model.get("kind")))


def model(facts: CardFacts) -> str | None:
    """Kind, seed and search."""
    if not facts.model.get("kind"):
        return None
    how = facts.model.get("training") or {}
    seed = f" Seed {how['seed']}." if how.get("seed") is not None else ""
    search = f" Hyper-parameters: {how['search']}." if how.get("search") else ""
    return f"Kind {facts.model['kind']}.{seed}{search} Chosen on validation patients, judged once on test patients."


def clusters(facts: CardFacts) -> str | None:
    """Whether sites were looked at one by one."""
    judged = facts.same_source
    found = [name for name in by_attribute(judged) if name in PLACES] if judged else []
    return f"Measured in each {' and '.join(found)}; see the subgroup table." if found else None


def measures(facts: CardFacts) -> str | None:
    """Which measures."""
    judged = facts.same_source
    if judged is None:
        return None
    names = titles(judged.measures).values()
    point = ", alerts and net benefit at the threshold" if judged.operating else ""
    return f"{', '.join(names)}{point}; intervals from resampling patients with all their rows."


def calibration(facts: CardFacts) -> str | None:
    """Which recalibration."""
    kind = (facts.model.get("calibration") or {}).get("kind")
    if kind is None:
        return None
    return "No recalibration." if kind == "none" else f"Recalibrated ({kind}) on validation patients."


def calculation(facts: CardFacts) -> str | None:
    """By what predictions are made."""
    if not facts.digest:
        return None
    return f"By the package of version {facts.version}, digest {facts.digest[:16]}, with the code that serves it."


def flow(facts: CardFacts) -> str | None:
    """Attrition and outcomes."""
    steps, states = training_criteria(facts), outcome(facts)
    return f"{steps} {states}" if steps and states else None


def comparison(facts: CardFacts) -> str | None:
    """Prevalence of the folds side by side."""
    folds = facts.training.get("folds") or {}
    shares = [
        f"{name} {100 * one['positive'] / one['labelled']:.1f} %" for name, one in folds.items() if one.get("labelled")
    ]
    return f"Share with the outcome by fold: {', '.join(shares)}." if len(shares) > 1 else None


def folds(facts: CardFacts) -> str | None:
    """Rows, patients and events of each fold."""
    told = [
        f"{name}: {one['rows']:,} rows, {one['patients']:,} patients, {one['positive'] or 0:,} events"
        for name, one in (facts.training.get("folds") or {}).items()
    ]
    return "; ".join(told) + "." if told else None


def specification(facts: CardFacts) -> str | None:
    """Where the whole model stands."""
    number = facts.model.get("format")
    return None if number is None else f"The whole model is its package: model.json in format {number}, no pickle."


STUDY: Mapping[str, Text] = {
    "study_title": title,
    "study_abstract": abstract,
    "study_objectives": objectives,
    "study_data": data,
    "study_dates": dates,
    "study_setting": setting,
    "study_preparation": preparation,
    "study_outcome": outcome,
    "study_predictors": predictors,
    "study_missing": missing,
    "study_split": split,
    "study_handling": handling,
    "study_model": model,
    "study_clusters": clusters,
    "study_measures": measures,
    "study_calibration": calibration,
    "study_calculation": calculation,
    "study_flow": flow,
    "study_comparison": comparison,
    "study_folds": folds,
    "study_specification": specification,
}
"""What TRIPOD+AI asks for -> its text; None where what it is made of is not there."""
