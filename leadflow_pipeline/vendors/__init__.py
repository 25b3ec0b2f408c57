"""The way to data vendors: asking politely, paying once, and keeping every answer as a fact.

What belongs here: one HTTP session for all vendors (`session`), what may be asked now (`limits`), questions that are
bought once whoever dies on the way (`lookups`), and a client for each vendor, which knows its shapes and nothing else.
What does not: who is asked about what, and which field of an answer fills which field of a lead. That is decided by
`harvest` and `enrich`, at their doors.

Nothing here is called by an asset. Vendors are asked by schedule or by hand; their answers are facts with the moment
they came, read as of a day like any other, so a backfill asks nobody and buys nothing.
"""
