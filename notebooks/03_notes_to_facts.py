# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   careloom:
#     needs: [torch, peft]
# ---

# %% [markdown]
# # 03 Notes step by step: read, measure, correct, train a small model
#
# **What you learn.** What reading a note means (find, decide whether it *is so*, code), how to measure it so that the
# number means something, how a person's correction speaks in place of the reader, and how a small model learns from a
# large one.
#
# Nobody here exists. Notebook [17](17_read_notes.ipynb) follows a fact back to its characters.

# %%
from collections import Counter
from html import escape

from IPython.display import HTML
from workbench import BLUE, GREEN, ORANGE, Workbench, bars_with_intervals, label, panels, show, table

from careloom.client.note_reports import AboutNote
from careloom.runtime import packaged
from careloom.services.evaluate_nlp import EvaluateNlpAsk, evaluate_nlp
from careloom.services.simulate import SimulateAsk, simulate
from careloom.services.train_ner import TrainNerAsk, train_ner

bench = Workbench(seed=3)
api = bench.client("engineer")
NOTE = """HISTORY OF PRESENT ILLNESS: 58-year-old woman with type 2 diabetes and hypertension, with fever and
productive cough for three days. She denies chest pain. Chest X-ray showed right lower lobe pneumonia. No pulmonary
embolism was seen. Possible sleep apnea.

FAMILY HISTORY: Her father died of colon cancer.

DISCHARGE MEDICATIONS: Metformin 500 mg PO twice daily. Lisinopril 10 mg daily.

PLAN: Return if shortness of breath worsens.
"""

# %% [markdown]
# ## Step one: find, and decide whether it is so
#
# A mention is not a fact. "No embolism", "possible apnea", "father ... cancer" and "return if shortness of breath" all
# name a disease that the patient does not have, or not yet. **See** the colours: green is so, red is not, yellow may
# be, violet only under a condition, blue in the family.

# %%
found = api.nlp.analyze(NOTE, AboutNote(note="n1", patient="p1", time="2026-03-06T10:00:00Z"))
SHADES = {"absent": "#f6c7c7", "possible": "#fbe6b0", "hypothetical": "#e3d7f5", "conditional": "#e3d7f5"}


def shade(one) -> str:
    """The colour of what is said of a mention."""
    if one.assertion is None:
        return "#e4e7eb"
    return "#cfe0fb" if one.assertion.experiencer == "family" else SHADES.get(one.assertion.presence, "#cdebd3")


parts, last = [], 0
for one in found.annotations:
    if one.start >= last:
        words = escape(NOTE[one.start : one.end])
        parts += [escape(NOTE[last : one.start]), f'<mark style="background:{shade(one)};color:#111">{words}</mark>']
        last = one.end
HTML(f'<pre style="white-space:pre-wrap">{"".join(parts)}{escape(NOTE[last:])}</pre>')

# %% [markdown]
# ## Step two: code, and write facts
#
# Only what is present and the patient's own becomes a problem. *A wrong conclusion:* "the note names seven diseases, so
# she has seven".

# %%
told = [
    one for one in found.annotations if one.assertion is not None and one.label in ("PROBLEM", "DISEASE", "SYMPTOM")
]
told = told or [one for one in found.annotations if one.assertion is not None]
table(
    "words, label, presence, experiencer, first code",
    [
        (o.text, o.label, o.assertion.presence, o.assertion.experiencer,
         next((f"{c.code} {c.display}" for c in o.codes if c.rank == 1), "")[:60])
        for o in told
    ],
)  # fmt: skip
facts = [entry["resource"] for entry in api.nlp.export(NOTE, "fhir", AboutNote(note="n1", patient="p1"))["entry"]]
table("resource that is written, how many", Counter(fact["resourceType"] for fact in facts).most_common())

# %% [markdown]
# ## Step three: measure
#
# Against the simulator's answers, on notes of patients of another seed. Intervals come from drawing **documents** anew.
# *Strict* asks for the exact words, *overlap* for a common character.

# %%
corpora = bench.folder / "corpora"
simulate(SimulateAsk(corpora / "simulated", patients=3, seed=31, feeds=("notes",), processes=1))
measured = evaluate_nlp(EvaluateNlpAsk(corpora, tasks=("simulated", "assertion")))
rows = [
    (f"{task}: {one.name}", one.value, *(one.interval or (one.value, one.value)), one.count)
    for task, report in measured.tasks.items()
    for one in report.measures
    if one.value is not None and one.value <= 1
]
figure, axis = panels(height=max(2.4, 0.45 * len(rows)), width=9)
bars_with_intervals(axis, [row[:4] for row in rows])
axis.set_xlim(min(0.6, min(row[2] for row in rows) - 0.05), 1.02)
label(
    axis, f"How the notes of three simulated patients are read ({rows[0][4]})", "value, 95 % interval by document", ""
)
show(figure, "Simulated notes are read almost without a fault, which says more of simulated notes than of the reader.")

