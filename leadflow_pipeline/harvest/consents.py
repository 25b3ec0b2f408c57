"""Files of consents: who agreed to be written to, where, and when; and who took it back. A door.

What belongs here: reading such a file and keeping its rows as facts. What does not: whether a campaign asks for
consent (`delivery.permission`).

Columns: `email`, `source` (where it was said: a form, a fair) and `occurred_at`, perhaps `campaign` and `given` (yes
unless it says no). Only the key of an address is kept. A row without a usable address, source or moment is refused and
counted, never guessed: consent that cannot be shown is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine, select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.batches import Batch, texts_of
from leadflow_pipeline.harvest.days import parse_moments
from leadflow_pipeline.harvest.keys import USABLE_EMAIL
from leadflow_pipeline.harvest.normalise import TEXT, clean_email
from leadflow_pipeline.harvest.readers import read_file
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import DayColumn, FileSource
from leadflow_pipeline.store.facts import add_consents
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.schema import campaigns, consents

NEEDED: Final = ("email", "source", "occurred_at")
NO_WORDS: Final = ("no", "false", "0", "n", "f", "withdrawn")
LONGEST_SOURCE: Final = 200

FILE = FileSource(name="consents", header="present")


@dataclass
class ConsentReport:
    """What became of the rows. `refused`: number and reason of each that is no consent."""

    file: str
    rows: int = 0
    new: int = 0
    repeated: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def import_consents(
    engine: Engine, path: Path, campaign: str | None = None, now: datetime | None = None
) -> ConsentReport:
    """Keeps every consent and withdrawal of a file that is not known yet.

    `campaign`: of rows that name none; every campaign without it. Raises FileRefused for a file that cannot be read,
    PermanentError for a campaign that there is none of.
    """
    if not path.is_file():
        raise FileRefused(f"there is no file {path}: check the path")
    with engine.connect() as connection:
        known = set(connection.scalars(select(campaigns.c.campaign)))
    if campaign is not None and campaign not in known:
        raise PermanentError(f"there is no campaign {campaign}: leadflow campaign list shows those there are")
    report = ConsentReport(path.name)
    frames = list(_frames(path, campaign or "", known, now or datetime.now(UTC), report))
    if frames:
        added = add_consents(engine, conform(pd.concat(frames, ignore_index=True), consents))
        report.new, report.repeated = added.added, added.repeated
    return report


def _frames(
    path: Path, campaign: str, known: set[str], now: datetime, report: ConsentReport
) -> Iterator[pd.DataFrame]:
    for batch in read_file(path, FILE):
        named = {str(name).strip().lower(): str(name) for name in batch.cells.column_names}
        lacking = [name for name in NEEDED if name not in named]
        if lacking and batch.cells.num_columns:
            raise FileRefused(
                f"{path.name} has no column {' and no '.join(lacking)}: name the columns so in its header"
            )
        report.rows += batch.row_count
        unreadable = batch.unreadable
        report.refused += zip(unreadable["row_number"].tolist(), unreadable["reason"].tolist(), strict=True)
        if not lacking and batch.cells.num_rows:
            yield _accepted(batch, named, campaign, known, now, report, path.name)


def _accepted(
    batch: Batch,
    named: dict[str, str],
    campaign: str,
    known: set[str],
    now: datetime,
    report: ConsentReport,
    origin: str,
) -> pd.DataFrame:
    texts = {
        name: texts_of(batch.cells, named.get(name, name)).str.strip().replace("", None)
        for name in (*NEEDED, "campaign", "given")
    }
    emails = clean_email(pa.array(texts["email"], TEXT)).to_pandas().astype("str")
    moments = parse_moments(texts["occurred_at"], DayColumn(column="occurred_at"))
    of_campaign = texts["campaign"].fillna(campaign)
    latest = pd.Timestamp(now).as_unit("us") + pd.Timedelta(timedelta(days=1))
    tests = {
        "it has no usable email": emails.str.fullmatch(USABLE_EMAIL).fillna(value=False),
        "it does not say where consent was given (source)": texts["source"].notna(),
        f"its source has more than {LONGEST_SOURCE} characters": ~(
            texts["source"].str.len() > LONGEST_SOURCE
        ).fillna(value=False),
        "it has no usable occurred_at": moments.notna() & (moments <= latest),
        "there is no such campaign": of_campaign.isin({"", *known}),
    }
    reasons = pd.Series(None, index=emails.index, dtype="str")
    for reason, passes in reversed(tests.items()):
        reasons[~passes.astype(bool)] = reason
    is_good = reasons.isna()
    numbers = pd.Series(batch.row_numbers)[~is_good]
    report.refused += list(zip(numbers.astype(int).tolist(), reasons[~is_good].tolist(), strict=True))
    return pd.DataFrame(
        {
            "recipient_key": address_keys(emails[is_good]),
            "campaign": of_campaign[is_good],
            "is_given": ~texts["given"][is_good].str.lower().isin(NO_WORDS),
            "source": texts["source"][is_good],
            "occurred_at": moments[is_good],
            "origin": f"import of {origin}",
        }
    )
