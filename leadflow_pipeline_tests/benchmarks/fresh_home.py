"""A home folder of its own for one benchmark: an embedded PostgreSQL with the settings users get, and generated leads.

What belongs here: making it and taking it away. What does not: measuring.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import embedded, migrate
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline_tests.benchmarks.generated_leads import (
    CAMPAIGN,
    campaign_text,
    generated_leads,
    write_csv,
)


@contextmanager
def fresh_home(kept: Path | None = None) -> Iterator[Engine]:
    """A migrated store in a temporary folder, or one that is kept, which is also what commands and runs of this process
    use.
    """
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="leadflow-benchmark-") if kept is None else nullcontext(str(kept))
    ) as folder:
        # PostgreSQL runs as another account where this runs as root, and has to be able to pass through.
        Path(folder).chmod(0o711)
        os.environ["LEADFLOW_HOME"] = folder
        get_settings.cache_clear()
        engine = get_engine()
        migrate.upgrade(engine)
        try:
            yield engine
        finally:
            engine.dispose()
            embedded.release(get_settings().home)


def tell_leads(engine: Engine, leads: int, *, day: date, days: int) -> None:
    """Registers the benchmark's campaign and imports generated leads, spread over `days` days from `day` on."""
    register(engine, campaign_text(), "benchmark.yaml")
    path = write_csv(generated_leads(leads, day=day, days=days), get_settings().home / "leads.csv")
    import_file(engine, CAMPAIGN, path)
