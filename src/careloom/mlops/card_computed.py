"""What a card says without anybody writing it: from the package, its lineage, evaluations and monitoring.

Each function gives the text of one attribute, or None where what it is made of is not there: then a person declares it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from careloom.mlops.card_attributes import Variable, variables
from careloom.mlops.card_facts import CardFacts, Judged, Monitoring
from careloom.mlops.card_measures import counted, fairness, spread, validity

Text = Callable[[CardFacts], str | None]
OF_NOBODY = {
    "synthetic": "The training data are synthetic records of nobody: nothing tells that they are like those of a place "
    "of use, and the version has to be judged on records of that place before it is used there",
    "public": "The training data are public, not records of the place of use: the version has to be judged on records "
    "of that place before it is used there",
}
"""Zone of the training data that is of no place of use -> what that means."""
DRIFTS = ("data", "prediction", "quality")
"""What monitoring looks at that tells how far the place of use lies from the training data."""


def output_value(facts: CardFacts) -> str | None:
    """What the model says, about what, how far ahead, and from where on somebody is alerted."""
    outcome = words(facts.model.get("outcome"))
    if not outcome:
        return None
    horizon = facts.model.get("horizon_days")
    ahead = f", within {horizon:g} days" if horizon and "within" not in outcome else ""
    told = f"A probability between 0 and 1 of: {outcome}{ahead}."
    calibration = (facts.model.get("calibration") or {}).get("kind", "none")
    if calibration != "none":
        told += f" It is calibrated ({calibration}) on patients that the model did not learn from."
    if facts.model.get("conformal"):
        told += " With it comes an interval, and which outcomes cannot be ruled out."
    if days := facts.model.get("days"):
        share = 100 * (1 - days["interval"]["miss"])
        told += (
            f" Beside it: the days until the {days['outcome']}, with an interval for {share:.0f} % of patients, and "
            "what each clinical concept adds to the days or takes off, with the facts behind it."
        )
    threshold = facts.model.get("threshold") or {}
    if threshold.get("alert_from") is not None:
        told += f" Somebody is alerted from {threshold['alert_from']:.3f} on."
    return told


def output_type(facts: CardFacts) -> str | None:
    """Prediction; and classification where a threshold alerts."""
    if not facts.model.get("outcome"):
        return None
    alerts = (facts.model.get("threshold") or {}).get("alert_from") is not None
    return "Prediction." + (" Where an alert is shown, also a classification by its threshold." if alerts else "")


def training_criteria(facts: CardFacts) -> str | None:
    """The rules of the cohort with what each took out."""
    told = cohort(facts)
    steps = told.get("steps")
    if not steps:
        return None
    source = f" ({told['source']})" if told.get("source") else ""
    rules = [
        f"{one['name']} ({one['why']}): {one['rows']:,} rows of {one['patients']:,} patients left, "
        f"{one['removed']:,} taken out"
        for one in steps
    ]
    return f"Cohort {told.get('name', '')}{source}. " + "; ".join(rules) + "."


def cohort(facts: CardFacts) -> Mapping[str, Any]:
    """What the training set's manifest tells of its cohort; its name alone where no more is kept."""
    told = facts.training.get("cohort") or {}
    return told if isinstance(told, Mapping) else {"name": told}


def input_variables(facts: CardFacts) -> str | None:
    """Which of the nine variables are inputs, by which features."""
    features = facts.model.get("features")
    if not features:
        return None
    used = {one.id: _features_of(one, features) for one in variables()}
    yes = [f"{one.title} ({', '.join(used[one.id])})" for one in variables() if used[one.id]]
    no = [one.title for one in variables() if not used[one.id]]
    told = f"Inputs: {'; '.join(yes)}." if yes else "None of the nine is an input."
    told += f" Not inputs: {', '.join(no)}." if yes and no else ""
    return f"{told} {len(features)} features in all.{window(facts)}"


def window(facts: CardFacts) -> str:
    """How far back the features see, as a sentence after a space; empty where the training set does not say."""
    days = facts.training.get("observation_days")
    if days:
        return f" No fact from more than {days:g} days before the index is seen, whatever a feature looks for."
    if facts.training.get("observation") == "bounded":
        return " No fact from before the observation window of the cohort is seen."
    return " Each feature sees as far back as its definition says." if "observation" in facts.training else ""


def _features_of(variable: Variable, features: Iterable[Mapping[str, Any]]) -> list[str]:
    found = dict.fromkeys(
        name
        for one in features
        for name in (one["name"], *_kinds(one))
        if variable.is_told_by(name, one.get("concept") or "")
    )
    return list(found)


def _kinds(told: Mapping[str, Any]) -> set[str]:
    """What the facts that a sequence knows are about: ``race`` of ``race:2106-3``, ``age`` of ``age|2``."""
    if not told["name"].startswith("code_"):
        return set()
    return {level.partition(":")[0].partition("|")[0] for level in told.get("levels") or ()}


