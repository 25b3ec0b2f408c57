"""The one way a file is refused: a sentence with the file, the place and the remedy. Never a cell's text."""

from __future__ import annotations

from leadflow_pipeline.errors import PermanentError


class FileRefused(PermanentError):
    """A file that cannot be read as it is. Nothing of it was stored."""
