"""Names of loaded terminologies by the words they hold, misspelt ones too, ranked by likeness."""

import json
import sqlite3
from collections.abc import Iterator, Sequence

from rapidfuzz import fuzz, process, utils

_RANKED_AT_MOST = 300
"""Names that hold all words are ranked by likeness; of more than so many, those that SQLite's own rank puts first."""
_WORDS_AT_MOST = 16


def _nearest(connection: sqlite3.Connection, word: str) -> str | None:
    """The known word most like a misspelt one; it begins with the same letter, or the second letters change places."""
    if len(word) < 4:
        return None
    rows = connection.execute(
        "SELECT term FROM vocabulary WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?",
        (word[0], word[0] + "\U0010ffff", len(word) - 2, len(word) + 2),
    )
    found = process.extractOne(word, [term for (term,) in rows], scorer=fuzz.ratio, score_cutoff=75)
    return found[0] if found else None


def _is_known(connection: sqlite3.Connection, word: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM vocabulary WHERE term >= ? AND term < ? LIMIT 1", (word, word + "\U0010ffff")
    ).fetchone()
    return row is not None


def _holding(
    connection: sqlite3.Connection, releases: Sequence[int], words: Sequence[str]
) -> list[tuple[int, str, str]]:
    """(release, code, name) of names in which words begin with all of `words`."""
    query = " AND ".join(f'"{word}"*' for word in words)
    rows = connection.execute(
        "SELECT name.release, name.code, name.text FROM word JOIN name ON name.id = word.rowid WHERE word MATCH ?"
        " AND name.release IN (SELECT value FROM json_each(?)) ORDER BY word.rank LIMIT ?",
        (query, json.dumps(list(releases)), _RANKED_AT_MOST),
    )
    return list(rows)


def search(
    connection: sqlite3.Connection, releases: Sequence[int], text: str, limit: int
) -> Iterator[tuple[int, str, str, float]]:
    """(release, code, name that fits best, likeness from 0 to 100), best first, each code once."""
    words = utils.default_process(text).split()[:_WORDS_AT_MOST]
    known = [word if _is_known(connection, word) else _nearest(connection, word) for word in words]
    corrected = [word for word in known if word is not None]
    candidates: list[tuple[int, str, str]] = []
    asked = list(corrected)
    while asked and not candidates:
        candidates = _holding(connection, releases, asked)
        asked.remove(min(asked, key=len))  # no name holds them all: without the shortest word
    wanted, typed = " ".join(corrected), fuzz.ratio(" ".join(corrected), " ".join(words)) / 100
    scored = [(_likeness(wanted, name) * typed, release, code, name) for release, code, name in candidates]
    scored.sort(key=lambda item: (-item[0], len(item[3]), item[2]))
    seen: set[tuple[int, str]] = set()
    for score, release, code, name in scored:
        if (release, code) not in seen and len(seen) < limit:
            seen.add((release, code))
            yield release, code, name, round(score, 2)


def _likeness(wanted: str, name: str) -> float:
    plain = utils.default_process(name)
    return 0.6 * fuzz.token_sort_ratio(wanted, plain) + 0.4 * fuzz.token_set_ratio(wanted, plain)
