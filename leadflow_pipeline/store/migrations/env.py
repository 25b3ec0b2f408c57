"""What Alembic runs: the revisions, on the connection that `store.migrate` hands over.

There is no ini file and no offline mode: the address of the database is known to `store.engine` alone.
"""

from alembic import context

from leadflow_pipeline.store.schema import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=lambda name, kind, _: kind != "schema" or name == SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
