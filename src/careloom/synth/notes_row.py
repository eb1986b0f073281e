"""One block while it is drawn: a plan of slots, then words, bound by the record and by what must not be repeated.

The model draws the plan (only slots that there is something to say in) and the words. It may write the next slot of
the plan, no other; the block ends when its plan is told. A word that would complete a run of a training note is never
written. Where that leaves only words that the model would hardly choose, the block goes back a few words, to the end
of a clause, and begins another one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from careloom.synth.notes_alphabet import END, TEXT, UNKNOWN, Alphabet
from careloom.synth.notes_facts import Mention
from careloom.synth.notes_fill import Told
from careloom.synth.notes_manner import Draft, Floats, Manner, Plan
from careloom.synth.notes_material import is_head
from careloom.synth.notes_public import common_word, common_words
from careloom.synth.notes_slots import MOST_SLOTS, SPACE
from careloom.synth.notes_tally import Tally
from careloom.synth.notes_verbatim import Guard, Tail

WOMEN = frozenset("she her hers herself mrs ms miss woman lady female girl".split())
MEN = frozenset("he him his himself mr man gentleman male boy".split())
_CLAUSE = frozenset(".,;:()-•*|\n")
_FAR = 3
"""Symbols that a block goes back at least."""
_MOST = 400
"""Symbols that are looked at for the next one."""


class Rules:
    """What is the same for all blocks."""

    def __init__(
        self, alphabet: Alphabet, guard: Guard, manner: Manner, draw: np.random.Generator, length: int, tally: Tally
    ) -> None:  # fmt: skip
        self.tally = tally
        self.alphabet, self.guard, self.manner, self.draw, self.length = alphabet, guard, manner, draw, length
        text = np.array([bool(piece) for piece in alphabet.pieces])
        words = [piece.strip().casefold() for piece in alphabet.pieces]
        self.text = {
            sex: text & ~np.array([word in others for word in words])
            for sex, others in (("female", MEN), ("male", WOMEN))
        }
        bare = np.array([piece[:1].isalnum() for piece in alphabet.pieces])
        self.glued = bare if alphabet.is_words else np.zeros(len(text), bool)
        self.space = np.array([piece == SPACE and alphabet.is_words for piece in alphabet.pieces])
        self.unknown = alphabet.controls[UNKNOWN]
        self.common = common_words(tally.material) if alphabet.is_words else {}
        self.slots = np.array(sorted(alphabet.slots), np.int64)
        self.slot_names = [alphabet.slots[number] for number in self.slots.tolist()]

    def candidates(
        self, scores: Floats, allowed: npt.NDArray[np.bool_], warmth: float, share: float
    ) -> Iterator[tuple[int, float]]:
        """Allowed symbols with their odds, in an order drawn by these: those that hold the share, then the others."""
        numbers = np.flatnonzero(allowed)
        if len(numbers) > _MOST:
            numbers = numbers[np.argpartition(-scores[numbers], _MOST)[:_MOST]]
        held = scores[numbers].astype(np.float64) / warmth
        order = np.argsort(-held)
        numbers, held = numbers[order], held[order]
        odds = np.exp(held - held[:1])
        odds /= max(odds.sum(), 1e-30)
        count = int(np.searchsorted(np.cumsum(odds), share)) + 1
        drawn = np.argsort(-(held[:count] + self.draw.gumbel(size=len(held[:count]))))
        for at in (*drawn.tolist(), *range(count, len(numbers))):
            yield int(numbers[at]), float(odds[at])


@dataclass(slots=True)
class Point:
    """Where a block stands; a block may come back here.

    refused  symbols that led nowhere from here
    """

    fed: list[int] = field(default_factory=list)
    text: str = ""
    tail: Tail = field(default_factory=Tail)
    mentions: tuple[Mention, ...] = ()
    told: int = 0
    since: int = 0
    refused: set[int] = field(default_factory=set)

    def copy(self) -> "Point":
        """One that goes on by itself."""
        return Point(list(self.fed), self.text, self.tail.copy(), self.mentions, self.told, self.since)


class Row:
    """One block of one draft."""

    def __init__(self, rules: Rules, draft: Draft, place: str, plan: Plan | None) -> None:
        self.rules, self.draft, self.plan = rules, draft, list[Told]()
        self._prefix = rules.alphabet.prefix(draft.style, draft.kind, place)
        self._settled = plan
        self._is_planned = False
        self.again()

    def again(self) -> None:
        """From the start, with the plan that was made."""
        self.is_over = self.is_whole = False
        self._now = Point(tail=self.draft.tail.copy())
        self._points: list[Point] = []
        self._returns = 0

    def first(self) -> int:
        """The first symbol."""
        return self._feed(self._prefix[0])

    def _feed(self, symbol: int) -> int:
        self._now.fed.append(symbol)
        return symbol

    def next(self, scores: Floats) -> tuple[int, int]:
        """The next symbol, by what the model says of it, and how many are taken back before it."""
        controls, at = self.rules.alphabet.controls, len(self._now.fed)
        if at < len(self._prefix):
            return self._feed(self._prefix[at]), 0
        at -= len(self._prefix)
        if not self._is_planned:
            if self._settled is None:
                return self._feed(self._planned(scores)), 0
            known = [(slot, fact) for slot, fact in self._settled if f"<slot:{slot}>" in controls]
            self.plan = [self.draft.teller.take(slot, fact) for slot, fact in known]
            self.rules.tally.add(self.draft.teller.corpus, [told.slot for told in self.plan])
            self._is_planned = True
        if at < len(self.plan):
            return self._feed(controls[f"<slot:{self.plan[at].slot}>"]), 0
        if at == len(self.plan):
            return self._feed(controls[TEXT]), 0
        if len(self._now.fed) >= self.rules.length - 1:
            self.is_over, self.is_whole = True, self._now.told == len(self.plan)
            return controls[END], 0
        return self._word(scores)

    def _planned(self, scores: Floats) -> int:
        alphabet, manner, teller = self.rules.alphabet, self.rules.manner, self.draft.teller
        allowed = np.zeros(len(scores), bool)
        if len(self.plan) < MOST_SLOTS:
            for number in self.rules.slots:
                allowed[number] = teller.may(alphabet.slots[number])
        allowed[alphabet.controls[TEXT]] = True
        if not teller.given:
            scores = scores.astype(np.float64)
            scores[self.rules.slots] += self.rules.tally.pull(teller.corpus, self.rules.slot_names)
        symbol, _ = next(self.rules.candidates(scores, allowed, manner.plan_warmth, manner.plan_share))
        if symbol == alphabet.controls[TEXT]:
            self._is_planned = True
        else:
            self.plan.append(teller.take(alphabet.slots[symbol]))
            self.rules.tally.add(teller.corpus, [self.plan[-1].slot])
        return symbol

    def _word(self, scores: Floats) -> tuple[int, int]:
        """A word, the next slot, the end, or a step back."""
        end, now, manner = self.rules.alphabet.controls[END], self._now, self.rules.manner
        allowed, aim, scores = self._allowed(scores)
        forbidden = 0.0
        for symbol, odds in self.rules.candidates(scores, allowed, manner.warmth, manner.share):
            if forbidden > odds and odds < manner.doubt and (step := self._return()):
                return step
            if symbol == end:
                self.is_over = self.is_whole = True
                return symbol, 0
            if symbol == aim:
                is_taken = self._fill()
            else:
                piece = self._common() if symbol == self.rules.unknown else self.rules.alphabet.pieces[symbol]
                is_taken = bool(piece) and now.tail.takes(piece, self.rules.guard)
                if is_taken:
                    now.text, now.since = now.text + piece, now.since + 1
            if is_taken:
                self._feed(symbol)
                if symbol == aim or self.rules.alphabet.pieces[symbol].strip(" ")[:1] in _CLAUSE:
                    self._points.append(now.copy())
                return symbol, 0
            forbidden += odds
        if step := self._return():
            return step
        self.is_over = True
        return end, 0

    def _common(self) -> str:
        """A common word for one that too few patients share."""
        rules, before = self.rules, self.rules.alphabet.pieces[self._now.fed[-1]]
        word = common_word(rules.tally.material, rules.common, self.draft.teller.corpus, before, rules.draw)
        return f" {word}" if word[:1].isalnum() and self._now.text[-1:].isalnum() else word

    def _allowed(self, scores: Floats) -> tuple[npt.NDArray[np.bool_], int, Floats]:
        """What may stand next, which symbol of it leads on (a slot, or the end), and scores that call for that one."""
        alphabet, manner, now = self.rules.alphabet, self.rules.manner, self._now
        allowed, scores = self.rules.text[self.draft.teller.sex].copy(), scores.copy()
        is_glued = now.text[-1:].isalnum()
        allowed[self.rules.unknown] = bool(self.rules.common)
        if is_glued:
            allowed &= ~self.rules.glued
        if now.told < len(self.plan):
            slot = self.plan[now.told].slot
            aim = alphabet.controls[f"<slot:{slot}>"]
            scores[aim] += max(0, now.since - manner.patience)
            scores[aim] -= self.rules.tally.patience(self.draft.teller.corpus) if self._settled is None else 0.0
            if now.text.endswith(SPACE) and alphabet.is_words:
                allowed[:] = False
            allowed[aim] = not (is_glued and is_head(slot))
        else:
            aim = alphabet.controls[END]
            scores[aim] += 0.5 * max(0, len(now.fed) - len(self._prefix) - len(self.plan) - manner.enough)
            allowed[aim] = not now.text.endswith(SPACE)
            allowed &= ~self.rules.space
        if self._points and len(self._points[-1].fed) == len(now.fed):
            refused = [one for one in self._points[-1].refused if one != aim]
            allowed[refused] = False
        return allowed, aim, scores

    def _return(self) -> tuple[int, int] | None:
        """Back to the end of a clause, which is not left the same way again; None where there is none."""
        now = self._now
        if self._returns >= self.rules.manner.returns:
            return None
        while self._points and len(now.fed) - len(self._points[-1].fed) < _FAR:
            self._points.pop()
        if not self._points:
            return None
        point = self._points[-1]
        self._returns += 1
        point.refused.add(now.fed[len(point.fed)])
        back = len(now.fed) - len(point.fed) + 1
        self._now = point.copy()
        return point.fed[-1], back

    def _fill(self) -> bool:
        now, teller = self._now, self.draft.teller
        told = self.plan[now.told]
        before = self.draft.text[-40:] + now.text[-40:]
        dates = any(one.label == "DATE_TIME" for one in (*self.draft.mentions, *now.mentions))
        for option in told.options:
            words = teller.words_of(told, option, before, not dates)
            if now.tail.takes(words, self.rules.guard):
                now.mentions = (*now.mentions, self._mention(told, words))
                now.text, now.told, now.since = now.text + words, now.told + 1, 0
                return True
        return False

    def _mention(self, told: Told, words: str) -> Mention:
        start, first = len(self.draft.text) + len(self._now.text), len(self.draft.mentions)
        label, _, status = told.slot.partition(":")
        code, head = "", -1
        if told.fact is not None and is_head(told.slot):
            code = told.fact.code
        elif told.fact is not None:
            same = [at for at, one in enumerate(self._now.mentions) if one.label == told.fact.label]
            head = first + same[-1] if same else -1
        return Mention(start, start + len(words), label, status, code, head)

    def drop(self) -> None:
        """Nothing was told: its facts are to be told still."""
        self.draft.teller.unsay(told.fact for told in self.plan)
        self.rules.tally.add(self.draft.teller.corpus, [told.slot for told in self.plan], -1)

    def keep(self) -> None:
        """Puts the block at the end of its draft."""
        if self._settled is None:
            words = len(self._now.fed) - len(self._prefix) - 2 - 2 * len(self.plan)
            self.rules.tally.wrote(self.draft.teller.corpus, words, len(self.plan))
        self.draft.text += self._now.text
        self.draft.tail = self._now.tail
        self.draft.mentions += self._now.mentions
