"""A campaign's landing folder: which of its files may be taken, and whose they are.

What belongs here: telling a file that is still being written from one that is complete, and the source a file
name belongs to. What does not: importing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import FileSource, SourceRules

DONE, REFUSED = "done", "refused"
UNFINISHED_ENDINGS = (".part", ".partial", ".tmp", ".crdownload", ".filepart")
QUIET = timedelta(seconds=5)
"""A file that nobody wrote to for this long is complete, unless its name says otherwise."""


def landed_files(folder: Path, now: datetime) -> tuple[Path, ...]:
    """The complete files of a landing folder, by name; none if there is no such folder."""
    if not folder.is_dir():
        return ()
    quiet_since = (now - QUIET).timestamp()
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and not _is_unfinished(path.name) and path.stat().st_mtime <= quiet_since
    )


def _is_unfinished(name: str) -> bool:
    return name.startswith((".", "~")) or name.lower().endswith(UNFINISHED_ENDINGS)


def source_of(file_name: str, sources: Sequence[SourceRules], named: str | None = None) -> FileSource:
    """The source a file belongs to: the named one, else the only one whose `files` pattern fits.

    Raises FileRefused if there is none, or more than one. Sources that are asked take no files.
    """
    takes_files = [source for source in sources if isinstance(source, FileSource)]
    names = ", ".join(source.name for source in takes_files) or "none"
    if named is not None:
        for source in takes_files:
            if source.name == named:
                return source
        raise FileRefused(
            f"the campaign has no source {named!r} that takes files, only {names}: mend --source or the campaign file"
        )
    fitting = [source for source in takes_files if fnmatch(file_name.lower(), source.files.lower())]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise FileRefused(
            f"no source of the campaign takes a file named {file_name} (sources: {names}): name it "
            "with --source, or mend `files` of the source in the campaign file"
        )
    raise FileRefused(
        f"{file_name} fits the sources {', '.join(source.name for source in fitting)}: name one with "
        "--source, or give each its own `files` in the campaign file"
    )


def free_place(folder: Path, name: str) -> Path:
    """A path in `folder` for a file of this name that takes nobody's place: name.csv, name.2.csv, ..."""
    place, number = folder / name, 1
    stem, dot, endings = name.partition(".")
    while place.exists():
        number += 1
        place = folder / f"{stem}.{number}{dot}{endings}"
    return place
