# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   careloom:
#     needs: [lightgbm, sklearn]
# ---

# %% [markdown]
# # 06 A risk model that can be questioned: SHAP, calibration, fairness, decision curve
#
# **What you learn.** How a risk is trained without looking into the future, how to read the four pictures by which it
# is judged, and how to ask it why. The outcome: a stay of more than 7 days, known 24 hours after the admission.
#
# The facts are those of simulated patients (`careloom risk cohort simulate`), in the synthetic zone of an installation
# that lives as long as this notebook. One command trains: `careloom train risk length-of-stay-7d --zone synthetic`.

# %%

import numpy as np
import polars as pl
from workbench import BLUE, GREEN, ORANGE, RED, SLATE, Workbench, bars_with_intervals, label, panels, show, table

from careloom.risk.calibration import choose_calibration
from careloom.risk.decision import decision_curve
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.models_package import unpack
from careloom.risk.subgroups_gap import gaps
from careloom.services.risk_simulated import SimulatedFactsAsk, simulate_facts
from careloom.services.train_risk import TrainAsk, train_risk

bench = Workbench(seed=6)
facts = simulate_facts(bench.platform, bench.operator, SimulatedFactsAsk(patients=3000, seed=7))
api = bench.client("modeller")
print(f"{facts.rows:,} facts of {facts.patients:,} patients")

# %% [markdown]
# ## Who is in, and why
#
# A cohort is a list of rules. **See** how many each rule leaves, and that rows whose outcome nobody can know are left
# out, not counted as "no".

# %%
counted = api.risk.count("length_of_stay_7_days", zone="synthetic", facts=facts.name)
figure, axis = panels(height=2.8, width=9)
names = [step.name for step in counted.steps]
axis.barh(names, [step.rows for step in counted.steps], color=BLUE)
for place, step in enumerate(counted.steps):
    axis.annotate(f" {step.rows:,} stays of {step.patients:,}", (step.rows, place), va="center", fontsize=8)
axis.invert_yaxis()
axis.set_xlim(0, 1.3 * max(step.rows for step in counted.steps))
axis.grid(axis="y", visible=False)
label(axis, "What each rule leaves", "stays", "")
show(figure, "Attrition of the cohort, rule by rule: stays, and of how many patients.")
table("what came of those that are in, stays", sorted(counted.states.items(), key=lambda one: -one[1]))

# %% [markdown]
# ## Train
#
# Patients, not stays, are divided: 60 % to learn, 20 % to calibrate and to set the threshold, 20 % to judge. A leakage
# guard looks for columns that know the outcome. Everything that was decided stands in the version's files; none of them
# is a pickle.

# %%
trained = train_risk(
    bench.platform,
    bench.operator,
    TrainAsk(
        "length-of-stay-7d", zone="synthetic", facts=facts.name, seed=1, learner="lightgbm", judge=(), resamples=200
    ),
)
print("registered as", trained.version)
table("file, kilobytes", [(name, f"{len(data) / 1000:.1f}") for name, data in trained.files.items()])
table(
    "gate, found, passed",
    [(one["rule"], "" if one["found"] is None else f"{one['found']:.3f}", one["passed"]) for one in trained.findings],
)

# %% [markdown]
# One gate is not met: too few events to be let near patients. That is what gates are for; the notebook goes on because
# it is about how to read a model, not about using this one.
#
# The training set is a table of the lake, and the version names it with its digest. We take its rows of the test part,
# which nothing has seen, and ask the model itself.

# %%
name = trained.snapshot.split("#")[0]
rows = pl.concat([pl.read_ipc_stream(page) for page in api.lake("synthetic").pages(name)])
model = unpack(trained.files)
table("part, stays, patients, events", [
    (part, some.height, some["patient_id"].n_unique(), int(some["label"].sum()))
    for (part,), some in rows.drop_nulls("label").group_by("fold", maintain_order=True)
])  # fmt: skip
test = rows.filter(pl.col("fold") == "test").drop_nulls("label")
risk, happened = model.score(test), test["label"].to_numpy()

# %% [markdown]
# ## How good is it, and how sure is that?
#
# Intervals come from resampling **patients** with all their stays: stays of one patient are not independent. **See**
# how wide they are: a test part of some hundred stays does not tell 0.82 from 0.88.

# %%
told = evaluate(happened, risk, test["patient_id"], Resampling(seed=1))
MEASURES = {"auroc": "AUROC", "auprc": "Average precision", "brier": "Brier score", "ece": "Calibration error"}
figure, axis = panels(height=2.8)
shown = [(title, one.value, one.low, one.high) for key, title in MEASURES.items() if (one := getattr(told, key))]
bars_with_intervals(axis, shown)
axis.set_xlim(0, 1)
label(axis, f"Test part (n = {test.height} stays, {int(happened.sum())} events)", "value, with its 95 % interval", "")
show(figure, "Four measures with their intervals. AUROC ranks; only the calibration error says what a number means.")

