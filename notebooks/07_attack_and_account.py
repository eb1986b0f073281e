# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   careloom:
#     needs: [sklearn]
# ---

# %% [markdown]
# # 07 Attack synthetic rows, and keep account of epsilon
#
# **What you learn.** How an attacker finds out who was in a data set, how to see whether an attack would have seen
# anything at all, what epsilon promises and how it adds up, and how the ledger says no.
#
# The rows are adults of the simulated hospital (`people.py`): nobody is harmed by being found.

# %%
import numpy as np
import polars as pl
from people import PEOPLE, people
from workbench import BLUE, GREEN, ORANGE, PURPLE, SLATE, Workbench, label, panels, show, table

from careloom.pipeline.registry import load
from careloom.runtime import packaged
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import Gaussian, Laplace
from careloom.synth.engine import Ask, Privacy, Watch
from careloom.synth.privacy import judge_privacy
from careloom.synth.tabular import fit

frame = people()
order = np.random.default_rng(1).permutation(frame.height)
members, controls = frame[order[:900]], frame[order[900:1800]]
print(f"{members.height} were learnt from, {controls.height} were not; both come from one source")

# %% [markdown]
# ## One attack, by hand
#
# The attacker has a patient's row and the release, and asks: is the nearest synthetic row suspiciously near? Three
# releases: the members themselves, the members with a third of their values changed, and rows of an engine that kept to
# epsilon 1. Distance is counted in columns that differ, numbers in ten bins.


# %%
def binned(rows: pl.DataFrame) -> np.ndarray:
    """Rows as whole numbers, numbers cut at the controls' deciles."""
    columns = []
    for column in PEOPLE.columns:
        if column.kind == "categorical":
            columns.append(rows[column.name].replace_strict(column.values, range(len(column.values))).to_numpy())
        else:
            cuts = np.quantile(controls[column.name].drop_nulls(), np.linspace(0.1, 0.9, 9))
            filled = rows[column.name].cast(pl.Float64).fill_null(-1).to_numpy()
            columns.append(np.where(filled < 0, -1, np.searchsorted(cuts, filled)))
    return np.column_stack(columns)


def nearest(targets: pl.DataFrame, release: pl.DataFrame) -> np.ndarray:
    """For each target in how many columns the nearest row of the release differs."""
    rows, of = binned(release), binned(targets)
    return np.array([(rows != one).sum(axis=1).min() for one in of])


draw = np.random.default_rng(7)
blurred = members.select(
    pl.when(pl.Series(draw.random(members.height) < 0.35))
    .then(members[name].shuffle(seed=at))
    .otherwise(name)
    .alias(name)
    for at, name in enumerate(members.columns)
)
watch = Watch(noise=np.random.default_rng(5))
engine = load("synth.engine.marginals")
private = fit(PEOPLE, members, engine, Ask(1, Privacy(1.0, 1e-6), "diabetes"), watch, load("synth.modes"))
releases = {
    "the members themselves": members,
    "a third of values changed": blurred,
    "private, epsilon 1": private.sample(900, np.random.default_rng(2)),
}
figure, axes = panels(3, height=3.0, width=10)
bins = np.arange(-0.5, 10.5)
for axis, (name, release) in zip(axes, releases.items(), strict=True):
    for title, targets, colour in (("members", members, ORANGE), ("controls", controls, SLATE)):
        axis.hist(nearest(targets, release), bins=bins, histtype="step", linewidth=2, color=colour, label=title)
    label(axis, name, "columns that differ", "patients")
axes[0].legend()
show(
    figure,
    "How near the nearest row is, of 900 patients each: apart on the left, on each other on the right.",
)

# %% [markdown]
# ## From distances to a verdict
#
# Accuse everybody nearer than a threshold: the curve is the share of members found against the share of controls
# accused wrongly. **See** the left end: an attacker who may not err often cares about that corner, not about the area.

# %%
figure, axis = panels(height=3.8, width=6.4)
for (name, release), colour in zip(releases.items(), (ORANGE, BLUE, GREEN), strict=True):
    near, far = nearest(members, release), nearest(controls, release)
    cuts = range(-1, len(PEOPLE.columns) + 1)
    found, accused = [(near <= cut).mean() for cut in cuts], [(far <= cut).mean() for cut in cuts]
    axis.plot(accused, found, "o-", color=colour, markersize=4, label=f"{name}: {np.trapezoid(found, accused):.2f}")
axis.plot([0, 1], [0, 1], color="black", linewidth=1)
axis.legend(loc="lower right", title="area under the curve")
label(axis, "Who was learnt from?", "controls accused, share", "members found, share")
show(figure, "Membership inference by distance. The diagonal is a coin.")

# %% [markdown]
# ## Six attacks, and whether they could have seen anything
#
# One attack that fails proves little. `judge_privacy` runs six of membership and those of the Article 29 Working Party
# (singling out, linkability, inference). Each is tried on the release **with some members copied into it**: an attack
# that would not even see these is weak, and its silence means nothing.

# %%
reports = {name: judge_privacy(PEOPLE, members, controls, release, seed=1) for name, release in releases.items()}
table(
    "attack, sees something of the third changed, of the private rows, would see copies of",
    [
        (
            name,
            "yes" if one.seen else "no",
            "yes" if (other := reports["private, epsilon 1"].membership[name]).seen else "no",
            "nothing: weak" if other.would_see is None else f"{other.would_see:.0%} of the release",
        )
        for name, one in reports["a third of values changed"].membership.items()
    ],
)
for name, report in reports.items():
    print(f"{name}: {'; '.join(report.reasons()[:2]) or 'no reason against a release was measured'}")
