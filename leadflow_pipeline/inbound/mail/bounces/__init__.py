"""Mails that tell that another mail did not arrive, or was not wanted. Pure: bytes in, a report out, nothing raised.

`reading.read_bounce` is the way in; `report` says what comes out.
"""
