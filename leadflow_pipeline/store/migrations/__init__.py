"""The history of the schema, one revision a file. What a table looks like today is said in `store.schema`."""
