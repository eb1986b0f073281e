"""The tables of who may come in, and how a registry of an earlier version becomes one of this version."""

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, MetaData, Table, Text

from careloom.store import bulk

VERSION = 8
"""Of these tables. The migrations of the zones know nothing of them: they are few and small, and whoever opens a
registry of an earlier version adds what it lacks (`upgrade`)."""

metadata = MetaData()
client = Table(
    "client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("zones", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("jwks", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("disabled", BigInteger),
    Column("patient", Text, nullable=False, server_default=""),
    Column("actors", Text, nullable=False, server_default=""),
    Column("purposes", Text, nullable=False, server_default=""),
)
assertion_seen = Table(
    "assertion_seen",
    metadata,
    Column("jti_hash", LargeBinary, primary_key=True),
    Column("client", Text, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
)
token_revoked = Table(
    "token_revoked",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("expires", BigInteger, nullable=False, index=True),
)
account = Table(
    "account",
    metadata,
    Column("client", Text, primary_key=True),
    Column("full_name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("second_factor", Text, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("recovery", Text, nullable=False),
    Column("invitation", Text, nullable=False),
    Column("invited_until", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger),
    Column("signed_in", BigInteger),
)
"""What a person signs in with, beside the person's row in `client`: hashes, and a second factor that is sealed."""
sign_in_pace = Table(
    "sign_in_pace",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False, index=True),
)
"""Tries to sign in without success, by keyed hash of whom they were for or where they came from."""
app = Table(
    "app",
    metadata,
    Column("client", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("redirects", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("is_public", Integer, nullable=False),
)
"""What an application in which people sign in is, beside its row in `client`."""
browser_session = Table(
    "browser_session",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("person", Text, nullable=False, index=True),
    Column("generation", Integer, nullable=False),
    Column("is_whole", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("ways", Text, nullable=False, server_default="pwd otp mfa"),
    Column("provider", Text, nullable=False, server_default=""),
    Column("hint", Text, nullable=False, server_default=""),
)
"""Browsers in which somebody is signed in, by hash of their cookie."""
app_grant = Table(
    "app_grant",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app", Text, nullable=False, index=True),
    Column("person", Text, nullable=False, index=True),
    Column("generation", Integer, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("patient", Text, nullable=False),
    Column("signed_in", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
    Column("revoked", BigInteger),
    Column("ways", Text, nullable=False, server_default="pwd otp mfa"),
)
"""What a person let an application do; every code and token of it ends with it."""
grant_code = Table(
    "grant_code",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("app_grant", Text, nullable=False),
    Column("redirect", Text, nullable=False),
    Column("challenge", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
    Column("used", BigInteger),
)
refresh_token = Table(
    "refresh_token",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("app_grant", Text, nullable=False, index=True),
    Column("expires", BigInteger, nullable=False, index=True),
    Column("used", BigInteger),
)
signing_key = Table(
    "signing_key",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("purpose", Text, nullable=False, server_default="identity"),
    Column("kid", Text, nullable=False, server_default=""),
    Column("signs", BigInteger, nullable=False, server_default="0"),
)
"""Keys that sign tokens, sealed: see `careloom.store.signing_keys.KeptKey`."""
_signing_key_of_4 = Table(
    "signing_key",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("until", BigInteger),
)
account_identity = Table(
    "account_identity",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("client", Text, nullable=False, index=True),
    Column("provider", Text, nullable=False),
    Column("is_managed", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""Whom other providers call what; `is_managed` where roles follow what the provider says."""
provider_attempt = Table(
    "provider_attempt",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
)
"""Sign-ins that are under way at another provider, by hash of their state."""
passkey = Table(
    "passkey",
    metadata,
    Column("id", Text, primary_key=True),
    Column("client", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("credential", LargeBinary, nullable=False, unique=True),
    Column("public_key", Text, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("is_synced", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger),
)
"""Passkeys of people (WebAuthn): see `careloom.store.passkeys.Passkey`."""
passkey_challenge = Table(
    "passkey_challenge",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("person", Text, nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("browser", LargeBinary, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
)
"""Challenges that wait for the answer of a passkey, by hash."""
access_version = Table("access_version", metadata, Column("version", Integer, primary_key=True))

_STATEMENTS: dict[int, tuple[str, ...]] = {
    2: tuple(
        f"ALTER TABLE client ADD COLUMN {name} TEXT NOT NULL DEFAULT ''" for name in ("patient", "actors", "purposes")
    ),
    5: (
        "ALTER TABLE signing_key ADD COLUMN purpose TEXT NOT NULL DEFAULT 'identity'",
        "ALTER TABLE signing_key ADD COLUMN kid TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE signing_key ADD COLUMN signs BIGINT NOT NULL DEFAULT 0",
    ),
}
_COLUMNS: dict[int, tuple[tuple[Table, str], ...]] = {
    6: ((browser_session, "ways"), (browser_session, "provider"), (app_grant, "ways")),
    8: ((browser_session, "hint"),),
}
"""Version -> columns of text that it has and the one before had not."""
_TABLES: dict[int, tuple[Table, ...]] = {
    3: (account, sign_in_pace),
    4: (app, browser_session, app_grant, grant_code, refresh_token, _signing_key_of_4),
    6: (account_identity, provider_attempt),
    7: (passkey, passkey_challenge),
}
"""Version -> what it has that the one before had not."""


def upgrade(connection: Connection) -> int | None:
    """The version that the registry has now, after what it lacked was added; None where it does not say one."""
    found = [version for (version,) in bulk.fetch(connection, "SELECT version FROM access_version")]
    if len(found) != 1:
        return None
    version, made = int(found[0]), set[Table]()
    while 1 <= version < VERSION:
        version += 1
        for statement in _STATEMENTS.get(version, ()):
            connection.exec_driver_sql(statement)
        for table, name in _COLUMNS.get(version, ()):
            if table not in made:  # one of just now has it
                default = getattr(table.columns[name].server_default, "arg", "")
                sql = f"ALTER TABLE {table.name} ADD COLUMN {name} TEXT NOT NULL DEFAULT '{default}'"
                connection.exec_driver_sql(sql)
        for table in _TABLES.get(version, ()):
            table.create(connection)
            made.add(table)
        bulk.run(connection, "UPDATE access_version SET version = ?", [(version,)])
    return version
