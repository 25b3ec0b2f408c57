"""Harvest: from a file or a vendor's page to clean lead records. Nothing is dropped: what cannot be read is
quarantined.

The way of a record: `sniffing` recognises the file, `readers` reads it as text, `records` makes facts of its
rows, `importing` stores them (the first door); then, for a campaign and its days, `mapping` turns columns
into fields, `normalise` cleans them, `merging` joins the records of one lead and `plan` says what was
harvested and what was quarantined. Mapping happens after storing, so that a better mapping reaches the
records of old days too.
"""
