"""People in several campaigns, as the report shows them. Everybody is invented."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.insight import pages
from leadflow_pipeline.insight.overlaps import overlap_table, read_overlaps
from leadflow_pipeline_tests.delivery.test_persons import AUTUMN, SPRING, due, one_person
from leadflow_pipeline_tests.delivery.world import NOW, World


def test_a_report_tells_who_is_elsewhere_too_and_who_writes(engine: Engine, tmp_path: Path) -> None:
    world = World(engine, tmp_path)
    for slug in ("spring-sale", "autumn-sale", "quiet-sale"):
        world.register(slug)
    due(world, SPRING, AUTUMN)
    one_person(world, SPRING, AUTUMN)
    one_person(
        world, ("spring-sale", "x", "x@leads.example"), ("autumn-sale", "y", "x@leads.example"), person="q"
    )
    assert release_due(engine, world.settings, NOW).count == 1
    with engine.connect() as connection:
        here = read_overlaps(connection, NOW, "spring-sale")
        everywhere = read_overlaps(connection, NOW)
        quiet = read_overlaps(connection, NOW, "quiet-sale")
    assert overlap_table(here).to_dict("records") == [
        {"other_campaign": "autumn-sale", "people": 2, "written_to_here": 0, "written_to_there": 1}
    ]
    assert everywhere[["campaign", "other_campaign", "people"]].to_numpy().tolist() == [
        ["autumn-sale", "spring-sale", 2]
    ]
    for page in (pages.markdown_page, pages.html_page):
        assert "no other campaign has any of these people" in page(
            "Quiet", {"Overlaps": overlap_table(quiet)}, {}
        )
