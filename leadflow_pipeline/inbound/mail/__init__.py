"""Mails that come back: what each is, what its writer wrote, which message it answers, and reading a mailbox.

Pure: `letter` (bytes to headers and text), `markup`, `quoting`, `absence`, `return_dates`, `removal`, `classify`.
Doors: `imap` and `maildir` (reading, each mail once), `matching` and `storing` (the database), `inbox` (all together).
`bounces` tells of mails that could not be delivered. What follows for a lead is `inbound.recording`'s.
"""
