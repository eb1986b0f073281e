"""The three trainings of entities behind `careloom.services.train_ner`, reached by name."""

from collections.abc import Callable, Iterable, Sequence

import torch

from careloom.learn_torch import Schedule
from careloom.nlp.corpora import Document
from careloom.nlp.huggingface_torch import fine_tune
from careloom.nlp.ner_distil_torch import Distilling, distil_ner
from careloom.nlp.ner_material import HEADS, SHARES, SMALLER_SHARES
from careloom.nlp.ner_torch import Recipe, Source, train_ner
from careloom.services.train_ner import RATE, TrainNerAsk
from careloom.text.minilm_torch import minilm

DISTILLING_RATE = 3e-4
"""For layers that have learnt this before."""
Watch = Callable[[int, float], None]
FINE_TUNING_RATE = 5e-5
"""The usual rate for encoders that were trained long: Devlin and others, 2019, appendix A.3."""


def ner(
    ask: TrainNerAsk,
    documents: dict[str, list[Document]],
    names: Sequence[tuple[str, str]],
    plain: Iterable[str],
    card: dict[str, object],
    watch: Watch,
) -> bytes:
    """The archive of the tagger."""
    torch.set_num_threads(ask.threads)
    sources = [Source(head, HEADS[head], each, SHARES[head]) for head, each in documents.items()]
    recipe = Recipe(Schedule(epochs=ask.epochs, rate=RATE), seed=ask.seed)
    return train_ner(
        minilm(ask.base), sources, names, recipe, plain=plain, card=card, watch=lambda e: watch(e.number, e.loss)
    )


def smaller(
    ask: TrainNerAsk,
    documents: dict[str, list[Document]],
    texts: Iterable[str],
    teacher: bytes,
    card: dict[str, object],
    watch: Watch,
) -> bytes:
    """The archive of a tagger that has learnt from another."""
    torch.set_num_threads(ask.threads)
    sources = [Source(head, HEADS[head], each, SMALLER_SHARES[head]) for head, each in documents.items()]
    how = Distilling(Schedule(epochs=ask.epochs, rate=DISTILLING_RATE, autocast=True), ask.layers, seed=ask.seed)
    return distil_ner(teacher, sources, texts, how, card=card, watch=lambda e: watch(e.number, e.loss))


def encoder(ask: TrainNerAsk, documents: Sequence[Document], labels: Sequence[str], watch: Watch) -> None:
    """An encoder of Hugging Face, fine-tuned into the folder `ask.out`."""
    torch.set_num_threads(ask.threads)
    schedule = Schedule(epochs=ask.epochs, rate=FINE_TUNING_RATE)
    fine_tune(
        ask.encoder, documents, labels, schedule, ask.out, online=ask.online, watch=lambda e: watch(e.number, e.loss)
    )
