"""Who is one person, from pairs of leads that look alike and from what people decided: pure.

What belongs here: joining pairs to persons, their ids, and what changed against the persons known before. What does
not: comparing two leads (`matching`), reading and writing (`present`).

Leads stand in one order: by when they came to be, then by campaign and id. A person's id is a hash of its first lead,
so it depends on nothing that is counted or drawn, and resolving the same leads again gives the same ids, however many
of them were new. Where two persons prove to be one, the one with the earlier first lead gives its id and the other id
becomes an alias.

A decision `different` holds against any evidence, also where it comes by way of others: no person has both leads. Of
decisions that contradict each other, `different` stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import pandas as pd

from leadflow_pipeline.identity.clusters import components

ID_BYTES = 16
LEAD_KEY = ["campaign", "lead_id"]
ORDER = ["first_received_at", *LEAD_KEY]
"""The order of leads: the first of a person gives it its id."""

EDGE_COLUMNS = ["left", "right", "probability", "evidence"]
RESOLVED_COLUMNS = ["person_id", "match_probability", "evidence"]
DECISIONS = ("same", "different")
ALONE = (1.0, "[]")
"""Match probability and evidence of a lead that is the whole person."""


@dataclass(frozen=True)
class PersonChanges:
    """What resolving changes in the persons known before."""

    members: pd.DataFrame
    """Every lead that was looked at: campaign, lead_id, person_id, match_probability, evidence."""
    births: pd.Series
    """Ids that no person has now."""
    endings: pd.DataFrame
    """Ids that no person will have: `person_id`, and `alias_of`, the person that it leads to."""


def resolve(people: pd.DataFrame, pairs: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """The person of each lead: `person_id`, `match_probability`, `evidence`, indexed as `people`.

    `people` has the columns of ORDER and is sorted by them, indexed from 0. `pairs` are those that are surely the
    same person: positions `left`, `right`, `probability` (0-1) and `evidence` (JSON text). `decisions` are what people
    said of pairs: positions `left`, `right`, and `state`, `same` or `different`. Both may come in any order.
    """
    said = {state: decisions.loc[decisions["state"].eq(state), ["left", "right"]] for state in DECISIONS}
    told = said["same"].assign(probability=1.0, evidence='["decision"]', is_told=True)
    edges = pd.concat([pairs[EDGE_COLUMNS].assign(is_told=False), told], ignore_index=True)
    # The strongest first: where a decision keeps some of them apart, the weakest link gives way.
    edges = edges.sort_values(
        ["is_told", "probability", "left", "right"], ascending=[False, False, True, True], ignore_index=True
    )
    apart = (said["different"]["left"].to_numpy(), said["different"]["right"].to_numpy())
    first = components(len(people), edges["left"].to_numpy(), edges["right"].to_numpy(), apart)
    is_within = first[edges["left"]] == first[edges["right"]]
    ids = person_ids(people).to_numpy()[first]
    resolved = _strongest(edges[is_within], people.index)
    resolved.insert(0, "person_id", pd.Series(ids, index=people.index, dtype="str"))
    return resolved


def same_address(addresses: pd.Series) -> pd.DataFrame:
    """Pairs of the first lead with an address and each later one with it; missing addresses pair nobody.

    `addresses` are normalised, by position; those of roles and disposable ones are missing.
    """
    known = addresses[addresses.notna()]
    first = known.index.to_series().groupby(known, sort=False).transform("min")
    later = known.index[first.to_numpy() != known.index]
    return pd.DataFrame(
        {"left": first[later].to_numpy(), "right": later, "probability": 1.0, "evidence": '["same address"]'}
    )


def person_ids(leads: pd.DataFrame) -> pd.Series:
    """The id that each lead gives, where it is the first of its person: 32 hexadecimal digits."""
    texts = "person\x1f" + leads["campaign"] + "\x1f" + leads["lead_id"]
    ids = [blake2b(text.encode(), digest_size=ID_BYTES).hexdigest() for text in texts]
    return pd.Series(ids, index=leads.index, dtype="str")


def changes(people: pd.DataFrame, resolved: pd.DataFrame) -> PersonChanges:
    """What `resolved` changes, if `people` holds every lead of the persons it touches.

    `people` also has `person_id`, as known before; missing for a new lead. An id that ends leads to the person of the
    lead that gave it, else to the person of its earliest lead.
    """
    known, now = people["person_id"], resolved["person_id"]
    ended = known[known.notna() & ~known.isin(now)]
    of_giver = pd.Series(now.to_numpy(), index=person_ids(people))
    homes = pd.DataFrame({"person_id": ended, "alias_of": now}, index=ended.index)
    homes = homes.drop_duplicates("person_id", ignore_index=True)
    homes["alias_of"] = homes["person_id"].map(of_giver).fillna(homes["alias_of"]).astype("str")
    births = now[~now.isin(known)].drop_duplicates().reset_index(drop=True)
    return PersonChanges(pd.concat([people[LEAD_KEY], resolved], axis=1), births, homes)


def _strongest(edges: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """The best that ties each lead to another of its person; the same whatever the order of edges."""
    ends = pd.concat(
        [
            edges[[side, "probability", "evidence"]].rename(columns={side: "position"})
            for side in ("left", "right")
        ]
    )
    best = ends.sort_values(["position", "probability", "evidence"]).drop_duplicates("position", keep="last")
    tied = best.set_index("position").reindex(range(len(index)))
    probability, evidence = ALONE
    return pd.DataFrame(
        {
            "match_probability": tied["probability"].astype("float64").fillna(probability).to_numpy(),
            "evidence": tied["evidence"].astype("str").fillna(evidence).to_numpy(),
        },
        index=index,
    )
