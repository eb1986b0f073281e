"""First bytes of binary formats, and what to say about those that are not read."""

MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"BM", "image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    (b"PK\x03\x04", "office"),
    (b"PK\x05\x06", "office"),
    (b"SQLite format 3\x00", "database"),
    (b"BZh", "packed"),
    (b"\xfd7zXZ\x00", "packed"),
    (b"\x28\xb5\x2f\xfd", "packed"),
    (b"7z\xbc\xaf\x27\x1c", "packed"),
    (b"Rar!\x1a\x07", "packed"),
    (b"RIFF", "media"),
    (b"ID3", "media"),
    (b"OggS", "media"),
    (b"fLaC", "media"),
    (b"\x7fELF", "program"),
    (b"MZ\x90\x00", "program"),
)
"""First bytes -> name, in the order in which they are tried. A zip gets here only when it is one office document."""

DOCUMENTS = frozenset(("pdf", "rtf"))
"""Those that are read as notes."""

UNREAD: dict[str, tuple[str, str, str]] = {
    "image": ("ingest.image-not-read", "an image", "send the text of the scan as a plain-text note"),
    "office": ("ingest.office-not-read", "an office document", "export it as text or CSV"),
    "dicom": ("ingest.dicom-not-read", "a DICOM object", "send its report as HL7 v2, FHIR or text"),
    "database": ("ingest.database-not-read", "a database file", "export its tables as CSV with a mapping"),
    "packed": (
        "ingest.packed-not-read",
        "an archive of another kind than gzip and zip",
        "unpack it, or pack it by gzip or zip",
    ),
    "media": ("ingest.media-not-read", "a sound or video file", "send its transcript as a plain-text note"),
    "program": ("ingest.program-not-read", "a program", "check where it comes from"),
    "xml": ("ingest.xml-not-read", "XML of an unknown kind", "send it as FHIR, C-CDA, HL7 v2 or CSV"),
    "yaml": ("ingest.yaml-not-read", "YAML", "send it as FHIR JSON"),
}
"""Name -> (issue code, what the file is, what the sender can do)."""
