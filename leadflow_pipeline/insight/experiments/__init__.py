"""What came of experiments: counted in the database, judged by `experiment`, told in tables, pictures and words."""
