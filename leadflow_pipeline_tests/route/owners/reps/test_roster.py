"""The door to reps: what is added, what stays, and what a day of the past sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, func, select, text
from typer.testing import CliRunner

from leadflow_pipeline import samples
from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli import app
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.route.owners.reps.absences import NoSuchAbsence, add_absence, end_absence
from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep
from leadflow_pipeline.route.owners.reps.rep_sources import reps_from_table
from leadflow_pipeline.route.owners.reps.roster import (
    UnknownRep,
    import_reps,
    read_history,
    read_roster,
    read_rosters,
    set_status,
)
from leadflow_pipeline.route.owners.reps.roster_check import check_reps
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import activity_log, reps

MONDAY = date(2026, 3, 2)
LATER = MONDAY + timedelta(days=7)


def kept(
    engine: Engine, told: list[Rep], day: date | None = None, **options: bool
) -> tuple[int, int, int, int]:
    """New, changed, unchanged and gone."""
    done = import_reps(engine, told, actor="test", origin="reps.csv", from_day=day, today=LATER, **options)
    return len(done.added), len(done.changed), len(done.unchanged), len(done.left)


def statuses(engine: Engine, day: date) -> dict[str, str]:
    return {rep.rep: rep.status for rep in read_roster(engine, "spring", day).reps}


def test_a_list_changes_nothing_before_the_day_it_holds_from(engine: Engine) -> None:
    first = [Rep(rep="mara"), Rep(rep="tom"), Rep(rep="zoe")]
    assert kept(engine, first) == (3, 0, 0, 0)
    assert kept(engine, first) == (0, 0, 3, 0)
    before = read_rosters(engine, "spring", [get_settings().first_day, MONDAY, LATER - timedelta(days=1)])
    assert all(roster.ids.tolist() == ["mara", "tom", "zoe"] for roster in before.values())

    second = [Rep(rep="anke"), Rep(rep="mara", capacity=Capacity(per_day=2)), Rep(rep="tom")]
    assert kept(engine, second, dry_run=True) == (1, 1, 1, 1)
    assert kept(engine, second) == (1, 1, 1, 1)
    after = read_rosters(engine, "spring", [MONDAY, LATER])
    assert after[MONDAY].reps == before[MONDAY].reps
    assert statuses(engine, LATER) == {"anke": "active", "mara": "active", "tom": "active", "zoe": "left"}
    assert after[LATER].reps[1].capacity.per_day == 2

    # Who left comes back by standing in the list again, and who is missing may stay.
    assert kept(engine, [Rep(rep="zoe")], LATER + timedelta(days=1), keep_missing=True) == (0, 1, 0, 0)
    assert set(statuses(engine, LATER + timedelta(days=1)).values()) == {"active"}
    with pytest.raises(PermanentError, match="all have left"):
        kept(engine, [])

    # A record of an earlier day does not undo what holds later.
    done = import_reps(
        engine, [Rep(rep="mara", weight=3)], actor="test", origin="x", from_day=MONDAY, keep_missing=True
    )
    assert done.overtaken == ("mara",)
    assert read_roster(engine, "spring", LATER).reps[1].weight == 1
    with engine.connect() as connection:
        noted = connection.scalars(select(activity_log.c.action)).all()
        records = connection.scalar(select(func.count()).select_from(reps))
    assert noted == ["reps.import"] * 5
    assert records == 3 + 3 + 1 + 1


def test_status_and_absences(engine: Engine) -> None:
    kept(engine, [Rep(rep="mara"), Rep(rep="tom")])
    assert set_status(engine, "tom", "paused", actor="test", from_day=MONDAY) is not None
    assert set_status(engine, "tom", "paused", actor="test", from_day=MONDAY) is None
    assert statuses(engine, MONDAY - timedelta(days=1))["tom"] == "active"
    assert statuses(engine, MONDAY)["tom"] == "paused"
    assert [stored.record.rep.status for stored in read_history(engine, "tom")] == ["active", "paused"]

    number = add_absence(engine, "mara", MONDAY, MONDAY + timedelta(days=10), actor="test")
    assert add_absence(engine, "mara", MONDAY, MONDAY + timedelta(days=10), actor="test") == number
    days = [MONDAY + timedelta(days=days) for days in (-2, -1, 4, 5, 11)]
    away = [bool(read_roster(engine, "spring", day).is_absent[0]) for day in days]
    assert away == [False, True, True, True, False]
    assert len(end_absence(engine, "mara", actor="test", day=MONDAY + timedelta(days=5))) == 1
    assert [bool(read_roster(engine, "spring", day).is_absent[0]) for day in days] == [
        False, True, True, False, False,
    ]  # fmt: skip
    with pytest.raises(NoSuchAbsence, match="nothing to withdraw"):
        end_absence(engine, "mara", actor="test", day=MONDAY + timedelta(days=5))
    with pytest.raises(PermanentError, match="swap the days"):
        add_absence(engine, "mara", LATER, MONDAY, actor="test")
    for unknown in (
        lambda: add_absence(engine, "nobody", MONDAY, LATER, actor="test"),
        lambda: set_status(engine, "nobody", "left", actor="test"),
        lambda: read_history(engine, "nobody"),
    ):
        with pytest.raises(UnknownRep, match="no rep 'nobody'"):
            unknown()


def test_reps_from_a_view(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE VIEW public.sales_reps AS SELECT 'tom' AS rep, 'GB' AS countries, 2.5::numeric AS leads_a_day, "
                "ARRAY['retail', 'real estate'] AS industries UNION ALL SELECT 'mara', NULL, NULL, NULL"
            )
        )
    mara, tom = reps_from_table(engine, "public.sales_reps")
    assert (mara.rep, mara.territories, tom.capacity.per_day) == ("mara", (), 2.5)
    assert tom.industries == ("retail", "real estate")
    with pytest.raises(PermanentError, match=r"there is no table or view public\.nothing"):
        reps_from_table(engine, "public.nothing")


CAMPAIGN = re.sub(r"^ownership:.*\n(?: .*\n)*", "", samples.B2B_CAMPAIGN.read_text(), flags=re.MULTILINE)
"""Without its owners."""
OWNERSHIP = """
ownership:
  teams:
    - {team: Enterprise, when: [{field: company_size, at_least: 2000}]}
