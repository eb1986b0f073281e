"""The tables of alarms; made with those of `careloom.store.schema`."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from careloom.store.schema import metadata

_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

alarm = Table(
    "alarm",
    metadata,
    Column("alarm", _BYTEWISE, primary_key=True),
    Column("version", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("closed", BigInteger, nullable=False),
    Column("told", Text, nullable=False),
    Column("acknowledged", BigInteger, nullable=False),
    Column("acknowledged_by", Text, nullable=False),
    Column("acknowledged_level", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index("alarm_by_version", "version", "closed"),
)
"""An alarm of a watched version (``NAME@NUMBER``), never of a patient. `place`: a feature or a group; `seen`: of the
newest look that raised it; `closed`: 0 while it stands; `told`: JSON, channel -> when it was told last;
`acknowledged`: when somebody did, who, at which level, with which note; 0 and empty while nobody has, or since it is
worse."""

alarm_message = Table(
    "alarm_message",
    metadata,
    Column("message", _BYTEWISE, primary_key=True),
    Column("version", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("alarm_message_by_state", "state", "created"),
)
"""What is to be told by one channel (webhook, mail, azure), written in the step of the look that found it. `state`:
waiting, told, or dropped where the channel is off; `due`: when it is tried next; `ended`: when it was told or dropped,
0 before; `code`: of the error that the newest try met; `body`: JSON, what is told."""

monitor_chart = Table(
    "monitor_chart",
    metadata,
    Column("version", _BYTEWISE, primary_key=True),
    Column("body", Text, nullable=False),
)
"""Where the sequential control of a version stands. `body`: JSON (`careloom.mlops.drift_sequential.Chart`)."""

prediction_gone = Table(
    "prediction_gone",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("predictions", BigInteger, nullable=False),
)
"""How many predictions went before anybody knew what came of them. `reason`: erased, or old."""
