"""Runs migrations over the connection that `careloom.store.migrate` hands in."""

from alembic import context

from careloom.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
