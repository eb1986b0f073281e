"""The statements that read predictions."""

COLUMNS = (
    "prediction, model, version, role, time, matures, subject, body, outcome, answer, reason, noted, told, told_at"
)
FIND = f"SELECT {COLUMNS} FROM prediction WHERE prediction = ?"  # noqa: S608 our own names
NAMED = f"SELECT {COLUMNS} FROM prediction WHERE prediction {{in}}"  # noqa: S608 our own names
WINDOW = (
    f"SELECT {COLUMNS} FROM prediction WHERE model = ? AND version = ? AND time >= ? AND time < ? "  # noqa: S608
    "ORDER BY time, prediction"
)
RIPE = (
    f"SELECT {COLUMNS} FROM prediction WHERE model = ? AND version = ? AND matures >= ? AND matures < ? "  # noqa: S608
    "ORDER BY matures, prediction"
)
DUE = (
    f"SELECT {COLUMNS} FROM prediction WHERE model = ? AND version = ? AND matures <= ? AND length(outcome) = 0 "  # noqa: S608
    "AND told_at >= ? AND (time, prediction) > (?, ?) ORDER BY time, prediction LIMIT ?"
)
TOLD = "SELECT count(*) FROM prediction WHERE model = ? AND version = ? AND told_at > 0 AND length(outcome) = 0"
SAID = (
    "SELECT 1 FROM prediction WHERE subject = ? AND model = ? AND version = ? AND matures >= ? AND matures < ? "
    "AND time >= ? LIMIT 1"
)
ANSWERED = (
    f"SELECT {COLUMNS} FROM prediction WHERE subject = ? AND model = ? AND version = ? AND length(answer) > 0 "  # noqa: S608
    "AND role <> 'shadow'"
)
KNOWN = f"SELECT {COLUMNS} FROM prediction WHERE model = ? AND version = ? AND length(outcome) > 0 AND subject {{in}}"  # noqa: S608 our own names
NEWEST_ANSWERED = (
    f"SELECT {COLUMNS} FROM prediction WHERE subject IN "  # noqa: S608 our own names
    "(SELECT subject FROM subject_key WHERE pseudonym = ?) AND model = ? AND answer <> '' "
    "ORDER BY time DESC, prediction DESC"
)
OF_PATIENT = (
    f"SELECT {COLUMNS} FROM prediction WHERE subject IN "  # noqa: S608 our own names
    "(SELECT subject FROM subject_key WHERE pseudonym = ?) ORDER BY time, prediction"
)
