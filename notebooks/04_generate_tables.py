# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   careloom:
#     needs: [torch, sklearn]
# ---

# %% [markdown]
# # 04 Generate tables step by step: GAN, VAE, diffusion, and a private engine
#
# **What you learn.** How three kinds of networks learn a table, what a bound on privacy costs, and how to choose: by
# fidelity, by what the rows are good for, and by what attacks see. One number never decides.
#
# The table is that of notebook 02: adults of the simulated hospital, half to learn from (*members*), half that no
# engine sees (*controls*). In an installation `careloom synthesize fit | sample | judge | release` does all of this
# behind a gate; here the same functions run in the open.

# %%
import numpy as np
from people import PEOPLE, people
from workbench import BLUE, GREEN, OCHRE, ORANGE, PURPLE, SLATE, label, panels, show, table

from careloom.pipeline.registry import load
from careloom.synth.engine import Ask, Privacy, Watch
from careloom.synth.fidelity import judge_fidelity
from careloom.synth.privacy import judge_privacy
from careloom.synth.tabular import Wish, fit

frame = people()
order = np.random.default_rng(1).permutation(frame.height)
members, controls = frame[order[: frame.height // 2]], frame[order[frame.height // 2 :]]
print(f"{members.height} members, {controls.height} controls, {members.height - members.unique().height} equal rows")

# %% [markdown]
# ## What an engine sees
#
# No engine sees a table. Numbers become bins, quantiles or modes, categories become codes, and that a value is missing
# becomes a code, too. Constraints (a death after a birth) are taken out before and put back after. All engines share
# this, so a comparison compares the learning and not the plumbing.

# %%
ENGINES = {
    "gan": ("A generator that has to fool a critic", {"steps": 400}),
    "vae": ("Rows squeezed through few numbers, and drawn back from them", {"epochs": 20}),
    "diffusion": ("Hidden codes and noisy numbers are uncovered step by step", {"epochs": 40}),
}
table(
    "engine, how it learns, options, of which set here",
    [
        (name, how, len(load(f"synth.engine.{name}").options), ", ".join(f"{k} = {v}" for k, v in some.items()))
        for name, (how, some) in ENGINES.items()
    ],
)

# %% [markdown]
# ## Fit them, and watch
#
# **See** what the curves can tell: the GAN's losses are a tug of war and say nothing about how good its rows are; those
# of the VAE and the diffusion fall on rows that were set aside until they are learnt by heart, where the fit stops.

# %%
fitted, courses = {}, {}
for name, (_, options) in ENGINES.items():
    steps = []
    ask = Ask(seed=1, target="diabetes", options=options)
    fitted[name] = fit(
        PEOPLE, members, load(f"synth.engine.{name}"), ask, Watch(told=steps.append), load("synth.modes")
    )
    courses[name] = steps
SHADES = {"gan": BLUE, "vae": ORANGE, "diffusion": GREEN, "private, epsilon 1": PURPLE, "private, epsilon 10": OCHRE}
figure, axes = panels(3, height=3.0, width=10)
for axis, (name, steps) in zip(axes, courses.items(), strict=True):
    for number, loss in enumerate(sorted({key for step in steps for key in step.losses})):
        told = [(step.number, step.losses[loss]) for step in steps if loss in step.losses]
        axis.plot(*zip(*told, strict=True), color=(BLUE, ORANGE, GREEN, SLATE)[number % 4], label=loss)
    axis.legend(fontsize=7)
    label(axis, name, "epoch", "loss, as the engine has it")
show(figure, "The course of three fits. Losses of different engines do not compare.")

# %% [markdown]
# ## A private engine
#
# `marginals` counts columns and pairs, adds noise to the counts, and draws rows that agree with the noisy counts. What
# it tells of any one patient is bounded by **epsilon**: an attacker who guesses whether a patient was in by tossing a
# coin is right at most 73 times in 100 at epsilon 1. Nothing is learnt of a column but through the noise; that is why
# bounds and values have to come from a code book (`public = True` in `people.py`).

# %%
for epsilon in (1.0, 10.0):
    ask = Ask(seed=1, privacy=Privacy(epsilon, delta=1e-6), target="diabetes")
    watch = Watch(noise=np.random.default_rng(5))  # of a real fit: from the operating system, never from a seed
    made = fit(PEOPLE, members, load("synth.engine.marginals"), ask, watch, load("synth.modes"))
    fitted[f"private, epsilon {epsilon:g}"] = made
    print(f"asked for epsilon {epsilon:g}, spent {made.epsilon:.3f}, by {len(made.mechanisms)} mechanisms")

# %% [markdown]
# ## Draw, also to a wish
#
# Rows come as many as you like. A wish gives values, ranges, or a balance: the same number of patients with and without
# a diagnosis, for a class that is rare.

# %%
rows = {name: one.sample(members.height, np.random.default_rng(2)) for name, one in fitted.items()}
wish = Wish(ranges={"age": (60, 80)}, balance="diabetes")
wished = fitted["diffusion"].sample(200, np.random.default_rng(3), wish)
assert wished["age"].is_between(60, 80).all()
print("wished for:", dict(wished["diabetes"].value_counts().sort("diabetes").iter_rows()), "aged 60 to 80")
head = wished.head(4).select("age", "sex", "bmi", "systolic", "hba1c", "visits", "diabetes")
table(", ".join(head.columns), head.rows(), "Four of them; nobody's")

# %% [markdown]
# ## Judge one: are the rows like real ones?
#
# Beside each engine stand **controls**: other real rows. No engine can honestly do better.

# %%
detectors = {"boosting": load("synth.detect.boosting")}
sides = {**rows, "controls": controls}
fidelity = {
    name: judge_fidelity(PEOPLE, members, each, None, seed=1, detectors=detectors).synthetic
    for name, each in sides.items()
}
figure, (left, right) = panels(2, height=3.2, width=10)
names = list(sides)
colours = [SHADES.get(name, SLATE) for name in names]
left.barh(names, [fidelity[name].shape for name in names], color=colours)
right.barh(names, [fidelity[name].detection["boosting"] for name in names], color=colours)
right.axvline(0.5, color="black", linewidth=1)
right.set_xlim(0.4, 1)
right.set_yticks(range(len(names)), [""] * len(names))
left.invert_yaxis()
right.invert_yaxis()
label(left, f"Mean error of columns (n = {members.height})", "0 is best", "")
label(right, "Told apart by boosting", "area under the ROC curve; 0.5 is best", "")
show(figure, "Less noise, better rows: epsilon 1 on 900 patients costs a lot, epsilon 10 much less.")

# %% [markdown]
# ## Judge two: what are the rows good for?
#
# Train on synthetic, test on real (TSTR): five learners predict diabetes from all other columns, and are tested on
# controls. What they reach when trained on members is the yardstick.

# %%
utility = load("synth.utility")
worth = {name: utility(PEOPLE, (members, each, None), controls, "diabetes", seed=1) for name, each in rows.items()}
learners = list(worth["gan"].real.scores)
figure, axis = panels(height=3.2, width=9)
for place, learner in enumerate(learners):
    real = worth["gan"].real.scores[learner]
    axis.plot([place - 0.36, place + 0.36], [real, real], color="black", linewidth=1.5)
for number, (name, one) in enumerate(worth.items()):
    places = np.arange(len(learners)) + (number - 2) * 0.15
    axis.plot(places, [one.synthetic.scores[each] for each in learners], "o", color=SHADES[name], label=name)
axis.set_xticks(range(len(learners)), learners)
axis.set_ylim(0.55, 1.0)
axis.legend(ncols=3, fontsize=8)
label(axis, f"Trained on synthetic rows, tested on {controls.height} real ones", "learner", "area under the ROC curve")
show(figure, "The black line is what training on real members reaches; most engines come near it.")

# %% [markdown]
# *A wrong conclusion:* "AUROC 0.96 from synthetic rows, so they are good". Haemoglobin A1c alone gives away the
# diagnosis: an easy target says little. Look at the learner that suffers most (a single tree), and at other targets.
#
# ## Judge three: what do attacks see?
#
# Six attacks try to tell members from controls by the rows alone: an area of 0.5 is a coin. Notebook 07 takes them
# apart. An attack *sees* something where chance would do as much less than once in a thousand times.

# %%
attacked = {name: judge_privacy(PEOPLE, members, controls, each, seed=1) for name, each in rows.items()}
attacked["members, as they are"] = judge_privacy(PEOPLE, members, controls, members, seed=1)
figure, axis = panels(height=3.4, width=9)
for place, report in enumerate(attacked.values()):
    for one in report.membership.values():
        axis.plot(one.told.area.value, place, "o", color=ORANGE if one.seen else SLATE, alpha=0.8)
axis.axvline(0.5, color="black", linewidth=1)
axis.set_yticks(range(len(attacked)), list(attacked))
axis.invert_yaxis()
label(axis, "Attacks on who was learnt from (orange: it sees something)", "area under the ROC curve; 0.5 is a coin", "")
show(figure, "On small tables the networks leave traces that one attack finds; the private engine leaves none.")
table(
    "rows, strongest attack, area, reasons against a release",
    [
        (name, *max(((k, f"{m.told.area.value:.3f}") for k, m in report.membership.items()), key=lambda one: one[1]),
         "; ".join(report.reasons()[:2]) or "none measured")
        for name, report in attacked.items()
    ],
)  # fmt: skip
assert not any(one.seen for one in attacked["private, epsilon 1"].membership.values())
assert attacked["members, as they are"].reasons()

# %% [markdown]
# ## Choose
#
# | you need | take |
# |---|---|
# | a promise about every patient | the private engine, and more patients: noise shrinks with their number |
# | rows that models learn from, inside the hospital | diffusion or VAE, with the attacks' report beside them |
# | neither | simulate (`careloom simulate`): nobody is learnt from |
#
# *Wrong conclusions to avoid:* "no attack saw anything, so it is private" (these attacks, on this many patients; only
# epsilon is a bound) and "epsilon 10 is private" (an attacker may go from a coin to near certainty; the strict policy
# refuses above 3).
