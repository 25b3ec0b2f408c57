"""What is checked of how reps do, in words for people who lead them.

What belongs here: verdicts, and what to do. What does not: figures. None blocks: nothing is built upon them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from leadflow_pipeline.insight.rep_performance.reading import RepReport

ASSET = "rep_performance"
IN_TIME = "first_touches_in_time"
ROOM = "reps_have_room"
FAIR = "shares_are_fair"
FLOORS = "floors_kept"

PROMISED = 0.95
"""Share of first touches in time."""
MOST_NAMED = 5

DESCRIPTIONS = {
    IN_TIME: (
        "95 % of first touches are in time. If not, see whose are not: give those reps fewer leads (capacity in the "
        "file of reps), check their working hours and absences there, or promise more hours under ownership.sla."
    ),
    ROOM: (
        "No rep is loaded beyond the point from which it is given less (ownership.backpressure_from). If one is, raise "
        "its capacity if it has the time, close what is over among its open leads, or have others share its territory."
    ),
    FAIR: (
        "No group of reps surely gets less than four fifths of what the best served group gets for what it is due. If "
        "one does, compare their territories, capacities and performance, and raise ownership.floor."
    ),
    FLOORS: (
        "Every rep with room got on every day what it was to get at least. If not, few leads were eligible for it: "
        "look at its territories and specialties with leadflow explain, or lower ownership.exploration."
    ),
}


def specs() -> list[dg.AssetCheckSpec]:
    """The checks of the asset."""
    return [dg.AssetCheckSpec(name, asset=ASSET, description=text) for name, text in DESCRIPTIONS.items()]


def verdicts(report: RepReport) -> Iterator[dg.AssetCheckResult]:
    """The verdict of each check."""
    yield _in_time(report)
    yield _room(report)
    yield _fair(report)
    yield _floors(report)


def _in_time(report: RepReport) -> dg.AssetCheckResult:
    if report.compliance is None:
        return _result(IN_TIME, passed=True, says="no first touch was due yet")
    late = report.board.assign(late=report.board["sla_due"] - report.board["sla_kept"])
    late = late[late["late"] > 0].sort_values(["late", "rep"], ascending=[False, True])
    says = f"{report.compliance:.1%} of {report.sla_due:,} first touches were in time"
    if report.compliance < PROMISED:
        says += f"; most of the late ones were those of {_named(report, late['rep'].head(MOST_NAMED))}"
    return _result(
        IN_TIME,
        passed=report.compliance >= PROMISED,
        says=says,
        compliance=report.compliance,
        threshold=PROMISED,
    )


def _room(report: RepReport) -> dg.AssetCheckResult:
    full = report.workload[report.workload["load"] > report.backpressure_from]
    says = (
        f"loaded beyond {report.backpressure_from:.0%}: {_named(report, full['rep'])}"
        if len(full)
        else f"no rep is loaded beyond {report.backpressure_from:.0%}"
    )
    return _result(ROOM, passed=full.empty, says=says, reps=len(full), threshold=report.backpressure_from)


def _fair(report: RepReport) -> dg.AssetCheckResult:
    below = [
        f"{name} {row['group']}"
        for name, table in report.fairness.items()
        for row in table[table["is_surely_below"]].to_dict("records")
    ]
    doubtful = sum(
        int((table["is_below"] & ~table["is_surely_below"]).sum()) for table in report.fairness.values()
    )
    if below:
        says = f"surely less than is fair: {', '.join(below[:MOST_NAMED])}"
    elif not report.fairness:
        says = "reps have no team and no attributes to compare them by"
    else:
        says = "no group surely gets less than is fair" + (
            f"; {doubtful} may, or it is chance" if doubtful else ""
        )
    return _result(FAIR, passed=not below, says=says, groups_below=len(below))


def _floors(report: RepReport) -> dg.AssetCheckResult:
    missed = report.workload[report.workload["floors_missed"] > 0]
    days = int(missed["floors_missed"].sum())
    says = (
        f"on {days} days of reps fewer leads than their floor: {_named(report, missed['rep'])}"
        if days
        else "every floor of the last four weeks was kept"
    )
    return _result(FLOORS, passed=not days, says=says, days=days)


def _named(report: RepReport, reps: Iterable[str]) -> str:
    names = [report.shown.get(rep, rep) for rep in reps]
    rest = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + rest


def _result(name: str, *, passed: bool, says: str, **metadata: Any) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=ASSET,
        check_name=name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=says,
        metadata={"what to do": DESCRIPTIONS[name], **metadata},
    )
