"""The one database: schema, migrations, embedded server, bulk copy, partitions, facts. No stage's rules."""
