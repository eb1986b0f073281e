"""The tables of loaded terminologies: one SQLite file, releases side by side, names searchable by word."""

from typing import Final

VERSION: Final = 1
"""Of the tables; a file of another version is refused."""

TABLES: Final = """
CREATE TABLE release (
    id INTEGER PRIMARY KEY, system TEXT NOT NULL, version TEXT NOT NULL, title TEXT NOT NULL, effective TEXT,
    expires TEXT, is_whole INTEGER NOT NULL, licence TEXT NOT NULL, loaded TEXT NOT NULL, concepts INTEGER NOT NULL,
    UNIQUE (system, version)
);
CREATE TABLE concept (
    release INTEGER NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, is_active INTEGER NOT NULL,
    is_abstract INTEGER NOT NULL, PRIMARY KEY (release, code)
) WITHOUT ROWID;
CREATE TABLE name (
    id INTEGER PRIMARY KEY, release INTEGER NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL, kind TEXT NOT NULL
);
CREATE TABLE parent (
    release INTEGER NOT NULL, code TEXT NOT NULL, parent TEXT NOT NULL, PRIMARY KEY (release, code, parent)
) WITHOUT ROWID;
CREATE TABLE property (release INTEGER NOT NULL, code TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE mapping (
    release INTEGER NOT NULL, source_system TEXT NOT NULL, source TEXT NOT NULL, target_system TEXT NOT NULL,
    target TEXT NOT NULL, equivalence TEXT NOT NULL, origin TEXT NOT NULL
);
CREATE TABLE value_set (release INTEGER NOT NULL, url TEXT NOT NULL, version TEXT NOT NULL, content TEXT NOT NULL);
CREATE VIRTUAL TABLE word USING fts5(text, content='name', content_rowid='id', tokenize='unicode61', prefix='3');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab('word', 'row');
CREATE INDEX name_of ON name (release, code);
CREATE INDEX child_of ON parent (release, parent, code);
CREATE INDEX property_of ON property (release, code);
CREATE INDEX mapping_from ON mapping (source_system, source);
CREATE INDEX mapping_to ON mapping (target_system, target);
CREATE INDEX mapping_in ON mapping (release);
CREATE INDEX value_set_url ON value_set (url);
"""

OWNED: Final = ("concept", "name", "parent", "property", "mapping", "value_set")
"""Tables whose rows go with their release."""

INSERTS: Final = {
    "ConceptRow": "INSERT OR IGNORE INTO concept (release, code, name, is_active, is_abstract) VALUES (?, ?, ?, ?, ?)",
    "NameRow": "INSERT INTO name (release, code, text, kind) VALUES (?, ?, ?, ?)",
    "ParentRow": "INSERT OR IGNORE INTO parent (release, code, parent) VALUES (?, ?, ?)",
    "PropertyRow": "INSERT INTO property (release, code, key, value) VALUES (?, ?, ?, ?)",
    "MapRow": (
        "INSERT INTO mapping (release, source_system, source, target_system, target, equivalence, origin) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)"
    ),
    "SetRow": "INSERT INTO value_set (release, url, version, content) VALUES (?, ?, ?, ?)",
}
"""Kind of row -> how it is kept."""

BEST_NAMES: Final = """
WITH best AS (
    SELECT code, text, MIN(CASE kind WHEN 'preferred' THEN 0 WHEN 'full' THEN 1 ELSE 2 END) FROM name
    WHERE release = :release GROUP BY code
)
UPDATE concept SET name = best.text FROM best
WHERE concept.release = :release AND concept.name = '' AND concept.code = best.code
"""
"""SQLite takes `text` from the row that holds the minimum."""
