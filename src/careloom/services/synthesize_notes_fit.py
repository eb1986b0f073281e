"""Generators of notes: fitted on the annotated notes of the research zone, or of a simulated hospital, and kept sealed.

What a fit may spend is reserved first, and whom it may not see is set aside, as for tables (`services.synthesize`).
Notes are drawn by `services.synthesize_notes_draw`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from careloom.errors import InputError
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.synthesize import (
    NOTES,
    Tell,
    watch_of,
)
from careloom.services.synthesize_fhir_fit import FhirAsk, Learnt, Paid, admitted_fit, booked_fit, kept_fit
from careloom.services.synthesize_notes_names import public_names
from careloom.services.synthesize_notes_source import (
    NotesSplit,
    divide_notes,
    in_styles_of,
    read_notes_of,
    simulated_notes,
)
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.dpsgd import course
from careloom.synth.engine import Privacy, Step, Watch

Json = dict[str, Any]
_SHAPE = ("width", "layers", "heads", "length", "enough", "run")
_TRAINING = ("epochs", "rate")
_PRIVATE = ("steps", "batch", "clip", "private_rate", "blocks", "symbols")
_SHARES = ("rate", "batch", "clip", "private_rate")
"""Options that need not be whole numbers."""
_NAMES = {"batch": "rate", "private_rate": "learning_rate"}
"""Options of a private fit that its ask has by another name: the share of patients a step, and the rate of learning."""


@dataclass(frozen=True, slots=True)
class NotesAsk(FhirAsk):
    """What to fit, and how.

    folder       of a simulated hospital with its answers; None: the research zone
    public       such a folder, too: words, names and first weights of a private fit
    options      of `careloom.synth.notes_fit_torch.NotesAsk` (width, layers, heads, length, enough, run) and of its
                 training (epochs, rate); of a private fit also steps, batch, clip, private_rate, blocks, symbols
    cpu_seconds  processor time after which a fit that is not private ends with the epoch it is in; 0: no end
    others       as `FhirAsk`
    """

    engine = NOTES
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A fit that can be paid for; how: the ask of the generator, private: that of a private training, else None."""

    ask: NotesAsk
    parts: NotesSplit
    how: Any
    private: Any
    mechanisms: tuple[Mechanism, ...]
    run: str


def fit(platform: Platform, who: Principal, ask: NotesAsk, tell: Tell | None = None) -> Json:
    """Fits a generator of notes; the model as `careloom.services.synthesize.told` shows it.

    tell    (done, of `careloom.services.synthesize.STEPS`)
    raises  AccessError; QueryError, InputError for an ask that means nothing; NotFound, FormatError for the folders;
            BudgetSpent; SetupError where the extra ml is not installed
    """
    zone = admitted_fit(platform, who, ask)
    how, private = _how(ask)
    source = read_notes_of(platform, who, ask.folder, zone)
    parts = divide_notes(platform, source, zone, ask.control_share)
    run = ask.run or platform.run_id()
    task = _Task(ask, parts, how, private, _planned(private), run)
    paid = Paid(source.source, parts.told, task.mechanisms, run)
    return booked_fit(platform, who, ask, paid, lambda: _learnt(platform, who, task, tell))


def _how(ask: NotesAsk) -> tuple[Any, Any]:
    """The ask of the generator, and that of a private training. raises InputError; SetupError"""
    if (ask.epsilon is None) != (ask.public is None):
        raise InputError(
            "a private fit takes its words from public notes, and no other fit does",
            "Name a folder of simulated notes beside epsilon: careloom simulate makes one.",
        )
    known = (*_SHAPE, *_TRAINING, *(_PRIVATE if ask.epsilon is not None else ()))
    for name, value in ask.options.items():
        is_number = isinstance(value, int if name not in _SHARES else (int, float)) and not isinstance(value, bool)
        if name not in known or not is_number:
            raise InputError(f"there is no number {name} to choose", f"Choose {', '.join(known)}.")
    given = dict(ask.options)
    if given.get("enough", 2) < 2:  # type: ignore[operator]
        raise InputError("what one patient's notes alone say may not be kept", "Give enough as 2 or more.")
    training = load("synth.notes.training")(
        **{name: given[name] for name in _TRAINING if name in given}, seed=ask.seed
    )  # fmt: skip
    shape = {name: given[name] for name in _SHAPE if name in given}
    how = load("synth.notes.ask")(training, public=public_names(), **shape)
    if ask.epsilon is None:
        return how, None
    course_ = {_NAMES.get(name, name): given[name] for name in _PRIVATE if name in given}
    return how, load("synth.notes.private.ask")(Privacy(ask.epsilon, ask.delta), **course_)


def _planned(private: Any) -> tuple[Mechanism, ...]:
    """What a private training will do to each patient: fixed before a note is read."""
    if private is None:
        return ()
    way = course(private.privacy, rate=private.rate, steps=private.steps, clip=private.clip)
    return (way.mechanism(),)


def _learnt(platform: Platform, who: Principal, task: _Task, tell: Tell | None) -> Json:
    """Fits, keeps the model and writes down whom it learnt from; what is known of it afterwards."""
    ask, members = task.ask, task.parts.members
    watch = replace(watch_of(platform, tell), share=_used(ask.cpu_seconds))
    mechanisms: tuple[Mechanism, ...] = ()
    if task.private is None:
        made = load("synth.notes.gpt")(members, task.how, watch)
    else:
        first = load("synth.notes.gpt")(simulated_notes(_folder(ask.public)), task.how, _part(watch, 0.0))
        own = in_styles_of(members, first.material.styles)
        made, done = load("synth.notes.private")(own, first, task.private, _part(watch, 0.5))
        mechanisms = (done,)
        if mechanisms != task.mechanisms:
            raise InputError("the training was not the one that was reserved", "Report it: the ledger keeps it spent.")
    return kept_fit(platform, who, ask, Learnt(task.run, made.state(), task.parts.learnt, mechanisms))


def _folder(public: Path | None) -> Path:
    if public is None:
        raise InputError("a private fit takes its words from public notes", "Name their folder.")
    return public


def _used(cpu_seconds: float) -> Callable[[], float] | None:
    """The share of a budget of processor time that is used up since now; None without a budget."""
    if not cpu_seconds:
        return None
    start = time.process_time()
    return lambda: (time.process_time() - start) / cpu_seconds


def _part(watch: Watch, first: float) -> Watch:
    """The half of a fit that begins with a share: its steps are told as those of the whole."""

    def told_of(step: Step) -> None:
        if watch.told is not None:
            watch.told(replace(step, share=first + step.share / 2))

    return replace(watch, told=told_of)
