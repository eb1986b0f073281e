# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   careloom:
#     needs: [torch, sklearn]
# ---

# %% [markdown]
# # 02 Real beside synthetic: how to look before you measure
#
# **What you learn.** How to compare a synthetic table with the real one column by column, pair by pair and pattern by
# pattern, and why each comparison needs a yardstick: **other real rows** that the generator never saw. Nothing can be
# nearer to the real rows than they are, except a copy.
#
# "Real" here are adults of the simulated hospital (`people.py` beside this notebook makes the table; nobody in it
# exists). In an installation the same judges run inside `careloom synthesize judge`, where nobody needs to see a row.

# %%
import itertools

import numpy as np
import polars as pl
from people import PEOPLE, people
from workbench import BLUE, ORANGE, SLATE, label, panels, show, table

from careloom.pipeline.registry import load
from careloom.synth.engine import Ask, Watch
from careloom.synth.fidelity import judge_fidelity
from careloom.synth.fidelity_columns import column_errors, pair_errors
from careloom.synth.tabular import fit

frame = people()
order = np.random.default_rng(1).permutation(frame.height)
real, control = frame[order[: frame.height // 2]], frame[order[frame.height // 2 :]]
print(f"{real.height} rows to learn from, {control.height} that no generator sees, {len(frame.columns)} columns")
table(
    "column, kind, unit, meaning, missing of the learnt",
    [(c.name, c.kind, c.unit, c.meaning, f"{real[c.name].is_null().mean():.0%}") for c in PEOPLE.columns],
)

# %% [markdown]
# ## Two generators
#
# A *diffusion*, and a *strawman* that draws each column by itself, as often as the values come: its columns are
# perfect, and everything between columns is lost. A judge that cannot tell these two apart is no judge.

# %%
ask = Ask(seed=1, target="diabetes", options={"epochs": 60})
made = fit(PEOPLE, real, load("synth.engine.diffusion"), ask, Watch(), load("synth.modes"))
synthetic = made.sample(real.height, np.random.default_rng(2))
draw = np.random.default_rng(4)
strawman = pl.DataFrame({name: real[name].gather(draw.permutation(real.height)) for name in real.columns})
SIDES = {"diffusion": synthetic, "columns alone": strawman, "other real rows": control}
SHADES = {"diffusion": BLUE, "columns alone": ORANGE, "other real rows": SLATE}

# %% [markdown]
# ## Column by column
#
# The grey area is what was learnt from. **See** that the grey line (other real rows) does not follow it exactly either:
# that much is chance.

# %%
NUMBERS = ("age", "bmi", "systolic", "creatinine", "glucose", "visits")
figure, axes = panels(3, 2, height=2.4, width=9.6)
for axis, name in zip(axes.flat, NUMBERS, strict=True):
    low, high = real[name].quantile(0.005), real[name].quantile(0.99)
    bins = np.linspace(low, high, 22)
    axis.hist(real[name].drop_nulls(), bins=bins, density=True, color="#c9d4da", label="learnt from")
    for side, rows in SIDES.items():
        axis.hist(rows[name].drop_nulls(), bins=bins, density=True, histtype="step", color=SHADES[side], label=side)
    axis.set_yticks([])
    label(axis, name, PEOPLE.column(name).unit, "density")
axes.flat[0].legend(fontsize=7)
show(figure, f"Six columns of {real.height} real and as many synthetic rows: all lines follow the grey area.")

# %%
errors = {side: column_errors(PEOPLE, real, rows) for side, rows in SIDES.items()}
figure, axis = panels(height=3.4)
places = np.arange(len(PEOPLE.columns))
for shift, (side, found) in zip((-0.27, 0, 0.27), errors.items(), strict=True):
    axis.bar(places + shift, [found[c.name] for c in PEOPLE.columns], 0.26, color=SHADES[side], label=side)
axis.set_xticks(places, [c.name for c in PEOPLE.columns], rotation=40, ha="right")
axis.legend()
label(axis, f"Error of each column (n = {real.height} rows a side)", "", "0 (alike) to 1 (apart)")
show(figure, "By columns alone the strawman wins: its error is zero, below that of real rows. That is no compliment.")

# %% [markdown]
# *A wrong conclusion:* "all columns match, so the data are good". The strawman matches them exactly.
#
# ## Pair by pair
#
# Does what belongs together still belong together? Shares of diabetes by haemoglobin A1c, and blood pressure by age:

# %%
figure, (left, right) = panels(2, height=3.2, width=9.6)
sugar, years = (4.0, 5.4, 5.7, 6.1, 6.5, 7.5, 16.0), (18, 30, 45, 60, 75, 100)
sides = {"learnt from": real, **SIDES}
for side, rows in sides.items():
    colour = SHADES.get(side, "black")
    told = rows.drop_nulls("hba1c")
    shares = [
        told.filter(pl.col("hba1c").is_between(low, high, closed="left")).select((pl.col("diabetes") == "yes").mean())
        for low, high in itertools.pairwise(sugar)
    ]
    left.plot(range(len(shares)), [100 * (one.item() or 0) for one in shares], "o-", color=colour, label=side)
    means = [
        rows.filter(pl.col("age").is_between(low, high, closed="left"))["systolic"].mean()
        for low, high in itertools.pairwise(years)
    ]
    right.plot(range(len(means)), means, "o-", color=colour, label=side)
left.set_xticks(range(len(sugar) - 1), [f"{a:g} to {b:g}" for a, b in itertools.pairwise(sugar)], rotation=30)
right.set_xticks(range(len(years) - 1), [f"{a} to {b}" for a, b in itertools.pairwise(years)], rotation=30)
label(left, "Diabetes by haemoglobin A1c", "haemoglobin A1c, %", "diagnosed, %")
label(right, "Systolic pressure by age", "age, years", "mean, mm[Hg]")
left.legend()
show(figure, "The strawman's lines are flat: it knows neither that sugar goes with diabetes nor that pressure rises.")

# %%
names = [c.name for c in PEOPLE.columns]
figure, axes = panels(3, height=3.6, width=10)
for axis, (side, rows) in zip(axes, SIDES.items(), strict=True):
    square = np.full((len(names), len(names)), np.nan)
    for pair in pair_errors(PEOPLE, real, rows):
        one, other = names.index(pair.one), names.index(pair.other)
        square[max(one, other), min(one, other)] = pair.error
    drawn = axis.imshow(np.ma.masked_invalid(square), cmap="magma_r", vmin=0, vmax=0.4)
    axis.set_xticks(range(len(names)), names, rotation=70, ha="right", fontsize=7)
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set_title(f"{side}: mean {np.nanmean(square):.3f}", fontsize=9.5)
    axis.grid(visible=False)
figure.colorbar(drawn, ax=axes, label="error of the pair", shrink=0.7)
show(figure, "Errors of all pairs: dark is wrong. The strawman is dark where columns hang together.")

# %% [markdown]
# *A wrong conclusion:* "other real rows are worse than the diffusion, so the diffusion is better than real". This error
# is that of the library sdmetrics, so that numbers compare with published ones: numbers are cut in ten bins of **each
# table's own** range, and one patient with an extreme pressure moves all bins. See the dark cells of the right panel:
# they are one outlier. A number without a yardstick, and a yardstick without a look, both mislead.

# %% [markdown]
# ## Missing values
#
# Whether a test was done is information (notebook 01). Does the generator know for whom it is missing?

# %%
figure, axis = panels(height=3.0)
for side, rows in sides.items():
    shares = [
        100 * rows.filter(pl.col("age").is_between(low, high, closed="left"))["hba1c"].is_null().mean()
        for low, high in itertools.pairwise(years)
    ]
    axis.plot(range(len(shares)), shares, "o-", color=SHADES.get(side, "black"), label=side)
axis.set_xticks(range(len(years) - 1), [f"{a} to {b}" for a, b in itertools.pairwise(years)])
axis.set_ylim(0, 100)
axis.legend()
label(axis, "Haemoglobin A1c was never measured", "age, years", "of the age group, %")
show(figure, "Who has no value is learnt by the diffusion; the strawman leaves gaps by chance.")

# %% [markdown]
# ## One number each, beside its yardstick
#
# `detection` is the area under the ROC curve of a classifier that tells synthetic from real rows: 0.5 cannot, 1 always
# can. It sees what no plot of one or two columns shows.

# %%
detectors = {"boosting": load("synth.detect.boosting")}
judged = {
    side: judge_fidelity(PEOPLE, real, rows, None, seed=1, detectors=detectors).synthetic
    for side, rows in SIDES.items()
}
table(
    "rows, columns, pairs, triples, missing patterns, detection",
    [
        (side, *(f"{getattr(one, name):.3f}" for name in ("shape", "trend", "triples", "missing")),
         f"{one.detection['boosting']:.3f}")
        for side, one in judged.items()
    ],
    "Errors: 0 is best; detection: 0.5 is best",
)  # fmt: skip
assert judged["columns alone"].shape < judged["other real rows"].shape
assert judged["columns alone"].detection["boosting"] > judged["diffusion"].detection["boosting"]
assert abs(judged["other real rows"].detection["boosting"] - 0.5) < 0.08

# %% [markdown]
# *Wrong conclusions to avoid:*
#
# - "The error of columns is below that of real rows, so it is better than real": it is nearer to *these* rows than
#   other patients are. That is the first sign of a copy; notebook 07 attacks it.
# - "Detection is 0.5, so it is private": fidelity says nothing about privacy. A copy of the table has 0.5, too.
#
# **Next:** [04](04_generate_tables.ipynb) fits GAN, VAE, diffusion and a private engine, and judges them all.
