"""The one database: schema, migrations, embedded server, bulk copy, partitions, facts. Knows nothing of any stage's rules."""
