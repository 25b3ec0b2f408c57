"""The leaderboard: what each rep did, what is to be expected of it, and how sure its place is. Pure.

What belongs here: putting performance beside results and peers. What does not: performance itself
(`route.owners.performance`), and reading facts.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.insight.rep_performance.peers import against_peers
from leadflow_pipeline.route.owners.choice.performance import RESULTS, performance

DRAWS: Final = 2000
LIKELY: Final = 0.9
"""How often a rep's place lies in the places that are told."""
SEED: Final = 1
STANDARD_ERRORS: Final = 2 * 1.96
"""That the middle 95 % of a normal distribution are wide."""


def leaderboard(results: pd.DataFrame, reps: pd.DataFrame, target_minutes: float) -> pd.DataFrame:
    """The reps, the best first.

    Args:
        results: `rep`-indexed, as of `route.owners.performance.rep_results`.
        reps: `rep`-indexed, with `team` and `status`; whoever has results and is not among them has no team.
        target_minutes: working minutes to the first touch that should do.

    Returns:
        A row a rep: place (missing for one that has left or was given no lead), place_from and place_to (where it is in
        90 of 100 draws of what conversion may be), rep, team, status, leads, decided, wins, conversion with its bounds,
        value_won, value (of a won lead), minutes (to the first touch, as is to be expected of it), minutes_measured
        (the geometric mean of those that were), sla_due, sla_kept, first_touch_in_time, performance, comparable; and
        against team and all the others, in words: `conversion_against_team`, `conversion_against_all`,
        `first_touch_against_all`.
    """
    everybody = reps.index.union(results.index)
    known = reps.reindex(everybody).fillna({"team": "", "status": "left"})
    judged = performance(results, everybody, known["team"], target_minutes)
    counts = results.reindex(everybody)[list(RESULTS)].fillna(0.0)
    due, kept = (counts[name].to_numpy(dtype=float) for name in ("sla_due", "sla_kept"))
    board = judged.assign(
        team=known["team"],
        status=known["status"],
        value_won=counts["value_sum"],
        minutes_measured=np.exp(counts["log_minutes_sum"] / counts["touched"].where(counts["touched"] > 0)),
        sla_due=due.astype(np.int64),
        sla_kept=kept.astype(np.int64),
        first_touch_in_time=np.divide(kept, due, out=np.full(len(due), np.nan), where=due > 0),
    )
    wins, decided = (counts[name].to_numpy(dtype=float) for name in ("wins", "decided"))
    everyone = np.zeros(len(board), dtype=np.int64)
    for name, (hits, trials, group) in {
        "conversion_against_team": (wins, decided, known["team"].to_numpy()),
        "conversion_against_all": (wins, decided, everyone),
        "first_touch_against_all": (kept, due, everyone),
    }.items():
        board[name] = against_peers(hits, trials, group)["verdict"].to_numpy()
    ranked = board[board["status"].ne("left") & board["leads"].gt(0)]
    first, last = _places(ranked)
    board["place_from"] = pd.Series(first, index=ranked.index, dtype="Int64")
    board["place_to"] = pd.Series(last, index=ranked.index, dtype="Int64")
    board["place"] = ranked["comparable"].rank(ascending=False, method="min").astype("Int64")
    return board.reset_index(names="rep").sort_values(
        ["place", "comparable", "rep"], ascending=[True, False, True], ignore_index=True
    )


def _places(ranked: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Between which places each rep is likely to be, as far as conversion is not known for sure."""
    if ranked.empty:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rate = ranked["conversion"].to_numpy(dtype=float)
    spread = (ranked["conversion_high"] - ranked["conversion_low"]).to_numpy(dtype=float) / STANDARD_ERRORS
    draw = np.random.default_rng(SEED).normal(rate, spread, (DRAWS, len(rate)))
    worth = ranked["performance"].to_numpy(dtype=float) / rate * np.maximum(draw, 0)
    places = 1 + np.argsort(np.argsort(-worth, axis=1, kind="stable"), axis=1)
    tail = (1 - LIKELY) / 2
    bounds = np.quantile(places, [tail, 1 - tail], axis=0, method="nearest")
    return bounds[0].astype(np.int64), bounds[1].astype(np.int64)
