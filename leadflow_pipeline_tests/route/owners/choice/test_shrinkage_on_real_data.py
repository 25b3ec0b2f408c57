"""Whether shrunk figures of reps foretell what comes next better than raw ones: on real data, in order of time.

Each month is foretold from the 90 days before it. Needs `--data FOLDER`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from leadflow_pipeline.route.owners.choice.shrinkage import shrunk_means, shrunk_rates

WINDOW = pd.Timedelta(days=90)


def foretold(deals: pd.DataFrame, column: str, months: pd.DatetimeIndex, is_rate: bool) -> pd.DataFrame:
    """Each deal of the months with what is foretold of it: by its rep raw and shrunk, and by all reps alike."""
    reps = np.sort(deals["rep"].unique())
    found = []
    for month in months:
        before = deals[(deals["closed"] < month) & (deals["closed"] >= month - WINDOW)]
        after = deals[(deals["closed"] >= month) & (deals["closed"] < month + pd.offsets.MonthBegin())]
        seen = before.groupby("rep")[column].agg(["size", "sum", lambda values: (values**2).sum()])
        count, total, squares = seen.reindex(reps).fillna(0).to_numpy(dtype=float).T
        one_team = np.zeros(len(reps), dtype=int)
        shrunk = (
            shrunk_rates(total, count, one_team).rate
            if is_rate
            else shrunk_means(count, total, squares, one_team)
        )
        overall = before[column].mean()
        raw = np.divide(total, count, out=np.full(len(reps), overall), where=count > 0)
        place = np.searchsorted(reps, after["rep"])
        found.append(
            after[[column]].assign(raw=raw[place], shrunk=shrunk[place], overall=overall, truth=after[column])
        )
    return pd.concat(found)


def log_loss(found: pd.DataFrame, by: str) -> float:
    chance = found[by].clip(1e-4, 1 - 1e-4)
    return float(-np.log(np.where(found["truth"] == 1, chance, 1 - chance)).mean())


def error(found: pd.DataFrame, by: str) -> float:
    return float(((found["truth"] - found[by]) ** 2).mean())


def test_conversion_and_value_by_agent(data: Path) -> None:
    deals = pd.read_csv(data / "crm_maven" / "sales_pipeline.csv", parse_dates=["close_date"])
    deals = deals[deals["deal_stage"].isin(["Won", "Lost"])]
    deals = deals.rename(columns={"sales_agent": "rep", "close_date": "closed"})
    deals["won"] = (deals["deal_stage"] == "Won").astype(float)
    months = pd.date_range("2017-05-01", "2017-12-01", freq="MS")

    rates = foretold(deals, "won", months, is_rate=True)
    assert log_loss(rates, "shrunk") < log_loss(rates, "raw") - 0.005
    assert error(rates, "shrunk") < error(rates, "raw")
    # These agents win alike: what is known of them adds nothing to what is known of all, and takes nothing away.
    assert log_loss(rates, "shrunk") < log_loss(rates, "overall") + 0.001

    values = foretold(deals[deals["won"] == 1], "close_value", months, is_rate=False)
    assert error(values, "shrunk") < error(values, "raw")
    assert error(values, "shrunk") < error(values, "overall")


def test_time_to_win_by_rep(data: Path) -> None:
    won = pd.read_csv(data / "olist" / "closed_deals_of_those_leads.csv", parse_dates=["won_date"])
    first = pd.read_csv(
        data / "olist" / "marketing_qualified_leads_before_2018-03-01.csv", parse_dates=["first_contact_date"]
    )
    deals = won.merge(first, on="mql_id").rename(columns={"sr_id": "rep", "won_date": "closed"})
    days = (deals["closed"] - deals["first_contact_date"]).dt.total_seconds() / 86400
    deals["log_days"] = np.log(days.clip(lower=1 / 24))
    found = foretold(deals, "log_days", pd.date_range("2018-02-01", "2018-08-01", freq="MS"), is_rate=False)
    # All leads are from before March: times grow from month to month, for every rep, and no mean foretells that.
    assert error(found, "shrunk") < 1.01 * error(found, "raw")
