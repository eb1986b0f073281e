"""Words that are remembered from text to text: none so long that many of them would fill the memory."""

from collections.abc import Callable
from typing import Any

import pytest

from careloom.deid import name_lists, name_tokens, name_words, text_classifier, text_places

REMEMBERING: list[tuple[Callable[[str], Any], Any]] = [
    (name_lists.folded, name_lists._folded_word),
    (name_words.flags_of, name_words._flags_of_word),
    (name_tokens._facts, name_tokens._short_facts),
    (text_places._listed_word, text_places._short_listed_word),
    (text_classifier._suspicion, text_classifier._short_suspicion),
]


@pytest.mark.parametrize(("look", "memory"), REMEMBERING, ids=[look.__name__ for look, _ in REMEMBERING])
def test_a_long_word_is_read_and_not_remembered(look: Callable[[str], Any], memory: Any) -> None:
    long, short = "Q" * 65, "Q" * 64
    look(short)
    before = memory.cache_info()
    assert look(short) == memory.__wrapped__(short)
    assert look(long) == memory.__wrapped__(long)
    assert memory.cache_info().currsize == before.currsize
    assert memory.cache_info().hits > before.hits
