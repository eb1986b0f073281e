"""Which codes may come to light together: those that hardly tell of each other.

Two tokens that come to light in one step are drawn as if they did not depend on each other, given all that is seen.
What that loses is about what they tell of each other; tokens are joined while that is next to nothing.
"""

import numpy as np
import numpy.typing as npt

NARROW = 20
"""Tokens up to which each comes by itself: few passes are quick, and a narrow table shows what little is lost."""
Codes = npt.NDArray[np.int64]


def grouped(
    codes: Codes, sizes: tuple[int, ...], order: tuple[int, ...], alone: int, most: float
) -> tuple[tuple[int, ...], ...]:
    """The order in groups: neighbours that tell of each other at most so many nats, all pairs of a group together.

    codes  [rows, tokens] as they were learnt
    alone  a token that comes by itself; -1: none
    """
    groups: list[list[int]] = []
    told, most = 0.0, most if len(order) > NARROW else -1.0
    for token in order:
        is_free = bool(groups) and token != alone and groups[-1] != [alone]
        if is_free:
            told += sum(information(codes[:, [token, other]], (sizes[token], sizes[other])) for other in groups[-1])
        if is_free and told <= most:
            groups[-1].append(token)
        else:
            groups.append([token])
            told = 0.0
    return tuple(tuple(group) for group in groups)


def information(pair: Codes, sizes: tuple[int, int]) -> float:
    """Nats that two codes tell of each other, at least 0, less what chance tells where rows are few.

    source  Miller G, Note on the bias of information estimates, 1955: half a nat a row for each cell that is seen
    """
    rows = len(pair)
    both = np.bincount(pair[:, 0] * sizes[1] + pair[:, 1], minlength=sizes[0] * sizes[1]).reshape(sizes)
    found, cells = 0.0, 0
    for counts, sign in ((both.sum(1), 1), (both.sum(0), 1), (both.ravel(), -1)):
        seen = counts[counts > 0] / rows
        found -= sign * float((seen * np.log(seen)).sum())
        cells += sign * (len(seen) - 1)
    return max(0.0, found + cells / (2 * rows))
