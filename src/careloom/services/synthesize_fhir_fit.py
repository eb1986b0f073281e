"""What fits of whole records and of notes have in common: what is asked for, who may, and how the books have it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from careloom.errors import QueryError
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import UseAsk
from careloom.services.synthesize import FIT, FitAsk, body_of, booked, keep_state, zone_of_account
from careloom.services.synthesize_source import Source, SourceAsk
from careloom.services.trainings import TrainingAsk, register
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.engine import State

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FhirAsk:
    """What to fit, and how.

    engine   what is learnt, in the place of an engine of tables
    folder   where it lies; None: the research zone
    public   folder of what is nobody's secret (a simulation): a private fit takes its words from there alone
    options  of the generator, by name
    others   as `careloom.services.synthesize.FitAsk`
    """

    engine: ClassVar[str]

    folder: Path | None = None
    account: str = "research"
    epsilon: float | None = None
    delta: float = 1e-6
    public: Path | None = None
    options: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    seed: int = 1
    name: str = ""
    control_share: float = 0.3
    run: str = ""

    def as_fit(self) -> FitAsk:
        """As the books of fits have it."""
        return FitAsk(
            SourceAsk(), self.account, self.engine, self.epsilon, self.delta, options=self.options, seed=self.seed,
            name=self.name, control_share=self.control_share, run=self.run,
        )  # fmt: skip


def admitted_fit(platform: Platform, who: Principal, ask: FhirAsk) -> Zone:
    """The zone to learn from, in which `who` may. raises AccessError; QueryError where nothing to learn lies there"""
    zone = zone_of_account(ask.account)
    admit(platform, who, "read", zone, operation=FIT)
    admit(platform, who, "correct", zone, operation=FIT)
    if ask.folder is None and zone != "research":
        raise QueryError(
            f"{ask.engine} to learn lie in the research zone", "Name the account research, or a cohort of it."
        )
    return zone


@dataclass(frozen=True, slots=True, eq=False)
class Paid:
    """What a fit will do, before it has learnt.

    parts       what is known of who is learnt from and who is set aside
    mechanisms  what it does to each patient; nothing: it is not private
    run         its name
    """

    source: Source
    parts: Json
    mechanisms: tuple[Mechanism, ...]
    run: str


def booked_fit(platform: Platform, who: Principal, ask: FhirAsk, paid: Paid, learn: Callable[[], Json]) -> Json:
    """Reserves, learns and settles, as `careloom.services.synthesize.booked`."""
    why = "NOT PRIVATE: no bound" if ask.epsilon is None else ""
    use = UseAsk(ask.account, "fit", paid.mechanisms, ask.delta, paid.run, why)
    body = body_of(who, ask.as_fit(), paid.source, paid.parts, paid.mechanisms)
    return booked(platform, who, use, body, learn)


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """What came out of a fit.

    people      keyed pseudonyms of whom it learnt from
    mechanisms  what it did to each patient; nothing: it is not private
    """

    run: str
    state: State
    people: Sequence[str]
    mechanisms: tuple[Mechanism, ...]


def kept_fit(platform: Platform, who: Principal, ask: FhirAsk, made: Learnt) -> Json:
    """Keeps a model and writes down whom it learnt from; what is known of it afterwards."""
    where = {"folder": "" if ask.folder is None else str(ask.folder.resolve())}
    digest = keep_state(platform, made.run, made.state, where)
    asked = TrainingAsk(ask.name or made.run, "synthetic", digest, made.people, zone_of_account(ask.account))
    epsilon = spent(made.mechanisms, ask.delta).epsilon if made.mechanisms else None
    return {"model_sha256": digest, "training": register(platform, who, asked)["training"], "epsilon": epsilon}
