"""What a language model of notes reads and writes: controls, slots and pieces of text, by number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from careloom.synth.notes_material import Material
from careloom.synth.notes_slots import PIECE, Block, plain

PAD, UNKNOWN, TEXT, END = "<pad>", "<unknown>", "<text>", "<end>"
Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True, eq=False)
class Alphabet:
    """Numbers of all symbols.

    pieces    number -> what it adds to the text; empty for controls and slots
    controls  name -> number: styles, kinds, sections, slots and the four special ones
    encode    text without slots -> numbers
    slots     number -> slot
    is_words  pieces are whole words: a space alone stands before a slot only
    corpora   number of a style -> number of the first style of its corpus
    """

    pieces: tuple[str, ...]
    controls: dict[str, int]
    encode: Encode
    slots: dict[int, str] = field(default_factory=dict)
    is_words: bool = True
    corpora: dict[int, int] = field(default_factory=dict)

    def prefix(self, style: str, kind: str, place: str) -> list[int]:
        """What stands before the plan of a block, three symbols; what the training never saw is unknown."""
        named = (f"<style:{style}>", f"<kind:{kind}>", f"<{place}>")
        return [self.controls.get(name, self.controls[UNKNOWN]) for name in named]

    def numbers(self, block: Block) -> list[int]:
        """A whole block."""
        made = self.prefix(block.style, block.kind, block.place)
        made += [self.controls[f"<slot:{slot}>"] for slot, _ in block.slots]
        made.append(self.controls[TEXT])
        text = ""
        for piece in (*block.pieces, None):
            if isinstance(piece, str):
                text += piece
                continue
            made += self.encode(text) if text else ()
            text = ""
            if piece is not None:
                made.append(self.controls[f"<slot:{block.slots[piece][0]}>"])
        return [*made, self.controls[END]]


def control_names(material: Material) -> list[str]:
    """The controls that some notes need, in order."""
    kinds = sorted({kind for each in material.styles.values() for kind in each})
    places = {place for each in material.chain.values() for one in (each.keys(), *each.values()) for place in one}
    return [
        PAD, UNKNOWN, TEXT, END, *(f"<style:{style}>" for style in sorted(material.styles)),
        *(f"<kind:{kind}>" for kind in kinds), *(f"<{place}>" for place in sorted(places) if place[0] != "("),
        *(f"<slot:{slot}>" for slot in material.slots),
    ]  # fmt: skip


def with_controls(names: Sequence[str], first: int, pieces: Sequence[str], encode: Encode, is_words: bool) -> Alphabet:
    """An alphabet whose controls have the numbers from `first` on; `pieces` has room for all."""
    controls = {name: first + at for at, name in enumerate(names)}
    slots = {number: name[6:-1] for name, number in controls.items() if name.startswith("<slot:")}
    corpora: dict[int, int] = {}
    first_of: dict[str, int] = {}
    for name, number in controls.items():
        if name.startswith("<style:"):
            corpora[number] = first_of.setdefault(name[7:-1].split(".")[0], number)
    return Alphabet(tuple(pieces), controls, encode, slots, is_words, corpora)


def of_words(material: Material) -> Alphabet:
    """The alphabet of the model from scratch: one number a word that enough patients have."""
    names = control_names(material)
    pieces = ["" for _ in names] + list(material.words)
    numbers = {word: len(names) + at for at, word in enumerate(material.words)}
    unknown = names.index(UNKNOWN)

    def encode(text: str) -> list[int]:
        found = [plain(match.group()) for match in PIECE.finditer(text)]
        trailing = text[len(text.rstrip(" ")) :] if not text.endswith("\n") else ""
        return [numbers.get(piece, unknown) for piece in found + ([" "] if trailing else [])]

    return with_controls(names, 0, pieces, encode, True)