# %% [markdown]
# *A wrong conclusion:* "F1 above 0.95, so it reads our notes". The reader has learnt from notes that the same simulator
# wrote. On case reports that people annotated (MACCROBAT) the same reader has far less: the
# [datasheet](../docs/datasheets/nlp-entities.md) has both. Measure on **your** notes before you believe a number.

# %%
scores = measured.tasks["simulated"].as_json()["scores"]["strict"]
labels = {
    name: one for name, one in (scores.get("labels") or scores).items() if isinstance(one, dict) and one.get("f1")
}
shown = sorted(labels, key=lambda name: labels[name]["f1"])
figure, axis = panels(height=0.28 * len(shown) + 1, width=9)
axis.barh(shown, [labels[name]["f1"] for name in shown], color=BLUE)
for place, name in enumerate(shown):
    count = labels[name]["right"] + labels[name]["missed"]
    axis.annotate(f" n = {count:,}", (labels[name]["f1"], place), va="center", fontsize=8)
axis.set_xlim(0.5, 1.08)
axis.grid(axis="y", visible=False)
label(axis, "F1 by label, strict", "F1", "")
show(figure, "Labels with few mentions tell little: read n before F1.")

# %% [markdown]
# ## Step four: correct
#
# A correction is the whole of what a note says, by a person. It speaks in place of the reader, the facts are merged
# anew, and it becomes training data. Here the first patient's notes are read, and in one of them a clinician removes a
# finding that was read from it.

# %%
bench.ingest(api, bench.feeds(patients=6))
identified = api.fhir("identified")
notes_of = Counter(one["subject"]["reference"] for one in identified.all("DocumentReference", count=100))
patient = notes_of.most_common(1)[0][0].split("/")[1]
run = api.nlp.start(patient=patient)
bench.work()
report = api.nlp.wait(run.id).report
print(report.notes, "of one patient")
document = next(
    one for one in identified.all("DocumentReference", {"patient": patient}, count=100)
    if len(api.nlp.note("identified", one["id"]).facts) >= 2
)  # fmt: skip
before = api.nlp.export_note("identified", document["id"], "json")
wrong = before["annotations"][-1]["id"]
after = {
    **before,
    "annotations": [one for one in before["annotations"] if one["id"] != wrong],
    "relations": [one for one in before["relations"] if wrong not in (one["head"], one["tail"])],
}
api.nlp.correct("identified", document["id"], document=after)
(kept,) = api.nlp.corrections("identified")
table(
    "of this note, annotations",
    [("the reader found", len(before["annotations"])), ("the person says", len(kept["annotations"]))],
)
assert len(kept["annotations"]) == len(before["annotations"]) - 1

# %% [markdown]
# ## Step five: train a small model
#
# The model that ships has six layers. A model of three is faster; it learns what people annotated **and** what the
# large one says of further sentences (distillation). Two epochs on the notes of two patients are a demonstration: it
# learns, and it is not good yet.

# %%
material, teacher = bench.folder / "material", bench.folder / "teacher.zip"
teacher.write_bytes(packaged("nlp", "models/clinical-en.zip"))
simulate(SimulateAsk(material / "simulated", patients=2, seed=77, feeds=("notes",), processes=1))
course = []
made = train_ner(
    TrainNerAsk(material, bench.folder / "small.zip", teacher=teacher, layers=3, heads=("note",), epochs=2),
    lambda number, loss: course.append((number, loss)),
)
print(f"{made.documents['note']} notes; {teacher.stat().st_size / 1e6:.1f} MB the large model, "
      f"{made.size_bytes / 1e6:.1f} MB the small one")  # fmt: skip
small = evaluate_nlp(EvaluateNlpAsk(corpora, tasks=("simulated",), model=bench.folder / "small.zip", seen=True))
named = {"large, as it ships": measured, "small, two epochs": small}
compared = [
    (f"{name}: {one.name}", one.value, *(one.interval or (one.value, one.value)))
    for name, report in named.items()
    for one in report.tasks["simulated"].measures
    if one.value is not None and one.name.endswith("F1")
]
figure, (left, right) = panels(2, height=3.0, width=10)
left.plot([number for number, _ in course], [loss for _, loss in course], "o-", color=ORANGE)
left.set_xticks([number for number, _ in course])
label(left, "Training of the small model", "epoch", "loss")
bars_with_intervals(right, compared, colour=GREEN)
right.set_xlim(0.5, 1.05)
label(right, "Simulated notes, read by both", "F1, 95 % interval", "")
show(figure, "The loss falls; what counts is the right panel, on notes that neither was trained on here.")

# %% [markdown]
# *Wrong conclusions to avoid:*
#
# - "The loss fell, so it is better": better than what, on which notes?
# - "The small model has learnt from simulated notes and reads simulated notes, so it may replace the large one": a
#   version is let out by its gates, and by a second person ([release a model](../docs/how-to/release-a-model.md)).
#
# For your own: `careloom train ner corpora/ --corrections corrections.ndjson`
# ([how-to](../docs/how-to/correct-and-retrain.md)).

# %%
api.sign_out()
bench.close()