# %% [markdown]
# ## Is a risk of 30 % really 30 %?
#
# Stays in five groups of equal size by their risk: what was said against what happened. The bars are 95 % intervals of
# what happened. **See** that a group that touches the diagonal cannot be called wrong; one far below the diagonal means
# alarm without reason.


# %%
def wilson(events: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share."""
    centre = (events + z * z / 2) / (count + z * z)
    reach = z * np.sqrt(events * (count - events) / count + z * z / 4) / (count + z * z)
    return max(0.0, centre - reach), centre + reach


figure, (left, right) = panels(2, height=3.8, width=9.6)
left.plot([0, 1], [0, 1], color="black", linewidth=1)
for group in np.array_split(np.argsort(risk), 5):
    said, so, (low, high) = risk[group].mean(), happened[group].mean(), wilson(int(happened[group].sum()), len(group))
    left.plot([said, said], [low, high], color=BLUE, alpha=0.5, linewidth=3)
    left.plot(said, so, "o", color=BLUE)
left.set_xlim(0, 1)
left.set_ylim(0, 1)
label(left, f"Calibration (five groups of {test.height // 5})", "risk said", "share that happened")
right.hist([risk[~happened], risk[happened]], bins=np.linspace(0, 1, 16), stacked=True, color=[SLATE, ORANGE],
           label=[f"no long stay ({int((~happened).sum())})", f"long stay ({int(happened.sum())})"])  # fmt: skip
right.legend()
label(right, "Risks that were said", "risk said", "stays")
show(figure, "Said against happened, and how risks are spread: most are low, so the top group carries the calibration.")

# %% [markdown]
# *A wrong conclusion:* "AUROC 0.85, so a risk of 0.3 can be told to a patient". AUROC is the same for risks squared.
# Two risks with one ranking, of which one is worthless as a number:

# %%
bent = risk**3
other = evaluate(happened, bent, test["patient_id"], Resampling(seed=1))
mend, _ = choose_calibration((happened[: test.height // 2], bent[: test.height // 2]),
                             (happened[test.height // 2 :], bent[test.height // 2 :]))  # fmt: skip
table(
    "risk, AUROC, calibration error, mean risk, happened",
    [
        (title, f"{one.auroc.value:.3f}", f"{one.ece.value:.3f}", f"{mean:.3f}", f"{happened.mean():.3f}")
        for title, one, mean in (("as said", told, risk.mean()), ("cubed", other, bent.mean()))
    ],
)
straight = evaluate(happened, mend.apply(bent), test["patient_id"], Resampling(seed=1))
print(f"calibrated anew, the cubed risk has an error of {straight.ece.value:.3f}: a calibration mends the number")

# %% [markdown]
# ## Does it help? The decision curve
#
# At a threshold of 0.2 a clinician acts where the risk is a fifth: one right alert is worth four wrong ones. The *net
# benefit* counts right alerts less wrong ones in that currency. A model helps where it lies above both "act on all" and
# "act on none".

# %%
curve = decision_curve(happened, risk, [round(each, 2) for each in np.arange(0.04, 0.62, 0.02)])
figure, (left, right) = panels(2, height=3.2, width=9.6)
left.plot(curve["threshold"], curve["model"], label="the model")
left.plot(curve["threshold"], curve["treat_all"], color=SLATE, label="act on all")
left.axhline(0, color="black", linewidth=1, label="act on none")
left.set_ylim(-0.08, curve["model"].max() * 1.15)
left.legend()
label(left, f"Net benefit (n = {test.height})", "risk from which one acts", "net benefit per stay")
right.plot(curve["threshold"], curve["alerts_per_100"], color=ORANGE)
right.axvline(model.threshold.alert_from, color=SLATE, label=f"chosen: {model.threshold.alert_from:.2f}")
right.legend()
right.set_ylim(0, None)
label(right, "What it costs in attention", "risk from which one acts", "alerts per 100 stays")
show(figure, "The model is worth more than acting on all from a threshold of about 0.1 on.")

# %% [markdown]
# ## For whom does it work?
#
# AUROC by group, with intervals. A group of few events looks bad, or good, by chance; `gaps` asks which group is worse
# **with certainty**, for all groups at once.

# %%
groups = [one for one in trained.report["subgroups"]["table"] if one["auroc"] is not None and one["events"] >= 10]
NAMES = {"2106-3": "White", "2186-5": "not Hispanic", "en": "English", "PUBLICPOL": "public", "age_band": "age"}
named = []
for one in groups:
    what, who = (NAMES.get(one[key], one[key]) for key in ("attribute", "group"))
    named.append((f"{what}: {who} ({one['events']} of {one['n']})", one))
figure, axis = panels(height=max(2.6, 0.42 * len(named)), width=9)
bars_with_intervals(
    axis, [(title, one["auroc"], one["auroc_low"], one["auroc_high"]) for title, one in named], form="{:.2f}".format
)
axis.axvline(told.auroc.value, color=ORANGE, linewidth=1, label=f"all: {told.auroc.value:.2f}")
axis.legend(loc="lower left")
axis.set_xlim(0.35, 1.02)
label(axis, "AUROC by group (events of stays)", "area under the ROC curve, 95 % interval", "")
show(figure, "Groups with ten events or more. All intervals overlap: nothing here is certain of any group.")
judged = rows.filter(pl.col("fold") != "train").drop_nulls("label")  # neither part has taught the trees
both = judged.select(
    "patient_id",
    happened="label",
    risk=model.score(judged),
    sex=pl.when("is_female").then(pl.lit("female")).otherwise(pl.lit("male")),
    age=pl.when(pl.col("age_years") >= 65).then(pl.lit("65 and over")).otherwise(pl.lit("under 65")),
)
table(
    "attribute, group, gap to all, with certainty at least, by chance?",
    [
        (one.attribute, one.group, f"{one.gap:+.3f}", f"{one.low:+.3f}", "may be" if one.low <= 0 else "no")
        for one in gaps(both, ["sex", "age"], Resampling(seed=1))
    ],
    f"Groups with 30 events and 30 stays without, validation and test part (n = {both.height})",
)

# %% [markdown]
# *A wrong conclusion:* "equal AUROC, so it is fair". Old patients stay longer, whoever they are: within an age group
# there is less to rank, and the AUROC falls without anybody being treated worse. Look at calibration by group, too: a
# group whose risks are too low is not called.
#
# ## Why? SHAP values
#
# What each concept adds to the log odds of one stay (exact Shapley values of the trees), so that all of them together
# are the risk. Over all stays: what the model leans on. In one stay: what a clinician reads.

# %%
parts = model.contributions(test)
concepts = [name for name in parts.columns if name not in ("base", "calibration")]
weight = {name: parts[name].abs().mean() for name in concepts}
most = sorted(concepts, key=lambda name: -weight[name])[:8]
figure, axis = panels(height=4.0, width=9)
draw = np.random.default_rng(1)
for place, name in enumerate(most):
    jitter = place + draw.uniform(-0.25, 0.25, test.height)
    axis.scatter(parts[name], jitter, s=9, c=np.where(happened, ORANGE, SLATE), alpha=0.7, rasterized=True)
axis.axvline(0, color="black", linewidth=1)
axis.set_yticks(range(len(most)), most)
axis.invert_yaxis()
label(axis, f"What a concept adds (n = {test.height} stays; orange: long)", "log odds; right raises the risk", "")
show(figure, "Concepts by the mean of what they add or take. Each dot is a stay.")
assert np.allclose(1 / (1 + np.exp(-parts.sum_horizontal().to_numpy())), risk, atol=1e-6)

# %%
one = int(np.argmax(risk))
own = parts.row(one, named=True)
steps = [("start", own["base"])] + [(name, own[name]) for name in sorted(concepts, key=lambda key: -abs(own[key]))[:7]]
rest = sum(own.values()) - sum(value for _, value in steps)
steps += [("all others, calibration", rest)]
figure, axis = panels(height=3.4, width=9)
total = 0.0
for place, (_, value) in enumerate(steps):
    axis.barh(place, value, left=total, color=RED if value > 0 else GREEN)
    total += value
axis.set_yticks(range(len(steps)), [f"{name} ({value:+.2f})" for name, value in steps])
axis.axvline(total, color="black", linewidth=1)
axis.invert_yaxis()
axis.grid(axis="y", visible=False)
label(axis, f"The stay with the highest risk: {risk[one]:.0%}", "log odds, added up from the top", "")
show(figure, "From the risk of a usual stay to that of this one, concept by concept.")
assert bool(happened[one]) in (True, False)

# %% [markdown]
# *Wrong conclusions to avoid:*
#
# - "Age raises the risk by 0.8, so age causes long stays". A SHAP value says what the *model* leans on, not what would
#   change if somebody intervened.
# - "A concept with a small value does not matter": of two that say the same, one may get all of it.
# - "The interval of AUROC contains 0.9, so it is about 0.9": it contains 0.8, too.
#
# The same for other outcomes: [train a risk model](../docs/how-to/train-a-risk-model.md), [judge a predicted
# risk](../docs/how-to/judge-a-risk.md), and how a version is let out: [release a
# model](../docs/how-to/release-a-model.md).

# %%
api.sign_out()
bench.close()
