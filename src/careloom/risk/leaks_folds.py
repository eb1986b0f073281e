"""Leaks between folds: patients in two of them, rows in two of them, and rows that were made out of others."""

import math

import numpy as np
import polars as pl

from careloom.risk.leaks import LeakFinding, Scene

_SEED_ROWS = 150
_NEIGHBOURS = 15
_ON_LINE = 1e-7
_SHARE = 0.1
_LEAST = 5
_CHANCE = 1e-3
_SPAN = 0.15
_HEAP = 0.95
_MOSTLY = 0.8


def patient_overlap(scene: Scene) -> list[LeakFinding]:
    """Patients with rows in more than one fold."""
    parts = scene.parts
    if len(parts) < 2 or not scene.has(scene.patient):
        return []
    told = pl.concat([part.select(scene.patient, scene.fold) for part in parts.values()])
    both = told.drop_nulls(scene.patient).group_by(scene.patient).agg(pl.col(scene.fold).n_unique().alias("folds"))
    shared = both.filter(pl.col("folds") > 1)
    if shared.is_empty():
        return []
    rows = told.join(shared, on=scene.patient, how="semi").height
    evidence = f"{shared.height} of {both.height} patients have rows in more than one fold"
    return [LeakFinding("patient-overlap", scene.fold, evidence, "Split by patient, by a keyed hash of the id.", rows)]


def continuous(rows: pl.DataFrame, features: tuple[str, ...]) -> list[str]:
    """Features of many values: real numbers of which most rows have their own."""
    found = []
    for name in features:
        if rows.schema[name].is_float():
            told = rows[name].drop_nulls()
            if told.len() >= 20 and told.n_unique() >= 0.3 * told.len():
                found.append(name)
    return found


def repeated(scene: Scene) -> list[LeakFinding]:
    """Rows of the test that stand among the training rows, too: the same data twice, or resampled before the split.

    Two rows are the same where all features are. Where no feature is continuous, rows may be the same by chance: then
    they count only if all that are the same have the same label, and that is no chance either. Copies that are nearly
    all of the label that is rarer in the cohort were made by oversampling.
    """
    parts = scene.parts
    if "train" not in parts or len(parts) < 2:
        return []
    real = continuous(scene.rows, scene.features)
    train = parts["train"]
    others = pl.concat([part for name, part in parts.items() if name != "train"])
    keyed = list(scene.features)
    if real:
        told = pl.any_horizontal(pl.col(real).is_not_null())
        train, others = train.filter(told), others.filter(told)
    label = pl.col(scene.label).cast(pl.Int8)
    seen = train.select(*keyed, label.alias("seen")).unique(keyed, keep="any")
    same = others.select(*keyed, label.alias("y")).join(seen, on=keyed, how="inner", nulls_equal=True)
    if same.is_empty() or (not real and not _is_no_chance(same, scene)):
        return []
    if real and same.height < max(2, 0.002 * others.height):
        return []
    ones = float(same["y"].fill_null(0).mean() or 0.0)  # type: ignore[arg-type]
    is_heap = same.height >= 2 * _LEAST and max(ones, 1 - ones) >= _HEAP and _is_rare(scene, minority=ones > 0.5)
    evidence = f"{same.height} of {others.height} rows outside the training fold equal a training row in every feature"
    if is_heap:
        remedy = "Split first, by patient; resample the training rows only."
        return [LeakFinding("resampled-before-split", scene.fold, evidence + ", nearly all of one label", remedy,
                            same.height)]  # fmt: skip
    return [LeakFinding("duplicate-rows", scene.fold, evidence, "Take each row once before you split.", same.height)]


def _is_rare(scene: Scene, *, minority: bool) -> bool:
    """True where the label of the copies is the rarer one, as far as anybody said how rare it is."""
    if scene.prevalence is None:
        return True
    return (scene.prevalence < 0.5) is minority