assert reports["the members themselves"].copies.exact.members.successes > 0
assert not any(one.seen for one in reports["private, epsilon 1"].membership.values())

# %% [markdown]
# *A wrong conclusion:* "nobody's row stands in the release, so it is anonymous". In the middle release hardly any row
# is a copy, and the attacks find the members all the same.
#
# ## What epsilon promises
#
# Whatever else an attacker knows: who was sure by half that a patient is in is sure by e^epsilon / (1 + e^epsilon) at
# most afterwards. The promise is about the *mechanism*, so it holds against attacks that nobody has thought of yet.

# %%
epsilons = np.geomspace(0.05, 12, 80)
figure, (left, right) = panels(2, height=3.2, width=9.6)
left.plot(epsilons, 100 / (1 + np.exp(-epsilons)))
for mark in (0.5, 1, 3, 10):
    height = 100 / (1 + np.exp(-mark))
    left.plot(mark, height, "o", color=ORANGE)
    left.annotate(f" {mark:g}: {height:.0f} %", (mark, height), va="top", fontsize=8.5)
left.set_xscale("log")
left.set_ylim(45, 104)
label(left, "How sure an attacker may become", "epsilon, logarithmic", "right at most, of 100")
truth = int((frame["diabetes"] == "yes").sum())
counts = [truth + draw.laplace(0, 1 / epsilon, 4000) for epsilon in (0.02, 0.1, 1.0)]
right.boxplot(counts, tick_labels=["0.02", "0.1", "1"], showfliers=False, medianprops={"color": PURPLE})
right.axhline(truth, color=ORANGE, linewidth=1, label=f"counted: {truth}")
right.legend()
label(right, "A count, published 4,000 times", "epsilon of the count (Laplace noise)", "patients with diabetes")
show(figure, "Left: the worst that epsilon allows. Right: what it costs a single count of some two hundred patients.")

# %% [markdown]
# ## How it adds up
#
# Each use is paid. Simple addition is a bound that is far from tight: composed exactly, a hundred noisy counts cost
# much less than a hundred times one.

# %%
uses = [1, 2, 5, 10, 20, 50, 100]
figure, axis = panels(height=3.2)
axis.plot(uses, [0.1 * number for number in uses], "o-", color=SLATE, label="Laplace 0.1, added up")
composed = [spent([Laplace(0.1, count=number)], 1e-6).epsilon for number in uses]
axis.plot(uses, composed, "o-", color=BLUE, label="Laplace 0.1, composed (delta 1e-6)")
gauss = [spent([Gaussian(20.0, count=number)], 1e-6).epsilon for number in uses]
axis.plot(uses, gauss, "o-", color=GREEN, label="Gaussian, noise 20 (delta 1e-6)")
axis.legend()
label(axis, "What many uses cost together", "uses of the same patients", "epsilon in all")
show(figure, "Composition: the sum is never exceeded, and for many uses the exact account lies well below it.")

# %% [markdown]
# ## The ledger says no
#
# In an installation nobody may forget to count: a private fit reserves its epsilon **before** it looks at a row. Here a
# privacy officer gives the research zone a budget of 1.2, and fits of 0.6 are asked for until one is refused.

# %%
bench = Workbench(seed=7)
api = bench.client("officer")
bench.ingest(api, bench.feeds())
queued = api.deidentifications.start()
bench.work()
api.deidentifications.wait(queued.id)
BUDGET = 1.2
api.synthetic.set_budget("research", BUDGET, delta=1e-5, reason="Board of 3 December")
metadata = packaged("sample", "patients.toml").decode()
used, answers = [0.0], []
for number in range(1, 9):
    queued = api.synthetic.fit("silver/patients", metadata, epsilon=0.6, delta=1e-6, target="gender")
    bench.work()
    model = api.synthetic.model(queued.id)
    if model.state != "fitted":
        answers.append((number, model.state, f"{used[-1]:.2f}", model.error))
        break
    used.append(BUDGET * api.synthetic.account("research").used)
    answers.append((number, model.state, f"{used[-1]:.2f}", ""))
table("fit of 0.6, became, used in all, because", answers)
assert answers[-1][3] == "state.budget-spent"

# %%
figure, axis = panels(height=2.8, width=8)
axis.plot(range(len(used)), used, "o-", color=BLUE, label="as the ledger composes them")
axis.plot(range(len(used)), [0.6 * number for number in range(len(used))], "o--", color=SLATE, label="added up")
axis.axhline(BUDGET, color=ORANGE, label=f"budget: {BUDGET}")
axis.set_xticks(range(len(used)))
axis.legend()
label(axis, "The account of the research zone", "fits of epsilon 0.6", "epsilon used")
show(
    figure,
    "The ledger composes uses, and admits more than two fits; the one that would go beyond is refused.",
)
account = api.synthetic.account("research")
table(
    "row, kind, epsilon, outcome",
    [
        (one.seq, one.kind, "" if one.epsilon is None else f"{one.epsilon:.2f}", one.outcome)
        for one in reversed(account.entries)
    ],
    "The ledger: what was reserved is never given back, also where a fit fails: it looked",
)

# %% [markdown]
# *Wrong conclusions to avoid:*
#
# - "Each fit has 0.6, so a patient has 0.6": a patient is in all of them, and has what they have together.
# - "The measures of the judge are private, too": they look at real patients without noise and stay inside.
#
# More: [choose an epsilon](../docs/how-to/choose-epsilon.md), [set a budget](../docs/how-to/set-a-privacy-budget.md),
# [how the loss is counted](../docs/explanation/privacy-accounting.md).

# %%
api.sign_out()
bench.close()
