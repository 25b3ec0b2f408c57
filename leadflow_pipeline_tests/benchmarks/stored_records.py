"""A day of many records: finding those that name leads, and letting them age out.

    python -m leadflow_pipeline_tests.benchmarks.stored_records --records 1000000

The look-up is what `decide` does for those whom no day has computed yet, many at once where many ask. The sweep is that
of every night: while the day is still to be computed it may take nothing, afterwards it takes all, and once more there
is nothing left. Prints a line of JSON for each, with its seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import Engine, insert, text, update

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.harvest.stored_records import Names, records_naming
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.retention import age_out
from leadflow_pipeline.store.schema import DERIVED_TABLES, campaigns, partition_lineage
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.generated_leads import CAMPAIGN, campaign_text

DAY: Final = date(2026, 3, 2)
KEPT_DAYS: Final = 30
FILL: Final = """
    INSERT INTO leadflow.source_records
        (campaign, source, content_key, occurred_at, origin, row_number, payload)
    SELECT :campaign, 'file', md5(number::text), :at, 'leads.csv', number, jsonb_build_object(
        'email', 'person' || number || '@company' || number / 7 || '.leads.example', 'first_name', 'Ada',
        'last_name', 'Almeidabace', 'job_title', 'Chief Financial Officer', 'industry', 'Manufacturing',
        'company', 'Company ' || number / 7 || ' GmbH', 'employees', '180', 'country', 'DE', 'budget', '20000',
        'phone', '+1 212 555 ' || lpad(number::text, 8, '0'), 'hiring', 'yes')
    FROM generate_series(1, :records) AS number
"""


def main() -> None:
    """Prints a line of JSON for each step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    records = parser.parse_args().records
    with fresh_home() as engine:
        register(engine, campaign_text(), "benchmark.yaml")
        _fill(engine, records)
        numbers = [records // (2 + each) for each in range(200)]
        emails = [f"person{number}@company{number // 7}.leads.example" for number in numbers]
        digits = [f"1212555{number:08}" for number in numbers]
        asked = {
            "one by email": Names(emails[:1], [], []),
            "one by digits": Names([], digits[:1], []),
            "200 by email": Names(emails, [], []),
            "200 by digits": Names([], digits, []),
        }
        for what, names in asked.items():
            _measured(what, lambda names=names: _found(engine, names))
        settings = get_settings().model_copy(update={"keep_record_days": KEPT_DAYS})
        after = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=KEPT_DAYS + 2)

        def sweep() -> int:
            return age_out(engine, settings, after)["source_records"]

        _measured("a sweep before the day is computed", sweep)
        _compute(engine)
        _measured("a sweep afterwards", sweep)
        _measured("the next sweep", sweep)


def _fill(engine: Engine, records: int) -> None:
    at = datetime(DAY.year, DAY.month, DAY.day, 10, tzinfo=UTC)
    with engine.begin() as connection:
        connection.execute(text(FILL), {"campaign": CAMPAIGN, "at": at, "records": records})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) leadflow.source_records"))


def _found(engine: Engine, names: Names) -> int:
    sources = load(engine, CAMPAIGN).rules.sources[:1]
    with engine.connect() as connection:
        return len(records_naming(connection, CAMPAIGN, [DAY], names, sources[0], sources))


def _compute(engine: Engine) -> None:
    """As if every stage had been computed for the day, and the campaign was as old as it."""
    rows = [
        {
            "table_name": table.name,
            "campaign": CAMPAIGN,
            "day": DAY + timedelta(days=later),
            "campaign_version": 1,
            "rows": 0,
            "run_id": "benchmark",
        }
        for table in DERIVED_TABLES
        for later in range(KEPT_DAYS + 2)
    ]
    with engine.begin() as connection:
        connection.execute(insert(partition_lineage), rows)
        connection.execute(update(campaigns).values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))


def _measured(what: str, do: Callable[[], int]) -> None:
    begun = time.perf_counter()
    rows = do()
    print(
        json.dumps({"what": what, "rows": rows, "seconds": round(time.perf_counter() - begun, 2)}), flush=True
    )


if __name__ == "__main__":
    main()
