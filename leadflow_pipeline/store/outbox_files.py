"""What a message is called where it becomes a file of the outbox folder.

What belongs here: the name, for those who write the file and those who must find it again. What does not: writing.
"""

from __future__ import annotations

import hashlib
from typing import Final

SUFFIXES: Final = (".eml", ".json")


def file_name(rfc_message_id: str, suffix: str) -> str:
    """The name of a message's file: the same however often it is written."""
    return hashlib.sha256(rfc_message_id.encode()).hexdigest()[:32] + suffix
