"""The generator of whole records under differential privacy: DP-SGD with the patient as the unit.

A patient is one sample: all that is told of one, cut to `longest` words, adds one clipped gradient. The vocabulary is
not counted: it has to come from what is public (another hospital's records, a simulation), never from these patients.
"""

from dataclasses import dataclass, replace

import torch

from careloom.errors import InputError
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.dpsgd import Course, course
from careloom.synth.dpsgd_torch import PrivateGradients
from careloom.synth.engine import Privacy, Step, Watch
from careloom.synth.records import Records
from careloom.synth.records_streams import encode
from careloom.synth.records_torch import Recipe, RecordsGenerator, batch_of, net_of
from careloom.synth.records_vocabulary import PAD, Vocabulary

AT_ONCE = 16
"""Patients of a batch that go through the net together."""


@dataclass(frozen=True, slots=True)
class PrivateCourse:
    """What a private fit does, fixed before a patient is read.

    batch  patients of a step, on average
    steps  how many there are
    clip   the most that one patient adds to a sum of gradients
    rate   learning rate; it rises over the first twentieth, and falls to a tenth
    """

    batch: int = 256
    steps: int = 600
    clip: float = 0.5
    rate: float = 2e-3


def planned(privacy: Privacy, patients: int, how: PrivateCourse) -> Course:
    """The steps, with the least noise that keeps to the bound. patients: how many there are, which is public

    raises  InputError for more than one row a patient: a patient is one sample, whatever the tables hold
    """
    if privacy.rows_per_patient != 1:
        raise InputError("a patient is one sample", "Leave rows_per_patient at 1.")
    return course(privacy, rate=min(1.0, how.batch / max(1, patients)), steps=how.steps, clip=how.clip)


def mechanisms(privacy: Privacy, patients: int, how: PrivateCourse | None = None) -> tuple[Mechanism, ...]:
    """What a private fit will do to each patient, for the ledger: told before a patient is read."""
    return (planned(privacy, patients, how or PrivateCourse()).mechanism(),)


def fit_private(
    vocabulary: Vocabulary, given: Records, privacy: Privacy, recipe: Recipe, watch: Watch,
    how: PrivateCourse | None = None,
) -> RecordsGenerator:  # fmt: skip
    """A generator of records like these that tells little of any one patient.

    vocabulary  public: it must not have been learnt from these records
    recipe      its size and `longest`; how long it learns is fixed by `how`
    watch       `noise` is needed; `share` is never heeded, and no loss is told
    raises      InputError without a source of noise, or where no patient has an encounter
    """
    how = how or PrivateCourse()
    if watch.noise is None:
        raise InputError("a private fit needs a source of noise", "Give one that nobody can guess.")
    streams = encode(vocabulary, given, recipe.longest - 1)
    if not len(streams):
        raise InputError("no patient has an encounter", "Give records with encounters.")
    recipe = replace(recipe, shared=False, dropout=0.0)
    torch.manual_seed(0)  # where the net begins is public
    net = net_of(vocabulary, recipe)
    plan = planned(privacy, len(streams), how)
    private = PrivateGradients(net, plan, watch.noise)

    def losses(rows: torch.Tensor) -> torch.Tensor:
        words, clock, targets = batch_of(streams, rows.numpy())
        each = torch.nn.functional.cross_entropy(net(words, clock).transpose(1, 2), targets, reduction="none")
        said = targets != PAD
        return (each * said).sum(1) / said.sum(1)

    optimizer = torch.optim.Adam(net.parameters(), how.rate, betas=(0.9, 0.99))
    for step in range(how.steps):
        for group in optimizer.param_groups:
            rising = min(1.0, 20 * (step + 1) / how.steps)
            group["lr"] = how.rate * rising * (1 - 0.9 * step / how.steps)
        private.step(losses, len(streams), at_once=AT_ONCE)
        optimizer.step()
        if watch.told is not None and (step + 1) % 20 == 0:
            watch.told(Step((step + 1) / how.steps, (step + 1) // 20, {}))
    return RecordsGenerator(vocabulary, net.eval(), recipe, (), (plan.mechanism(),))
