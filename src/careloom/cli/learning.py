"""Commands that train models and measure them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from careloom.cli import train_risk

train = typer.Typer(help="Train a model anew.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a model on what others annotated.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    train_risk.register(train)
    app.add_typer(train, name="train")
    app.add_typer(evaluate, name="evaluate")


@train.command("ner")
def train_ner(
    data: Annotated[
        Path, typer.Argument(help="Folder with bc5cdr, ncbi_disease, maccrobat2020, term_*.", metavar="DATA")
    ],
    out: Annotated[Path, typer.Option(help="The archive to write; with --encoder a folder.")] = Path("clinical-en.zip"),
    base: Annotated[
        Path | None, typer.Option(help="Folder of the base model; downloaded by its hash if left out.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="An encoder of Hugging Face in its place: a folder, or an id of the hub.")
    ] = "",
    online: Annotated[bool, typer.Option("--online", help="The hub may be asked for --encoder.")] = False,
    guideline: Annotated[
        str, typer.Option(help="What --encoder learns: chemical_disease, disease, case_report, note.")
    ] = "note",
    corrections: Annotated[
        Path | None, typer.Option(help="Notes that people corrected: NDJSON, or a BRAT folder.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Learn from the held-out documents, too.")] = False,
    teacher: Annotated[
        Path | None, typer.Option(help="A tagger's archive from which a smaller one learns; keeps its words and names.")
    ] = None,
    layers: Annotated[int, typer.Option(min=1, help="Of the smaller one, with --teacher.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the documents.")] = 6,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Train the tagger of clinical entities that ships, or any other encoder. Needs the extra ml.

    Example: careloom train ner corpora/ --out clinical-en.zip

    Example: careloom train ner corpora/ --teacher clinical-en.zip --layers 5 --epochs 3 --out smaller.zip

    Example: careloom train ner corpora/ --encoder models/PubMedBERT --guideline disease --out tuned/
    """
    from careloom.cli import output
    from careloom.services.train_ner import TrainNerAsk, subjects_in
    from careloom.services.train_ner import train_ner as run

    subjects = subjects_in(corrections) if corrections is not None else set()
    allowed = _permitted(subjects) if subjects else set()
    ask = TrainNerAsk(
        data, out, base, encoder, online, guideline, corrections, whole, epochs, threads, frozenset(subjects - allowed),
        teacher, layers,
    )  # fmt: skip
    with output.progress("Training", quiet=json, unit="epochs") as watch:
        report = run(ask, None if watch is None else lambda done, loss: watch(done, epochs))
    if allowed:
        _registered(out.name, report.sha256, allowed)
    if json:
        output.emit_json(report.as_json())
        return
    output.show_table("Learnt from", ("guideline", "documents"), list(report.documents.items()))
    output.say(f"{report.out}: {report.size_bytes / 1e6:.1f} MB, sha256 {report.sha256}")


def _permitted(subjects: set[str]) -> set[str]:
    """Those of these patients, by keyed pseudonym, whom a training may still read: this installation knows."""
    from careloom.cli.session import opened
    from careloom.services.trainings import permitted

    with opened() as (platform, _):
        return set(permitted(platform, subjects))


def _registered(name: str, digest: str, subjects: set[str]) -> None:
    """Writes down who is in a model, so that an erasure finds it."""
    from careloom.cli.session import opened
    from careloom.services.trainings import TrainingAsk, register

    with opened() as (platform, who):
        register(platform, who, TrainingAsk(name, "model", digest, subjects))


@train.command("list")
def train_list(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what has to be done anew.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """List what learnt from patients, and what is tainted because one of them left.

    Example: careloom train list --waiting
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.trainings import trainings

    with opened() as (platform, who):
        found = trainings(platform, who, waiting=waiting)
    output.give(found, as_json=json, show=render_rights.trainings)


@train.command("retrained")
def train_retrained(
    training: Annotated[str, typer.Argument(help="The tainted training.")],
    successor: Annotated[str, typer.Argument(help="The training that took its place.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Note that another training took the place of a tainted one.

    Example: careloom train retrained 20261129T120000Z-abcdef 20261130T090000Z-ghijkl
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.trainings import retrained

    with opened() as (platform, who):
        done = retrained(platform, who, training, successor)
    output.give(done, as_json=json, show=lambda one: render_rights.trainings([one]))


def _require_place(file: Path) -> None:
    """Returns where a file can be written, before an hour of measuring. raises SetupError"""
    from careloom.errors import SetupError

    folder = file.parent
    if file.is_dir() or not folder.is_dir() or not os.access(file if file.exists() else folder, os.W_OK):
        raise SetupError(f"the analysis cannot be written to {file}", "Name a file in a folder that you may write to.")


def _write_page(file: Path, content: str) -> None:
    from careloom.errors import SetupError

    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"the analysis cannot be written to {file} ({type(error).__name__})",
            "Name a file in a folder that you may write to, on a disk with room.",
        ) from None


@evaluate.command("nlp")
def evaluate_nlp(
    data: Annotated[Path, typer.Argument(help="Folder with one folder a corpus.", metavar="DATA")],
    task: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    model: Annotated[Path | None, typer.Option(help="An archive or a folder in place of the model that ships.")] = None,
    seen: Annotated[
        bool, typer.Option("--seen", help="Count what models have learnt from and rules were written on, too.")
    ] = False,
    family: Annotated[
        list[str] | None, typer.Option(help="Only simulated notes of this family; may be repeated.")
    ] = None,
    adverse_events: Annotated[Path | None, typer.Option(help="A model of adverse events, to be measured, too.")] = None,
    rerank: Annotated[bool, typer.Option("--rerank", help="Codes are ranked anew by the encoder.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="Print every label, too.")] = False,
    analysis: Annotated[Path | None, typer.Option(help="A page of the errors to write: HTML.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Measure how well notes are read, on corpora with gold: strict and by overlap, per label, with intervals.

    Example: careloom evaluate nlp corpora/ --task bc5cdr --analysis errors.html

    Example: careloom evaluate nlp corpora/ --task times --task social --family open
    """
    from careloom.cli import output
    from careloom.services.evaluate_nlp import EvaluateNlpAsk
    from careloom.services.evaluate_nlp import evaluate_nlp as run
    from careloom.services.evaluate_nlp_reports import FIGURES, figures

    if analysis is not None:
        _require_place(analysis)
    ask = EvaluateNlpAsk(data, tuple(task or ()), model, seen, tuple(family or ()), adverse_events, rerank)
    with output.progress("Measuring", quiet=json, unit="tasks") as watch:
        report = run(ask, watch)
    if analysis is not None:
        from careloom.services.evaluate_nlp_page import page

        _write_page(analysis, page(report))
    if json:
        output.emit_json(report.as_json())
        return
    rows = [
        (name, measure.name, measure.shown, measure.range, measure.count)
        for name, one in report.tasks.items()
        for measure in one.measures
    ]
    output.show_table("How well notes are read", ("task", "measure", "value", "95 %", "of"), rows)
    for name, one in report.tasks.items() if labels else ():
        for criterion, scores in one.scores.items():
            told = scores.labels.items()
            found = [(label, *figures(tally, scores.interval_of(label))) for label, tally in told]
            output.show_table(f"{name}, {criterion}", ("label", *FIGURES), found)
    for name, why in report.left_out.items():
        output.say(f"{name}: {why}")
