# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   careloom:
#     needs: [torch, sklearn]
# ---

# %% [markdown]
# # 05 Synthetic notes: words of nobody, and how to know it
#
# **What you learn.** How notes about nobody are written from the notes of patients, what a language model may learn and
# what it must not say again, and which measures tell a good note from a copied one.
#
# The notes to learn from are those of the simulated hospital, de-identified and annotated. A tiny model learns for some
# seconds: it is a demonstration of the way, not of quality. The [datasheet](../docs/datasheets/synthetic-notes.md) has
# what a trained one reaches.

# %%
from workbench import BLUE, SLATE, Workbench, label, panels, show, table

from careloom.errors import StateError, Withheld

bench = Workbench(seed=5)
api = bench.client("scientist")
bench.ingest(api, bench.feeds(patients=24))
run = api.deidentifications.start("safe-harbor")
bench.work()
api.deidentifications.wait(run.id)
read = api.nlp.start("research")
bench.work()
report = api.nlp.wait(read.id).report
print("what was read of the research zone's notes:", report.notes)

# %% [markdown]
# ## Learn, without names
#
# Before anything is learnt, identifiers that detectors still find become places without words, words that too few
# patients share are dropped, and 30 % of the patients are set aside as *controls* that the model never sees. Without an
# epsilon the fit is **not private**, and the ledger says so; without a budget nothing is learnt at all.

# %%
OPTIONS = {"width": 64, "layers": 2, "heads": 2, "epochs": 3}
api.synthetic.set_budget("research", 3.0, delta=1e-6, reason="Board of 3 December")
model = api.synthetic.fit_notes(name="notes", options=OPTIONS)
bench.work()
model = api.synthetic.wait(model.id)
account = api.synthetic.account("research")
table("row, kind, epsilon, note", [
    (one.seq, one.kind, "no bound" if one.kind == "fit" and one.epsilon is None else one.epsilon, one.note)
    for one in reversed(account.entries)
])  # fmt: skip

# %% [markdown]
# ## Draw, and let it be judged
#
# Thirty notes are drawn, each with a record that grows while it is written. Nobody can look at them yet: they lie
# sealed until a release gate lets them out. What comes back are **measures**, each against notes that were learnt and
# against controls.

# %%
sample = api.synthetic.sample_notes(model.id, 30)
bench.work()
judged = api.synthetic.judged(sample.id)
measures = {one.name: one for one in judged.measures}
WORDS = {
    "agreement": "F1 of the record's facts and those read in the note",
    "facts_true": "facts in a note that its record has",
    "facts_told": "facts of the record that its note tells",
    "statuses_true": "present, absent, of the family: as in the record",
    "utility": "a tagger trained on them, by one trained on real notes",
}
shown = [name for name in WORDS if name in measures]
figure, axis = panels(height=2.9, width=9)
axis.barh([WORDS[name] for name in shown], [measures[name].value for name in shown], color=BLUE)
for place, name in enumerate(shown):
    axis.annotate(f" {measures[name].value:.2f}", (measures[name].value, place), va="center", fontsize=8.5)
axis.axvline(1, color="black", linewidth=1)
axis.invert_yaxis()
axis.set_xlim(0, 1.25)
axis.grid(axis="y", visible=False)
label(
    axis, f"What the notes are good for (n = {judged.rows or 30} notes)", "share, or ratio to real notes; 1 is best", ""
)
show(figure, "Notes say what their records say: words for facts are put in by rule, and only the rest is learnt.")

# %% [markdown]
# *A wrong conclusion:* "a utility above 1: better than real notes". It is a ratio of two scores on a handful of
# controls; with some dozen notes it says only "not obviously worse".
#
# ## Does it look like the notes that were learnt?
#
# Distances of how often labels and concepts come; the yardstick is what **other real notes** reach.

# %%
figure, axis = panels(height=2.4, width=8)
pairs = [("labels and statuses", "entity_distance"), ("concepts", "name_distance")]
for place, (_, name) in enumerate(pairs):
    axis.barh(place - 0.18, measures[name].value, 0.32, color=BLUE, label="synthetic" if not place else None)
    of_controls = measures[f"{name}_of_controls"].value
    axis.barh(place + 0.18, of_controls, 0.32, color=SLATE, label="controls" if not place else None)
axis.set_yticks(range(len(pairs)), [title for title, _ in pairs])
axis.invert_yaxis()
axis.legend()
axis.grid(axis="y", visible=False)
label(
    axis, f"Distance to the notes of {measures['patients'].value:.0f} patients who were learnt from", "0 is alike", ""
)
show(figure, "Synthetic notes lie a little farther off than other real notes do.")

# %% [markdown]
# ## Does it say again what somebody's note said?
#
# The longest run of words that stands in one learnt note; how many notes share eight words in a row with learnt notes,
# beyond what controls do; what detectors of identity still find; whether an attack tells who was learnt from.

# %%
table(
    "measure, found, interval, the strict policy asks for",
    [
        (title, f"{one.value:.3g}", "" if one.low is None else f"{one.low:.2f} to {one.high:.2f}", asked)
        for title, name, asked in (
            ("longest run of words of one learnt note", "longest_run", "at most 8"),
            ("notes with eight words in a row, beyond controls", "copied_excess", "not above 0"),
            ("finds of the detectors of identity", "identifiers", "0"),
            ("words of fewer than ten patients", "small_cells", "0"),
            ("area of the strongest attack on who was learnt from", "membership_area", "upper bound at most 0.55"),
            ("resources that are no valid FHIR", "invalid_resources", "0"),
        )
        for one in (measures[name],)
    ],
)
refused = ""
try:
    api.synthetic.release(sample.id, "notes_synthetic", timeout=5.0, poll=0.5)
except Withheld as gate:
    refused = str(gate).split("\n")[0]
except StateError:
    bench.work()
    refused = api.synthetic.drawn(sample.id).state
print("the strict policy:", refused)
assert refused

# %% [markdown]
# *Wrong conclusions to avoid:*
#
# - "No run is longer than eight words, so nothing was copied": a rare diagnosis in two words may be copied, too; that
#   is why words of few patients count as `small_cells`.
# - "The interval of the attack contains 0.5, so nobody can be found": of some dozen patients it also contains 0.9. Few
#   patients prove little, and the gate keeps such notes in.
#
# Notes that are let out: [make synthetic notes](../docs/how-to/make-synthetic-notes.md); privately, with `--epsilon`
# and public words; with whole records that they tell.

# %%
api.sign_out()
bench.close()