def training_demographics(facts: CardFacts) -> str | None:
    """Shares of patients by attribute: of the training fold where somebody counted, else of the test fold."""
    told = facts.training.get("demographics")
    if told:
        return f"Training fold: {spread(told)}. {_not_told(told)}"
    if facts.same_source is None or not (found := counted(facts.same_source)):
        return None
    return f"Held-out patients, drawn as the training patients were: {spread(found)}. {_not_told(found)}"


def _not_told(told: Mapping[str, Any]) -> str:
    """Which of the variables nobody counted."""
    lacking = [one.title for one in variables() if not set(one.groups) & set(told)]
    return f"Not counted: {', '.join(lacking)}." if lacking else ""


def training_relevance(facts: CardFacts) -> str | None:
    """How far the place of use lies from the training data, as far as that was looked at."""
    told = []
    if facts.trained_here:
        pin = facts.training.get("facts") or facts.lineage.get("snapshot") or "a snapshot that the lineage names"
        told.append(f"The training data are records of the place of use: {pin}.")
    elif facts.lineage.get("zone") in OF_NOBODY:
        pin = facts.lineage.get("snapshot") or "a snapshot that the lineage names"
        told.append(f"{OF_NOBODY[str(facts.lineage['zone'])]}: {pin}.")
    if facts.monitoring is not None:
        told.append(_drifts(facts.monitoring))
    return " ".join(told) or None


def _drifts(monitoring: Monitoring) -> str:
    looked = [one for one in monitoring.watched if one.about in DRIFTS and one.value is not None]
    if not looked:
        return "Monitoring has not looked at drift yet."
    beyond = [one.name for one in looked if one.state in ("warning", "alarm")]
    found = f"{len(beyond)} beyond their limits ({', '.join(beyond)})" if beyond else "none beyond its limit"
    return f"Monitoring of {monitoring.at:%Y-%m-%d} compared {len(looked)} distributions with training: {found}."


def external_data(facts: CardFacts) -> str | None:
    """Which data of another source."""
    return facts.external.data if facts.external else None


def external_party(facts: CardFacts) -> str | None:
    """Who tested on them."""
    return (facts.external.party or None) if facts.external else None


def external_demographics(facts: CardFacts) -> str | None:
    """How people are spread in them."""
    found = counted(facts.external) if facts.external else {}
    return f"{spread(found)}. {_not_told(found)}" if found else None


def external_process(facts: CardFacts) -> str | None:
    """How it was done."""
    if facts.external is None:
        return None
    fixed = "The model was applied as it is: nothing was fitted to these data. Intervals by resampling patients."
    return facts.external.process or fixed


def validity_monitoring(facts: CardFacts) -> str | None:
    """What is watched of validity, and how often."""
    return _watch(facts, ("data", "prediction", "validity", "quality"))


def fairness_monitoring(facts: CardFacts) -> str | None:
    """What is watched of fairness, and how often."""
    return _watch(facts, ("fairness",))


def _watch(facts: CardFacts, about: tuple[str, ...]) -> str | None:
    monitoring = facts.monitoring
    if monitoring is None:
        return None
    looked = [one for one in monitoring.watched if one.about in about]
    if not looked:
        return None
    limits = "; ".join(one.name + (f" (limit {one.limit:g})" if one.limit is not None else "") for one in looked)
    worst = [one.name for one in looked if one.state in ("warning", "alarm")]
    found = f"beyond their limits: {', '.join(worst)}" if worst else "all within their limits"
    return f"{_often(monitoring.every_days)}: {limits}. Last looked at {monitoring.at:%Y-%m-%d}: {found}."


def _often(days: float) -> str:
    if not days:
        return "When a person asks for it"
    return "Every day" if days == 1 else f"Every {days:g} days"


def _at_home(facts: CardFacts) -> Judged | None:
    """What was judged at the place of use: since it is used there, else on held-out patients where it learnt there."""
    return facts.local or (facts.same_source if facts.trained_here else None)


def words(value: Any) -> str:
    """A text, or the title or name in an object."""
    if isinstance(value, Mapping):
        return str(value.get("title") or value.get("name") or "")
    return str(value or "")


COMPUTED: Mapping[str, Text] = {
    "output_value": output_value,
    "output_type": output_type,
    "training_criteria": training_criteria,
    "input_variables": input_variables,
    "training_demographics": training_demographics,
    "training_relevance": training_relevance,
    "external_data": external_data,
    "external_party": external_party,
    "external_demographics": external_demographics,
    "external_process": external_process,
    "validity_same_source": lambda facts: validity(facts.same_source),
    "fairness_same_source": lambda facts: fairness(facts.same_source),
    "validity_external": lambda facts: validity(facts.external),
    "fairness_external": lambda facts: fairness(facts.external),
    "validity_monitoring": validity_monitoring,
    "validity_local": lambda facts: validity(_at_home(facts)),
    "fairness_monitoring": fairness_monitoring,
    "fairness_local": lambda facts: fairness(_at_home(facts)),
}
"""Attribute -> its text. Every attribute of ``hti1.toml`` that rests on something is here, and no other."""
