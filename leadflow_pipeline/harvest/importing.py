"""Files come in: a file is read, and its rows go through the door.

What belongs here: one transaction a file, and the landing folder. What does not: reading a format (`readers`),
making a fact of a row (`records`) or storing it (`door`).

Importing a file again changes nothing, so a process that is killed anywhere is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from leadflow_pipeline.campaign import load
from leadflow_pipeline.harvest import lead_facts, spend_facts
from leadflow_pipeline.harvest.arrivals import arrivals, one_ahead
from leadflow_pipeline.harvest.door import Door, ImportReport, first_moment, source_with_keys
from leadflow_pipeline.harvest.landing import DONE, REFUSED, free_place, landed_files, source_of
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import Contents, SourceRules
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import source_records

__all__ = ["Contents", "ImportReport", "LandedFile", "import_file", "import_landed"]

VACUUM_FROM_ROWS = 20_000
"""New records from which the next import gains from a table that was looked after at once."""

UNDECLARED = {
    Contents.EVENTS: lead_facts.EVENTS,
    Contents.OUTCOMES: lead_facts.OUTCOMES,
    Contents.TOUCHES: lead_facts.TOUCHES,
    Contents.SPEND: spend_facts.SPEND,
}

Progress = Callable[[int], None]
"""Called with the number of rows read so far."""


@dataclass(frozen=True)
class LandedFile:
    """A file of the landing folder and what became of it: a report, or a refusal in one sentence."""

    file: str
    report: ImportReport | None = None
    refusal: str | None = None


def import_file(
    engine: Engine,
    campaign: str,
    path: Path,
    *,
    source: str | None = None,
    contents: Contents = Contents.LEADS,
    received_at: datetime | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Stores every row of a file as a fact, all of them or none.

    The rows are read under the campaign's current rules for `source` (where it is not named: the source whose
    `files` pattern fits), which also say what they are; `contents` other than leads says so for a file that no source
    is declared for. Records without a day column belong to the day of `received_at`, which is now.
    Raises FileRefused for a file that cannot be read, PermanentError for an unknown campaign.
    """
    with engine.begin() as connection:
        report = import_within(
            connection, engine, campaign, path,
            source=source, contents=contents, received_at=received_at, progress=progress,
        )  # fmt: skip
    look_after(engine, report)
    return report


def import_within(
    connection: Connection,
    engine: Engine,
    campaign: str,
    path: Path,
    *,
    source: str | None = None,
    contents: Contents = Contents.LEADS,
    received_at: datetime | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """`import_file` in a transaction of the caller's, who calls `look_after` when it is committed."""
    rules = load(engine, campaign).rules
    if not path.is_file():
        raise FileRefused(f"there is no file {path}: check the path")
    of_file = UNDECLARED[contents] if contents in UNDECLARED else source_of(path.name, rules.sources, source)
    report = ImportReport(campaign, path.name, of_file.contents, of_file.name)
    now = received_at or datetime.now(UTC)
    door = Door(connection, report, of_file, source_with_keys(of_file, rules.sources))
    for arrival in one_ahead(arrivals(path, campaign, of_file, now, first_moment(connection, campaign))):
        door.let_in(arrival)
        if progress is not None:
            progress(report.rows)
    return report


def look_after(engine: Engine, report: ImportReport) -> None:
    """What a long import leaves to do, so that the next is quick."""
    if report.new >= VACUUM_FROM_ROWS:
        _vacuum(engine)


def import_landed(engine: Engine, campaign: str, now: datetime | None = None) -> list[LandedFile]:
    """Imports the complete files of a campaign's landing folder, by name, but leads before what is told of them.

    Each then moves to `done`, or to `refused` beside a `.txt` that says why. A process killed before the move
    imports the file again, which changes nothing.
    """
    folder = get_settings().landing_folder / campaign
    paths = landed_files(folder, now or datetime.now(UTC))
    if not paths:
        return []
    sources = load(engine, campaign).rules.sources
    in_order = sorted(paths, key=lambda path: (_tells_of_leads(path, sources), path.name))
    return [_import_landed_file(engine, campaign, path) for path in in_order]


def _tells_of_leads(path: Path, sources: Sequence[SourceRules]) -> bool:
    """Whether a file holds events or outcomes: the leads they name by key have to be there first."""
    try:
        return source_of(path.name, sources).contents is not Contents.LEADS
    except FileRefused:
        return False


def _import_landed_file(engine: Engine, campaign: str, path: Path) -> LandedFile:
    try:
        report = import_file(engine, campaign, path)
    except FileRefused as refusal:
        place = _moved(path, REFUSED)
        place.with_name(f"{place.name}.txt").write_text(f"{refusal}\n", encoding="utf-8")
        return LandedFile(path.name, refusal=str(refusal))
    _moved(path, DONE)
    return LandedFile(path.name, report=report)


def _moved(path: Path, folder_name: str) -> Path:
    folder = path.parent / folder_name
    folder.mkdir(exist_ok=True)
    return path.rename(free_place(folder, path.name))


def _vacuum(engine: Engine) -> None:
    """Lets the next import look keys up in the index alone; autovacuum would come a minute later."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM (ANALYZE) {source_records.fullname}"))
