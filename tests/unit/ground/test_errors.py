import pickle
import re

import pytest

from careloom import errors
from careloom.errors import CareloomError


def every_class() -> list[type[CareloomError]]:
    found: list[type[CareloomError]] = []
    waiting = [CareloomError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == "careloom.errors"]


@pytest.mark.parametrize("kind", every_class())
def test_every_error_is_drawn_in_the_tree(kind: type[CareloomError]) -> None:
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or "")


def test_codes_are_unique_and_name_their_family() -> None:
    codes = [kind.code for kind in every_class()]
    assert len(set(codes)) == len(codes)
    for kind in every_class():
        parent = kind.__mro__[1]
        if issubclass(parent, CareloomError) and parent is not CareloomError:
            assert kind.code.startswith(parent.code + ".")


def test_a_message_holds_place_and_remedy() -> None:
    assert str(CareloomError("here", "do this")) == "here\n  do this"


@pytest.mark.parametrize("kind", every_class())
def test_an_error_reaches_another_process_with_all_that_it_says(kind: type[CareloomError]) -> None:
    error = kind("here", "do this")
    error.entry = "Bundle.entry[3]"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), vars(again)) == (str(error), vars(error))
