"""Briefs name the companies most like a lead's, by the campaign's build; before there is one, by industry and size."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from leadflow_pipeline.insight.similar_accounts.builds import build_similar_accounts
from leadflow_pipeline.insight.similar_accounts.for_briefs import similar_accounts_of
from leadflow_pipeline_tests.delivery.owners_world import NOW, TODAY, YESTERDAY, OwnersWorld


def test_the_owner_hears_how_similar_accounts_ended(engine: Engine, tmp_path: Path) -> None:
    world = OwnersWorld(engine, tmp_path)
    world.register()
    world.rep("anke")
    names = {"company": ["Nordic Rail Software", "Bergen Software"], "company_key": ["nordic rail", "bergen"]}
    world.plan({"old-1": ["anke"], "old-2": ["anke"]}, day=YESTERDAY - timedelta(days=9), fields=names)
    world.outcome("old-1", "won", NOW - timedelta(days=3))
    world.plan({"lead-1": ["anke"]})

    world.hand_over(similar=similar_accounts_of)
    assert "Nordic Rail Software won in May 2026 (same industry and size)" in told(world, "lead-1")

    world.forget()
    assert build_similar_accounts(engine, "spring", TODAY).won == 1
    world.hand_over(similar=similar_accounts_of)
    # One that has not ended is nothing to tell of, however much alike it is.
    assert "Similar accounts: Nordic Rail Software won in May 2026 (same industry, size and city)" in told(
        world, "lead-1"
    )


def told(world: OwnersWorld, lead: str) -> str:
    return str(world.messages(step=1, lead_id=lead)[0]["body_text"])