"""


def test_the_commands(engine: Engine, campaign: Callable[..., str]) -> None:
    register(engine, CAMPAIGN + OWNERSHIP, "campaign.yaml")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["reps", *words])
        if isinstance(done.exception, PermanentError):
            return 1, str(done.exception)
        return done.exit_code, done.output

    assert run("import", str(samples.B2B_REPS), "--from-day", "2026-03-02")[0] == 0
    assert "unchanged: 9" in run("import", str(samples.B2B_REPS))[1]
    assert '"status": "left"' in run("list", "--json")[1]
    assert "No rep is known on 2026-03-01" in run("list", "--day", "2026-03-01")[1]
    assert "nadia" in run("list", "--campaign", "accounts-payable-launch")[1]
    assert run("set", "tom.hargreaves@leads.example", "--status", "paused")[0] == 0
    assert "paused" in run("show", "tom.hargreaves@leads.example")[1]
    assert run("absent", "anke.vogel@leads.example", "--from", "2090-01-01", "--to", "2090-01-05")[0] == 0
    assert "2090-01-05" in run("show", "anke.vogel@leads.example")[1]
    assert run("back", "anke.vogel@leads.example")[0] == 0
    code, told = run("lint", "--campaign", "accounts-payable-launch")
    assert "GB, IE: only tom.hargreaves@leads.example had it" in told
    assert "no manager is named" in told
    assert code == 0
    assert run("import")[0] == 1
    assert "there is no rep 'nobody'" in run("show", "nobody")[1]
    campaign("without-a-file")
    assert run("import", str(samples.B2B_REPS))[0] == 0
    register(engine, CAMPAIGN.replace("accounts-payable-launch", "without-owners"), "campaign.yaml")
    with pytest.raises(PermanentError, match="has no section `ownership`"):
        check_reps(engine, MONDAY, "without-owners")
