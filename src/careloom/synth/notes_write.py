"""Writes notes block by block with a language model, many notes at once."""

from collections.abc import Sequence

import numpy as np

from careloom.synth.notes_alphabet import Alphabet
from careloom.synth.notes_manner import Draft, Manner, Plan, Scores
from careloom.synth.notes_row import Row, Rules
from careloom.synth.notes_tally import Tally
from careloom.synth.notes_verbatim import Guard

_LONGER = 3
"""Steps that a run of blocks takes at most, in lengths of the model: going back takes steps."""


class Writer:
    """Writes blocks of many notes at once."""

    def __init__(
        self, alphabet: Alphabet, scores: Scores, guard: Guard, manner: Manner, draw: np.random.Generator, tally: Tally
    ) -> None:  # fmt: skip
        self._scores = scores
        self._rules = Rules(alphabet, guard, manner, draw, scores.length, tally)

    def write(self, drafts: Sequence[Draft], places: Sequence[str], plans: Sequence[Plan | None]) -> None:
        """One more block for each draft; where none comes about, its facts are as if nobody had planned them.

        plans   the slots of a block with their facts; None: the model plans
        """
        for draft in drafts:
            draft.teller.new_block()
        each = zip(drafts, places, plans, strict=True)
        rows = waiting = [Row(self._rules, draft, place, plan) for draft, place, plan in each]
        for _ in range(self._rules.manner.tries):
            self._run(waiting)
            waiting = [row for row in waiting if not row.is_whole]
            if not waiting:
                break
            for row in waiting:
                row.again()
        for row in rows:
            if row.is_whole:
                row.keep()
            else:
                row.drop()

    def _run(self, rows: Sequence[Row]) -> None:
        self._scores.begin(len(rows))
        symbols, back = np.array([row.first() for row in rows], np.int64), np.zeros(len(rows), np.int64)
        for _ in range(self._scores.length * _LONGER):
            scores = self._scores.after(symbols, back)
            back[:] = 0
            for at, row in enumerate(rows):
                if not row.is_over:
                    symbols[at], back[at] = row.next(scores[at])
            if all(row.is_over for row in rows):
                return