def _is_no_chance(same: pl.DataFrame, scene: Scene) -> bool:
    told = same.drop_nulls(["y", "seen"])
    groups = told.unique([name for name in told.columns if name not in ("y", "seen")]).height
    if not groups or (told["y"] != told["seen"]).any():
        return False
    ones = float(scene.labelled[scene.label].mean() or 0.0)  # type: ignore[arg-type]
    likely = max(ones, 1 - ones)
    return 0 < likely < 1 and groups * math.log(likely) < math.log(_CHANCE)


def synthetic_rows(scene: Scene) -> list[LeakFinding]:
    """Rows outside the training fold that lie on a straight line between two others of their label: SMOTE and its kin.

    A measured row lies on such a line with probability 0 where three or more features are continuous. A sample of rows
    of each label is looked at, each against the lines between its nearest others, in the continuous features that four
    of five rows have.
    """
    parts = scene.parts
    most = _MOSTLY * scene.rows.height
    real = [name for name in continuous(scene.rows, scene.features) if scene.rows[name].count() >= most]
    if "train" not in parts or len(parts) < 2 or len(real) < 3:
        return []
    whole = scene.labelled.drop_nulls(real).filter((pl.col(scene.fold) != "gap").fill_null(value=False))
    shares = {}
    for label in (0, 1):
        own = whole.filter(pl.col(scene.label) == label)
        shares[label] = _on_lines(own.select(real).to_numpy(), (own[scene.fold] != "train").to_numpy())
    found = []
    for label, (hits, looked) in shares.items():
        other = shares[1 - label]
        rate, control = hits / max(looked, 1), other[0] / max(other[1], 1)
        if hits >= _LEAST and rate >= _SHARE and control <= rate / 4:
            evidence = f"{hits} of {looked} rows looked at, of label {label}, lie between two others of the same label"
            remedy = "Split first, by patient; resample the training rows only."
            found.append(LeakFinding("resampled-before-split", scene.fold, evidence, remedy, hits))
    return found


def _on_lines(rows: np.ndarray, is_outside: np.ndarray) -> tuple[int, int]:
    """How many of the rows outside the training fold lie on lines between two others, and how many were looked at."""
    places = np.flatnonzero(is_outside)
    looked = places[:: max(1, math.ceil(len(places) / _SEED_ROWS))]
    if len(rows) < _NEIGHBOURS + 2:
        return 0, len(looked)
    spread = rows.std(axis=0)
    told = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    first, second = np.triu_indices(_NEIGHBOURS, 1)
    hits = 0
    for place in looked:
        away = np.einsum("nd,nd->n", told - told[place], told - told[place])
        away[away == 0] = np.inf
        near = told[np.argpartition(away, _NEIGHBOURS)[:_NEIGHBOURS]]
        begin, line = near[first], near[second] - near[first]
        length = np.maximum(np.einsum("pd,pd->p", line, line), 1e-300)
        step = np.einsum("pd,pd->p", told[place] - begin, line) / length
        off = told[place] - begin - step[:, None] * line
        is_between = (step > 1e-6) & (step < 1 - 1e-6)
        distance = np.sqrt(np.einsum("pd,pd->p", off, off) / length)
        hits += bool(np.any(is_between & (distance < _ON_LINE)))
    return hits, len(looked)


def shifted_prevalence(scene: Scene) -> list[LeakFinding]:
    """Folds outside the training whose share of positives is far from that of the cohort they were taken from."""
    if scene.prevalence is None:
        return []
    found = []
    for name, part in scene.parts.items():
        labels = part[scene.label].drop_nulls().cast(pl.Float64)
        share = labels.mean()
        if name == "train" or not isinstance(share, float) or labels.len() < 50:
            continue
        spread = 4 * math.sqrt(max(scene.prevalence * (1 - scene.prevalence), 1e-4) / labels.len())
        if abs(share - scene.prevalence) > max(_SPAN, spread):
            evidence = f"{share:.0%} of {labels.len()} rows are positive, {scene.prevalence:.0%} of the cohort"
            remedy = "Judge by rows as they come; resample the training rows only, after the split."
            found.append(LeakFinding("resampled-before-split", name, evidence, remedy, labels.len()))
    return found
