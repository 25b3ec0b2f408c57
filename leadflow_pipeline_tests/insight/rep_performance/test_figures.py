"""Figures of reps: pure."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.insight.rep_performance import plots, tables
from leadflow_pipeline.insight.rep_performance.audit import audit, due_and_got
from leadflow_pipeline.insight.rep_performance.board import leaderboard
from leadflow_pipeline.insight.rep_performance.naming import shown_names
from leadflow_pipeline.insight.rep_performance.peers import (
    ABOVE,
    ALIKE,
    BELOW,
    UNKNOWN,
    against_peers,
    compared,
)
from leadflow_pipeline.insight.rep_performance.trends import RISING, directions, trailing, weekly
from leadflow_pipeline.insight.rep_performance.workload import workload
from leadflow_pipeline.route.owners.choice.performance import RESULTS, rep_results

AS_OF = pd.Timestamp("2026-11-01", tz="UTC")


def results(**reps: tuple[int, int, float]) -> pd.DataFrame:
    """Rep -> leads (all decided), wins, and what each win was worth."""
    rows = {
        rep: dict.fromkeys(RESULTS, 0.0)
        | {
            "leads": leads, "decided": leads, "wins": wins, "values": wins, "value_sum": wins * worth,
            "value_squares": wins * worth**2,
        }
        for rep, (leads, wins, worth) in reps.items()
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rep")


def reps(*ids: str, **fields: list[object]) -> pd.DataFrame:
    columns = {"team": "", "status": "active", "weight": 1.0} | fields
    return pd.DataFrame(columns, index=pd.Index(ids, name="rep", dtype="str"))


def happened(
    *leads: tuple[str, float, str | None, float | None],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """(rep, days before now it was given, outcome, days before now of it) -> hand-overs, outcomes, touches."""
    given = pd.DataFrame(
        [
            (f"lead-{number}", 1, rep, AS_OF - pd.Timedelta(days=days))
            for number, (rep, days, *_) in enumerate(leads)
        ],
        columns=["lead_id", "assignment_number", "rep", "decided_at"],
    )
    given["first_touch_due_at"] = given["decided_at"] + pd.Timedelta(hours=10)
    ends = pd.DataFrame(
        [
            (f"lead-{number}", outcome, AS_OF - pd.Timedelta(days=days), 100.0)
            for number, (*_, outcome, days) in enumerate(leads)
            if outcome is not None and days is not None
        ],
        columns=["lead_id", "outcome", "occurred_at", "value"],
    )
    given, ends = (_with_moments(frame) for frame in (given, ends))
    touches = given[["lead_id", "rep"]].assign(occurred_at=given["decided_at"] + pd.Timedelta(hours=1))
    return given, ends, touches


def _with_moments(frame: pd.DataFrame) -> pd.DataFrame:
    """Times stay times where there is no row."""
    names = [name for name in frame.columns if name.endswith("_at")]
    texts = [name for name in frame.columns if name in ("lead_id", "rep", "outcome")]
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in names}).astype(
        dict.fromkeys(texts, "str")
    )


def test_chance_alone_seldom_puts_anybody_above_or_below():
    draw = np.random.default_rng(5)
    spoken = 0
    for _ in range(100):
        trials = draw.integers(20, 200, 60).astype(float)
        found = against_peers(draw.binomial(trials.astype(int), 0.2).astype(float), trials, np.zeros(60))
        spoken += int(found["verdict"].isin([ABOVE, BELOW]).any())
    assert spoken <= 12, "nobody differs, so to say of anybody that he does is wrong: in at most 5 of 100"


def test_what_is_no_chance_is_said_against_team_and_all():
    hits, trials = np.array([60.0, 20, 20, 21, 1]), np.array([100.0, 100, 100, 100, 3])
    assert against_peers(hits, trials, np.zeros(5))["verdict"].tolist()[0] == ABOVE
    alone = against_peers(hits, trials, ["a", "b", "b", "b", "b"])
    assert alone["verdict"].tolist() == [UNKNOWN, ALIKE, ALIKE, ALIKE, ALIKE]
    assert np.isnan(alone["peers"][0])
    _, verdicts = compared(
        np.array([1.0, 0.0]), np.array([100.0, 0.0]), np.array([50.0, 5.0]), np.array([100.0, 9.0])
    )
    assert verdicts.tolist() == [BELOW, UNKNOWN]


def test_few_leads_make_no_champion():
    found = results(lucky=(2, 2, 100.0), steady=(400, 160, 100.0), weak=(400, 60, 100.0))
    board = leaderboard(found, reps("lucky", "steady", "weak", "new"), 240).set_index("rep")
    assert board["conversion"]["lucky"] < 0.9
    assert board["place_from"]["lucky"] < board["place_to"]["lucky"]
    assert board["conversion_against_all"]["steady"] == ABOVE
    assert board["conversion_against_all"]["weak"] == BELOW
    assert board["conversion_against_all"]["lucky"] == ALIKE
    assert board["value_won"]["steady"] == 16_000
    assert pd.isna(board["place"]["new"]), "nobody is placed who was given no lead"


def test_whoever_has_left_is_shown_but_has_no_place():
    found = results(ada=(50, 20, 100.0), bo=(50, 30, 100.0), gone=(50, 10, 100.0))
    board = leaderboard(found, reps("ada", "bo", status=["active", "left"]), 240)
    assert board["rep"].tolist()[0] == "ada"
    assert board["place"].tolist()[:1] == [1]
    assert board["place"].isna().sum() == 2


def test_trends_go_by_when_leads_ended():
    early = [("ada", 100, "won" if number < 4 else "lost", 60.0) for number in range(40)]
    late = [("ada", 100, "won" if number < 30 else "lost", 5.0) for number in range(40)]
    other = [("bo", 100, "won", float(days)) for days in (5, 60)] + [("cy", 3, None, None)]
    given, ends, touches = happened(*early, *late, *other)
    said = directions(given, ends, AS_OF, ["ada", "bo", "cy"])
    assert said.tolist() == [RISING, "steady", UNKNOWN]
    weeks = weekly(given, ends, touches, AS_OF)
    last = weeks[weeks["week"].eq(AS_OF - pd.Timedelta(weeks=1))].set_index("rep")
    assert last.loc["ada", ["leads", "wins", "value_won"]].tolist() == [0, 30, 3000]
    assert last.loc["cy", ["leads", "sla_due", "sla_kept"]].tolist() == [1, 1, 1]
    assert last["minutes"]["cy"] == pytest.approx(60)
    stood = trailing(given, ends, touches, AS_OF, 180, reps("ada", "bo", "cy"), 240)
    assert stood.shape == (3, 13)
    assert stood.loc["cy"].notna().sum() == 1
    assert stood.loc["ada"].iloc[-1] > stood.loc["ada"].iloc[-3]


def test_a_lead_that_went_on_counts_for_whoever_had_it():
    given, ends, _ = happened(("ada", 20, "won", 5))
    moved = given.assign(assignment_number=2, rep="bo", decided_at=AS_OF - pd.Timedelta(days=10))
    both = pd.concat([given, moved], ignore_index=True)
    weeks = weekly(both, ends, ends.assign(rep="bo")[["lead_id", "rep", "occurred_at"]], AS_OF)
    assert weeks.groupby("rep")["wins"].sum().to_dict() == {"ada": 0, "bo": 1}


def planned(**columns: list[object]) -> pd.DataFrame:
    defaults = {
        "capacity": 5,
        "eligible": 10,
        "assigned": 1,
        "floor": 1,
        "open_leads": 3,
        "load": 0.5,
        "price": 0.0,
    }
    frame = pd.DataFrame(defaults | columns)
    return frame.assign(day=pd.to_datetime(frame["day"]))


def test_load_is_of_the_latest_day_and_floors_of_four_weeks():
    days = planned(
        day=["2026-10-01", "2026-10-30", "2026-10-31", "2026-10-31"],
        rep=["ada", "ada", "ada", "bo"],
        assigned=[0, 0, 3, 1],
        load=[0.1, 0.2, 0.9, 0.4],
        price=[9.0, 4.0, 6.0, 0.0],
    )
    found = workload(days).set_index("rep")
    assert found.index.tolist() == ["ada", "bo"]
    assert found.loc["ada", ["load", "assigned", "price", "floors", "floors_missed"]].tolist() == [
        0.9,
        3,
        5,
        2,
        1,
    ]
    assert workload(days[:0]).empty


def test_what_is_due_goes_by_weight_and_by_what_a_rep_may_have():
    days = planned(
        day=["2026-10-30"] * 3 + ["2026-10-31"] * 3,
        rep=["ada", "bo", "cy"] * 2,
        eligible=[10, 10, 0, 10, 5, 10],
        assigned=[4, 2, 0, 0, 6, 0],
        capacity=[5, 5, 5, 5, 5, 0],
    )
    found = due_and_got(days, pd.Series({"ada": 1.0, "bo": 2.0}))
    assert found["got"].tolist() == [4, 8, 0]
    assert found["due"].tolist() == pytest.approx([2 + 3, 4 + 3, 0])


def test_an_audit_says_what_is_sure_what_may_be_chance_and_who_is_too_few():
    shares = pd.DataFrame(
        {"got": [10.0] * 10 + [4.0] * 10 + [1.0, 2.0], "due": 8.0},
        index=[f"rep-{number}" for number in range(22)],
    )
    groups = pd.Series(["old"] * 10 + ["young"] * 10 + [""], index=shares.index[:21])
    found = audit(shares, groups).set_index("group")
    assert found["is_surely_below"].to_dict() == {"old": False, "young": True, "not said": False}
    assert "surely gets less" in found["says"]["young"]
    assert "too few reps" in found["says"]["not said"]
    assert np.isnan(found["low"]["not said"])
    assert audit(shares[:0], groups).empty


def test_addresses_are_not_shown_and_nobody_is_taken_for_another():
    shown = shown_names(["ada@leads.example", "ada@example.org", "bo-2", "cy@leads.example"])
    assert shown == {
        "ada@example.org": "ada (1)", "ada@leads.example": "ada (2)", "bo-2": "bo-2", "cy@leads.example": "cy",
    }  # fmt: skip
    assert not any("@" in word for word in shown.values())


@pytest.mark.parametrize("count", [0, 1])
def test_pictures_and_tables_of_nobody_and_of_one(count):
    ids = [f"rep-{number:03}" for number in range(count)]
    leads = [(rep, 30, "won" if place % 3 else "lost", 10.0) for rep in ids for place in range(6)]
    given, ends, touches = happened(*leads)
    team = reps(*ids, team=[("north", "south")[number % 2] for number in range(count)])
    board = leaderboard(rep_results(given, ends, touches, AS_OF, 180), team, 240)
    board = board.assign(trend=directions(given, ends, AS_OF, board["rep"].tolist()).to_numpy())
    days = planned(day=[str(date(2026, 10, 31))] * count, rep=ids)
    shown = shown_names(ids)
    shares = {"team": audit(due_and_got(days, team["weight"]), team["team"])}
    drawings = [
        plots.plot_conversion(board, shown),
        plots.plot_value_won(board, shown, "EUR"),
        plots.plot_first_touch(board, shown, 0.95),
        plots.plot_trends(trailing(given, ends, touches, AS_OF, 180, team, 240), board, shown),
        plots.plot_weeks(weekly(given, ends, touches, AS_OF)),
        plots.plot_load(workload(days), shown, 0.85),
        plots.plot_fairness(shares),
    ]
    assert all(picture.startswith(b"\x89PNG") for picture in drawings)
    for section in (
        tables.leaderboard_table(board, shown),
        tables.peers_table(board, shown),
        tables.peers_table(board, shown, only_sure=False),
        tables.workload_table(workload(days), shown),
        tables.fairness_table(shares),
        tables.weeks_table(weekly(given, ends, touches, AS_OF)),
    ):
        assert len(section)


def test_of_very_many_reps_the_first_and_the_last_are_drawn():
    board = leaderboard(
        results(**{f"rep{number:03}": (20, number % 9, 100.0) for number in range(200)}), reps(), 240
    )
    shown = plots.drawn(board)
    assert len(shown) == plots.MOST_DRAWN
    assert shown["rep"].tolist()[:30] == board["rep"].tolist()[:30]
    assert shown["rep"].tolist()[-30:] == board["rep"].tolist()[-30:]
    assert plots.plot_conversion(board, {}).startswith(b"\x89PNG")
