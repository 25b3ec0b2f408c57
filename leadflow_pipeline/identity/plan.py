"""Which new leads of each day are people the campaign knows already: pure, for any range of days at once.

What belongs here: new leads and the leads before them in, aliases out. What does not: reading them, and how two leads
compare (`matching`).

Leads come in one order: their first day, then when they were received, then their id. A new lead becomes an alias of
the lead it is most likely the same person as, if that is likely enough; and of that lead's own canonical one, so that
an alias leads nowhere but to a lead. What joins two leads that have a history each comes too late for them: they stay
two leads, and are one person only where persons are (`persons`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.identity.matching import match_pairs
from leadflow_pipeline.identity.people import match_fields
from leadflow_pipeline.identity.rules import IdentityRules

BIRTH_COLUMNS = (
    "day", "lead_id", "received_at", "email", "phone", "first_name", "last_name", "full_name", "company", "website",
    "postcode", "city", "region", "linkedin_url",
)  # fmt: skip
"""What is read of a lead's first day; later corrections join no leads, so that a range agrees with its days."""

ALIAS_COLUMNS = ["day", "lead_id", "alias_of", "match_probability", "evidence"]


def plan_aliases(
    new: pd.DataFrame, known: pd.DataFrame, aliases: pd.DataFrame, rules: IdentityRules
) -> pd.DataFrame:
    """The rows of `lead_aliases` for the days of `new`, by (day, lead_id).

    `new` and `known` hold the first day's row of each lead (`BIRTH_COLUMNS`) of the days at hand and of all days
    before them; `aliases` has `lead_id` and `alias_of` of the days before.
    """
    if new.empty or not rules.enabled:
        return _no_aliases()
    order = ["day", "received_at", "lead_id"]
    leads = pd.concat([known.sort_values(order), new.sort_values(order)], ignore_index=True)
    is_new = pd.Series(np.arange(len(leads)) >= len(known))
    pairs = match_pairs(match_fields(leads), is_new, rules)
    # By (right, probability falling, left): the first pair of each new lead is its likeliest.
    best = pairs[pairs["probability"] >= rules.same_above].drop_duplicates("right")
    lead_ids = leads["lead_id"].to_numpy(dtype=object)
    canonical = _canonical_positions(leads["lead_id"], aliases, best)
    found = pd.DataFrame(
        {
            "day": leads["day"].to_numpy()[best["right"]],
            "lead_id": lead_ids[best["right"]],
            "alias_of": lead_ids[canonical[best["right"]]],
            "match_probability": best["probability"].to_numpy(),
            "evidence": best["evidence"].to_numpy(),
        }
    )
    return found.astype(_no_aliases().dtypes.to_dict()).sort_values(["day", "lead_id"], ignore_index=True)


def _canonical_positions(
    lead_ids: pd.Series, aliases: pd.DataFrame, best: pd.DataFrame
) -> npt.NDArray[np.int64]:
    """The position of each lead's canonical lead, its own where it is one; chains are followed to their end."""
    leads_to = np.arange(len(lead_ids))
    position = pd.Series(leads_to, index=pd.Index(lead_ids))
    of_alias, of_lead = (position.reindex(aliases[name]) for name in ("lead_id", "alias_of"))
    is_known = of_alias.notna().to_numpy() & of_lead.notna().to_numpy()
    leads_to[of_alias[is_known].astype("int64")] = of_lead[is_known].astype("int64")
    leads_to[best["right"]] = best["left"]
    while not np.array_equal(further := leads_to[leads_to], leads_to):
        leads_to = further
    return leads_to


def _no_aliases() -> pd.DataFrame:
    types = dict.fromkeys(ALIAS_COLUMNS, "str") | {
        "day": "datetime64[us]",
        "match_probability": "float64",
    }
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})
