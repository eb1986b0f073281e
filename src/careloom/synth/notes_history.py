"""Which of the symbols fed so far each block still has, while blocks that are written together take some back."""

import numpy as np
import numpy.typing as npt


class History:
    """Columns that grow by one symbol a block and step; what a block took back it sees no more."""

    def __init__(self, rows: int) -> None:
        self._seen = np.zeros((rows, 0), bool)

    def grown(self, back: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """After each block took back its last `back` symbols and got one more: its place, and what is seen.

        returns  [B] the number of the new symbol within its block, from 0; [B, steps] True where a symbol still counts
        """
        for row in np.flatnonzero(back):
            self._seen[row, np.flatnonzero(self._seen[row])[-int(back[row]) :]] = False
        places = self._seen.sum(1).astype(np.int64)
        self._seen = np.concatenate([self._seen, np.ones((len(self._seen), 1), bool)], axis=1)
        return places, self._seen
