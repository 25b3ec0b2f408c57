"""A campaign in which every text has a word of its own, so that whoever finds one knows where it comes from.

What belongs here: the words, telling them as facts, and that they are in the pipeline's tables. What does not: looking
for them where they may not be (`test_no_personal_data`).
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, select, text

from leadflow_pipeline.campaign import load
from leadflow_pipeline.harvest.importing import Contents, import_file
from leadflow_pipeline.partitions import PartitionRange, days_between, last_complete_day
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.roster import import_reps
from leadflow_pipeline.store.experiment_states import change_state
from leadflow_pipeline.store.facts import add_override
from leadflow_pipeline.store.schema import DERIVED_TABLES, metadata

YESTERDAY = last_complete_day(datetime.now(UTC))
FIRST_DAY = YESTERDAY - timedelta(days=1)
DAYS = PartitionRange("quiet", days_between(FIRST_DAY, YESTERDAY))

MARK = "canaryq"
"""Begins every word that must not be found; long enough not to occur by chance in a picture's base64."""

PHONE_DIGITS = "7700900987"
TOLD_IN_TEXT = (
    "first", "last", "company", "title", "industry", "country", "region", "city", "postcode", "linkedin", "zone",
    "language", "plan", "unmapped",
)  # fmt: skip
COLUMNS = ("mail", "phone", "site", *TOLD_IN_TEXT, "received")

CAMPAIGN_FILE = """
campaign: quiet
name: Quiet
sender: {name: Ida Example, email: ida@sender.example.org}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: UTC
sources:
  - name: list
    files: "*.csv"
    mapping:
      email: mail
      phone: phone
      website: site
      first_name: first
      last_name: last
      company: company
      job_title: title
      industry: industry
      country: country
      region: region
      city: city
      postcode: postcode
      linkedin_url: linkedin
      time_zone: zone
      language: language
      custom.plan: plan
    day: {column: received}
enrichment: {allow_test_domains: true}
qualification: {threshold: 0, review_band: 0}
ownership: {}
experiments:
  - key: slower
    hypothesis: why not
    kind: sequences
    bandit: {}
    variants: [{key: as-is}, {key: slower, sequences: {HOT: regular_nurture}}]
    primary: {behaviour: reply, within_days: 2}
nurture:
  send_window: {start: "00:00", end: "23:59", weekdays: [mon, tue, wed, thu, fri, sat, sun]}
"""


def lead_row(kind: str, **others: str) -> dict[str, str]:
    """A lead that has a word of its own in every text."""
    words = {name: f"{MARK}{name}" for name in TOLD_IN_TEXT}
    return {
        "mail": f"{MARK}mail.{kind}@leads.example",
        "phone": f"+44{PHONE_DIGITS}",
        "site": f"https://{MARK}site.example",
        **words,
        "received": str(FIRST_DAY),
        **others,
    }


def another_person(kind: str) -> dict[str, str]:
    """A lead that is not taken for the same person."""
    return lead_row(kind, first=f"{MARK}{kind}", last=f"{MARK}of{kind}", phone="", linkedin="")


def tell_the_facts(engine: Engine, folder: Path) -> None:
    """Leads good, quarantined and unreadable, what they did, what became of them, who may own them, and what people
    decided.
    """
    leads = folder / f"leads-of-{MARK}file.csv"
    rows = [lead_row("kept"), lead_row("kept.too"), another_person("refused"), another_person("busy")]
    rows += [lead_row("quarantined", mail=f"{MARK}nomail", phone="")]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(leads, index=False)
    with leads.open("a") as file:
        file.write(",".join([f"{MARK}ragged"] * (len(COLUMNS) + 5)) + "\n")
    report = import_file(engine, DAYS.campaign, leads)
    assert (report.new, report.quarantined) == (5, 1)

    noon = f"{FIRST_DAY}T12:00:00Z"
    columns = ["event_id", "email", "behaviour", "occurred_at", "note"]
    events = [
        [f"{MARK}event", f"{MARK}mail.kept@leads.example", f"{MARK}behaviour", noon, f"{MARK}note"],
        ["2", f"{MARK}mail.kept@leads.example", "click", noon, f"{MARK}note"],
        ["3", f"{MARK}mail.kept@leads.example", "click", f"{MARK}when", f"{MARK}note"],
    ]
    path = folder / f"{MARK}events.csv"
    pd.DataFrame(events, columns=columns).to_csv(path, index=False)
    assert import_file(engine, DAYS.campaign, path, contents=Contents.EVENTS).quarantined == 1

    outcomes = [[f"{MARK}nobody@leads.example", word, noon] for word in ("meeting", f"{MARK}outcome")]
    path = folder / f"{MARK}outcomes.csv"
    pd.DataFrame(outcomes, columns=["email", "outcome", "occurred_at"]).to_csv(path, index=False)
    assert import_file(engine, DAYS.campaign, path, contents=Contents.OUTCOMES).quarantined == 1

    rep = Rep(
        rep="rep-1",
        name=f"{MARK}rep",
        email=f"{MARK}rep.mail@leads.example",
        named_accounts=(f"{MARK}named",),
        attributes={"contract": f"{MARK}contract"},
    )
    import_reps(engine, [rep], actor="ana", origin="reps.csv")
    tried = load(engine, DAYS.campaign).rules.experiments
    change_state(
        engine, DAYS.campaign, tried[0], tried, "running", FIRST_DAY, actor="ana", reason=f"{MARK}trial",
    )  # fmt: skip

    with engine.connect() as connection:
        lead_id = connection.scalar(text("SELECT min(lead_id) FROM leadflow.engagement_events"))
    assert lead_id is not None
    for field, value in (("owner", f"{MARK}owner"), ("status", "QUALIFIED"), ("sequence", f"{MARK}sequence")):
        add_override(
            engine,
            campaign=DAYS.campaign,
            lead_id=lead_id,
            field=field,
            value=value,
            actor=f"{MARK}actor",
            reason=f"{MARK}reason",
            occurred_at=datetime.fromisoformat(noon),
        )


def assert_told_in_the_tables(engine: Engine) -> None:
    """Nothing would leak either if the words had got lost on the way."""
    kept = "\n".join(texts_of_tables(engine, metadata.tables.values()).values()).lower()
    words = ("mail", "site", *TOLD_IN_TEXT, "nomail", "ragged", "file", "event", "behaviour", "note", "when")
    words += ("events", "outcomes", "outcome", "owner", "actor", "reason")
    words += ("rep", "rep.mail", "named", "contract", "trial")
    assert [word for word in words if f"{MARK}{word}" not in kept] == []
    assert PHONE_DIGITS in kept
    with engine.connect() as connection:
        for table in DERIVED_TABLES:
            assert connection.execute(select(table).limit(1)).first(), f"{table.name} is empty"


def texts_of_tables(engine: Engine, tables: Any) -> dict[str, str]:
    """Table -> all that it holds."""
    with engine.connect() as connection:
        return {
            table.fullname: "\n".join(
                plain(value) for row in connection.execute(select(table)) for value in row
            )
            for table in tables
        }


def plain(value: object) -> str:
    """A cell as text; Dagster compresses some."""
    if not isinstance(value, bytes | memoryview):
        return str(value)
    try:
        return zlib.decompress(value).decode()
    except zlib.error:
        return bytes(value).decode("utf-8", "replace")
