"""Any causal language model of Hugging Face as the writer of notes: a folder on this machine, fine-tuned by adapters.

The controls (styles, sections, slots) become further symbols of its vocabulary; they and low-rank adapters (Hu et al,
ICLR 2022, of `peft`) beside all its matrices are learnt, its weights are not. What it writes is bound like what the
model from scratch writes, piece by piece.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.pytorch_utils import Conv1D

from careloom.errors import SetupError
from careloom.learn_torch import Epoch, Schedule, by_length, train
from careloom.synth.notes_alphabet import PAD, Alphabet, control_names, with_controls
from careloom.synth.notes_facts import SourceNote
from careloom.synth.notes_generate import NoteGenerator
from careloom.synth.notes_history import History
from careloom.synth.notes_manner import Floats, Numbers
from careloom.synth.notes_material import ENOUGH, Material, gather
from careloom.synth.notes_slots import blocks
from careloom.synth.notes_verbatim import Guard

_SPACES = ("Ġ", "▁")
"""How vocabularies write a space before a word."""


@dataclass(frozen=True, slots=True)
class TuneAsk:
    """How a model is fine-tuned: rank and scale of the adapters; `most` symbols a batch, `length` a block."""

    schedule: Schedule
    rank: int = 8
    scale: float = 2.0
    most: int = 2_000
    length: int = 384
    enough: int = ENOUGH
    run: int = 7
    seed: int = 1


class HuggingFaceScores:
    """A model symbol by symbol: `careloom.synth.notes_manner.Scores`."""

    def __init__(self, model: Any, length: int) -> None:
        self._model, self.length = model.eval(), length
        self._held: Any = None
        self._history = History(0)

    def begin(self, rows: int) -> None:
        """New blocks."""
        self._held, self._history = None, History(rows)

    def after(self, symbols: Numbers, back: Numbers) -> Floats:
        """[B] how many symbols each block takes back, and its next one, to [B, V]."""
        places, seen = self._history.grown(back)
        places = np.minimum(places, self.length - 1)  # of blocks that are over
        with torch.no_grad():
            made = self._model(
                input_ids=torch.from_numpy(symbols)[:, None], position_ids=torch.from_numpy(places)[:, None],
                attention_mask=torch.from_numpy(seen.astype(np.int64)), past_key_values=self._held, use_cache=True,
            )  # fmt: skip
        self._held = made.past_key_values
        return np.asarray(made.logits[:, -1].float().numpy(), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class TunedNotes:
    """A fine-tuned model with what it needs to write."""

    material: Material
    alphabet: Alphabet
    model: Any
    guard: Guard
    length: int

    def generator(self) -> NoteGenerator:
        """What writes."""
        return NoteGenerator(self.material, self.alphabet, HuggingFaceScores(self.model, self.length), self.guard)


def tune_notes(
    folder: Path, notes: Sequence[SourceNote], ask: TuneAsk, watch: Callable[[Epoch], None] | None = None
) -> TunedNotes:
    """A model of `folder`, fine-tuned on notes; nothing is fetched. raises SetupError for a folder without a model"""
    tokenizer, model = _loaded(folder)
    its = [blocks(note) for note in notes]
    material = gather(notes, its, ask.enough)
    alphabet = alphabet_of(tokenizer, material)
    torch.manual_seed(ask.seed)
    model.resize_token_embeddings(len(alphabet.pieces), mean_resizing=False)
    first = min(alphabet.controls.values())
    adapted = adapted_by(model, ask)
    _learn_rows_from(model, first)
    every = [torch.tensor(alphabet.numbers(block)[: ask.length]) for parts in its for block in parts]

    def batches(number: int) -> list[torch.Tensor]:
        chosen = by_length([len(one) for one in every], ask.most, torch.Generator().manual_seed(ask.seed + number))
        pad = alphabet.controls[PAD]
        return [
            torch.nn.utils.rnn.pad_sequence([every[at] for at in some], batch_first=True, padding_value=pad)
            for some in chosen
        ]

    schedule = replace(ask.schedule, decay=0.0)  # decay would pull at rows of the embeddings that do not learn
    train(adapted, batches, lambda batch: _loss(adapted, batch, alphabet.controls[PAD]), schedule, watch=watch)
    guard = Guard.of((note.text for note in notes), ask.run)
    return TunedNotes(material, alphabet, adapted.merge_and_unload(), guard, ask.length)


def adapted_by(model: Any, ask: TuneAsk) -> Any:
    """The model, frozen, with adapters beside every matrix but that which scores symbols."""
    how = LoraConfig(
        r=ask.rank, lora_alpha=round(ask.rank * ask.scale), lora_dropout=0.0, target_modules="all-linear",
        fan_in_fan_out=any(isinstance(one, Conv1D) for one in model.modules()), task_type="CAUSAL_LM",
    )  # fmt: skip
    with warnings.catch_warnings():  # peft 0.21 asks transformers 5 for a name that is to go in 6
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, how)


def _loaded(folder: Path) -> tuple[Any, Any]:
    try:
        # nothing is fetched: the folder alone is read
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True)  # nosec B615
        given = {"local_files_only": True, "use_safetensors": True}
        return tokenizer, AutoModelForCausalLM.from_pretrained(folder, **given)  # nosec B615
    except (OSError, ValueError):
        raise SetupError(f"{folder} holds no causal model", "Name a folder with model.safetensors.") from None


def _learn_rows_from(model: Any, first: int) -> None:
    """Of the embeddings only the new rows learn."""
    tables = {id(one): one for one in (model.get_input_embeddings().weight, model.get_output_embeddings().weight)}
    for table in tables.values():
        table.requires_grad_(True)
        kept = torch.zeros(len(table), 1)
        kept[first:] = 1.0
        table.register_hook(lambda grad, kept=kept: grad * kept)


def _loss(model: Any, batch: torch.Tensor, pad: int) -> torch.Tensor:
    scores = model(input_ids=batch[:, :-1], attention_mask=(batch[:, :-1] != pad).long()).logits
    return functional.cross_entropy(scores.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=pad)


def alphabet_of(tokenizer: Any, material: Material) -> Alphabet:
    """The vocabulary of a tokenizer with the controls after it; what is no text of its own is never written."""
    count = len(tokenizer)
    special = set(tokenizer.all_special_ids)
    pieces = ["" if number in special else _piece(tokenizer, number) for number in range(count)]
    names = control_names(material)

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    return with_controls(names, count, pieces + [""] * len(names), encode, False)


def _piece(tokenizer: Any, number: int) -> str:
    token = tokenizer.convert_ids_to_tokens(number)
    text = str(tokenizer.convert_tokens_to_string([token]))
    if token.startswith(_SPACES) and not text.startswith(" "):
        text = f" {text}"
    return "" if "\ufffd" in text else text
