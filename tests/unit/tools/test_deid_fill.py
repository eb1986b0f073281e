"""Templates of the token classifier's training texts: every slot is known, every text fills, spans stay right."""

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from careloom.deid.text_spans import LETTERS
from tools.deid_fill import NEGATIVE, SLOTS, fill, sample, slots, templates
from tools.deid_fill_noise import edited

LEAST_TEMPLATES, LEAST_NEGATIVE = 700, 250


def test_there_are_many_templates_and_no_two_are_equal():
    texts = Counter(one.text for one in templates())
    assert [text for text, times in texts.items() if times > 1] == []
    assert len(texts) >= LEAST_TEMPLATES
    assert sum(one.genre.startswith(NEGATIVE) for one in templates()) >= LEAST_NEGATIVE


def test_every_slot_of_every_template_is_known():
    unknown = {slot for one in templates() for slot in slots(one.text)} - set(SLOTS)
    assert unknown == set()


def test_every_label_of_a_slot_is_a_label_of_the_detectors_and_every_label_has_a_slot():
    used = {SLOTS[slot] for one in templates() for slot in slots(one.text)}
    assert used - {""} == set(LETTERS)


def test_every_template_fills_with_one_span_for_each_slot_that_has_a_label():
    rng = Random(7)
    for one in templates():
        text, spans = fill(one.text, rng)
        assert [label for _, _, label in spans] == [SLOTS[slot] for slot in slots(one.text) if SLOTS[slot]]
        assert all(text[start:end].strip() == text[start:end] != "" for start, end, _ in spans)
        assert all(end <= start for (_, end, _), (start, _, _) in pairwise(spans))


def test_negative_templates_hold_no_identifier():
    assert [
        one.text for one in templates() if one.genre.startswith(NEGATIVE) and any(SLOTS[s] for s in slots(one.text))
    ] == []


def test_a_person_named_twice_keeps_the_name():
    text, spans = fill("{plain#a}: {given#a} {family#a}", Random(3))
    whole, given, family = (text[start:end] for start, end, _ in spans)
    assert whole == f"{given} {family}"


def test_one_full_stop_ends_a_name_and_its_sentence():
    for seed in range(40):
        text, spans = fill("Seen by {full_suffix}.", Random(seed))
        assert text.endswith(".")
        assert not text.endswith("..")
        assert not text[spans[0][0] : spans[0][1]].endswith(".")


@pytest.mark.parametrize("seed", range(5))
def test_noise_keeps_spans_on_their_words(seed):
    rng = Random(seed)
    for _ in range(150):
        _, text, spans = sample(rng)
        for start, end, _ in spans:
            assert 0 <= start < end <= len(text)
            assert text[start:end].strip() == text[start:end]


def test_spans_move_with_edits_before_and_inside_them():
    text, spans = edited("see Ann Bo now", [(4, 10, "NAME")], [(3, 4, "\n "), (7, 8, ""), (10, 11, "  ")])
    assert text == "see\n AnnBo  now"
    assert [text[start:end] for start, end, _ in spans] == ["AnnBo"]


def test_the_same_seed_writes_the_same_texts():
    first, second = Random(5), Random(5)
    assert [sample(first) for _ in range(20)] == [sample(second) for _ in range(20)]
