"""Which company a lead belongs to: pure.

What belongs here: joining what leads say of companies to accounts, their ids, and what stays open. What does not:
tidying names and domains (enrichment does), reading and writing (`present_accounts`).

1. The same registrable domain is the same account.
2. Otherwise a close name and the same phone, postcode or label of the domain (`firma.example` and `firma.test`). An
   acronym counts as close, so it needs the second agreement too; names with different numbers in them are never close.
3. Whoever fits two accounts that nothing joins is asked about, and belongs to none meanwhile.

A name alone makes no account: half of all companies share theirs. An account's id is a hash of the domain that it is
known by, else of its first lead, so it depends on nothing that is counted or drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from leadflow_pipeline.identity.clusters import components

Positions = npt.NDArray[np.int64]

ID_BYTES: Final = 16
CLOSE_NAME: Final = 0.93
"""Jaro-Winkler similarity from which two folded names are spellings of one."""

SHORTEST_ACRONYM: Final = 3
SHORTEST_LABEL: Final = 4
"""Of a domain, before its ending. Shorter ones belong to another company under each ending."""

LINKING_WORDS: Final = r"\b(?:and|of|the|for|de|der|die|und|et)\b"
"""Words that an acronym leaves out."""

MOST_SHARING: Final = 200
"""Companies that share a phone or a postcode and a first letter; of more, only equal names are compared."""

SAID: Final = ["domain", "company_key", "phone", "postcode", "country"]
"""What leads say of a company."""

NOBODY: Final = -1


@dataclass(frozen=True)
class ResolvedAccounts:
    """Who belongs where, and what a person should decide."""

    members: pd.DataFrame
    """Indexed as the leads that have an account: `account_id`, `evidence` (JSON text)."""
    accounts: pd.DataFrame
    """Each account: account_id, name, name_key, domain, phone, postcode, country."""
    doubts: pd.DataFrame
    """Each account that a lead without one may belong to: `lead` (position), `account_id`."""


def resolve_accounts(leads: pd.DataFrame, decisions: pd.DataFrame) -> ResolvedAccounts:
    """The account of each lead.

    `leads` is in the order in which leads came to be, indexed from 0: campaign, lead_id, company, company_key, domain
    (registrable, no free mail), phone, postcode, country; any may be missing. `decisions` are what people said:
    `lead` (position), `account_id`, and `state`, `same` or `different`.
    """
    mentions, mention_of = _mentions(leads)
    links = _links(mentions)
    home, evidence, options = _homes(mentions, links)
    ids = _ids(leads, mentions, mention_of, home)
    account = pd.Series(home).reindex(mention_of).map(ids).astype("str").set_axis(leads.index)
    reasons = pd.Series(evidence, dtype="str").reindex(mention_of).set_axis(leads.index)
    known = decisions[decisions["account_id"].isin(ids)]
    account, reasons, doubts = _decided(account, reasons, _options_of_leads(mention_of, options, ids), known)
    members = pd.DataFrame({"account_id": account, "evidence": reasons})[account.notna()]
    return ResolvedAccounts(members, _described(leads, members, mentions, home, ids), doubts)


def close_names(left: pd.Series, right: pd.Series) -> npt.NDArray[np.bool_]:
    """Whether each pair of folded names is one name: spelt alike, or one the initials of the other."""
    alike = process.cpdist(left.tolist(), right.tolist(), scorer=JaroWinkler.similarity, dtype=np.float32)
    numbers = [side.str.replace(r"\D+", " ", regex=True).str.strip() for side in (left, right)]
    is_acronym = (initials(left) == right.str.replace(" ", "", regex=False)) | (
        initials(right) == left.str.replace(" ", "", regex=False)
    )
    is_close = (alike >= CLOSE_NAME) & (numbers[0] == numbers[1]).to_numpy()
    return np.asarray(is_close | is_acronym.fillna(False).to_numpy(dtype=bool))


def initials(names: pd.Series) -> pd.Series:
    """First letters of the words of each folded name; missing where they are too few to say anything."""
    words = names.str.replace(LINKING_WORDS, " ", regex=True)
    letters = words.str.replace(r"(\S)\S*\s*", r"\1", regex=True).str.strip()
    return letters.where(letters.str.len() >= SHORTEST_ACRONYM).astype("str")


def _mentions(leads: pd.DataFrame) -> tuple[pd.DataFrame, Positions]:
    """What is said of companies, each once in order of first being said, and the place of each lead's; -1: nothing."""
    is_said = leads["domain"].notna() | (
        leads["company_key"].notna() & (leads["phone"].notna() | leads["postcode"].notna())
    )
    said = leads.loc[is_said, SAID]
    number = said.groupby(SAID, sort=False, dropna=False).ngroup()
    mention_of = np.full(len(leads), NOBODY, dtype=np.int64)
    mention_of[said.index] = number.to_numpy()
    return said.drop_duplicates().reset_index(drop=True), mention_of


def _links(mentions: pd.DataFrame) -> pd.DataFrame:
    """Pairs of mentions with a close name and the same phone, postcode or label: `left`, `right`, `evidence`."""
    label = mentions["domain"].str.replace(r"\..*$", "", regex=True)
    by = {
        "phone": mentions["phone"],
        "postcode": mentions["postcode"],
        "domain": label.where(label.str.len() >= SHORTEST_LABEL),
    }
    found = [_links_by(mentions.assign(**{name: values}), name) for name, values in by.items()]
    links = pd.concat(found, ignore_index=True)
    return links.drop_duplicates(["left", "right"], ignore_index=True)


def _links_by(mentions: pd.DataFrame, column: str) -> pd.DataFrame:
    named = mentions[mentions["company_key"].notna() & mentions[column].notna()]
    rows = named.assign(position=named.index, initial=named["company_key"].str[0])[
        ["position", "company_key", "country", "initial", column]
    ]
    sharing = rows.groupby([column, "initial"])["position"].transform("size")
    by_letter = rows[sharing <= MOST_SHARING].merge(rows, on=[column, "initial"], suffixes=("", "_other"))
    by_name = rows[sharing > MOST_SHARING].merge(
        rows.drop_duplicates([column, "company_key"]), on=[column, "company_key"], suffixes=("", "_other")
    )
    by_name = by_name.assign(company_key_other=by_name["company_key"])
    pairs = pd.concat([by_letter, by_name], ignore_index=True)
    pairs = pairs[pairs["position_other"] < pairs["position"]]
    is_abroad = (
        pairs["country"].notna()
        & pairs["country_other"].notna()
        & pairs["country"].ne(pairs["country_other"])
    )
    pairs = pairs[~is_abroad]
    is_close = close_names(pairs["company_key_other"], pairs["company_key"])
    return pd.DataFrame(
        {
            "left": pairs["position_other"][is_close].astype("int64"),
            "right": pairs["position"][is_close].astype("int64"),
            "evidence": f'["name", "{column}"]',
        }
    )


def _homes(
    mentions: pd.DataFrame, links: pd.DataFrame
) -> tuple[Positions, npt.NDArray[np.object_], pd.DataFrame]:
    """Where each mention belongs (the first mention of its account, or -1), why, and what else it might be.

    The options of a mention are `mention` and `home`, where it fits several.
    """
    count = len(mentions)
    domain, _ = pd.factorize(mentions["domain"])
    anchored = np.flatnonzero(domain >= 0)
    first_of_domain = pd.Series(anchored).groupby(domain[anchored]).transform("min").to_numpy()
    left, right = links["left"].to_numpy(), links["right"].to_numpy()
    has_domain = domain >= 0
    both, neither = has_domain[left] & has_domain[right], ~has_domain[left] & ~has_domain[right]
    home = components(
        count,
        np.concatenate([first_of_domain, left[both], left[neither]]),
        np.concatenate([anchored, right[both], right[neither]]),
    )
    bridges = links[~both & ~neither]
    loose = np.where(has_domain[bridges["left"]], bridges["right"], bridges["left"])
    firm = np.where(has_domain[bridges["left"]], bridges["left"], bridges["right"])
    fits = pd.DataFrame({"group": home[loose], "home": home[firm]}).drop_duplicates()
    choices = fits.groupby("group")["home"].agg(["size", "min"])
    decided, torn = choices[choices["size"] == 1], choices[choices["size"] > 1]
    home_of_group = np.arange(count)
    home_of_group[decided.index] = decided["min"]
    home = home_of_group[home]
    is_torn = np.isin(home, torn.index)
    options = (
        pd.DataFrame({"mention": np.flatnonzero(is_torn), "group": home[is_torn]})
        .merge(fits, on="group")
        .drop(columns="group")
    )
    home[is_torn] = NOBODY
    return home, _reasons(has_domain, links, count), options


def _reasons(has_domain: npt.NDArray[np.bool_], links: pd.DataFrame, count: int) -> npt.NDArray[np.object_]:
    """Why each mention is where it is: its domain, else what tied it to another, else nothing, as a founder."""
    reasons = np.where(has_domain, '["domain"]', "[]").astype(object)
    ties = pd.concat(
        [links[[side, "evidence"]].set_axis(["mention", "evidence"], axis=1) for side in ("left", "right")]
    ).sort_values(["mention", "evidence"])
    ties = ties.drop_duplicates("mention")
    ties = ties[~has_domain[ties["mention"]]]
    reasons[ties["mention"]] = ties["evidence"]
    return reasons[:count]


def _ids(leads: pd.DataFrame, mentions: pd.DataFrame, mention_of: Positions, home: Positions) -> pd.Series:
    """The id of each account, by its first mention."""
    homes = pd.unique(home[home >= 0])
    first_domain = mentions["domain"].groupby(home).first().reindex(homes)
    first_lead = pd.Series(np.arange(len(leads))).groupby(mention_of).first()
    givers = leads.loc[first_lead.reindex(homes).astype("int64"), ["campaign", "lead_id"]]
    by_lead = pd.Series(
        ("lead\x1f" + givers["campaign"] + "\x1f" + givers["lead_id"]).to_numpy(), index=homes
    )
    texts = ("domain\x1f" + first_domain).fillna(by_lead)
    digests = [blake2b(f"account\x1f{text}".encode(), digest_size=ID_BYTES).hexdigest() for text in texts]
    return pd.Series(digests, index=homes, dtype="str")


def _options_of_leads(mention_of: Positions, options: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    leads = pd.DataFrame({"lead": np.arange(len(mention_of)), "mention": mention_of})
    found = leads.merge(options, on="mention")
    return pd.DataFrame({"lead": found["lead"], "account_id": found["home"].map(ids).astype("str")})


def _decided(
    account: pd.Series, evidence: pd.Series, options: pd.DataFrame, decisions: pd.DataFrame
) -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    """What people said comes before what was found; who then has one option left belongs there."""
    refused = pd.MultiIndex.from_frame(
        decisions.loc[decisions["state"].eq("different"), ["lead", "account_id"]]
    )
    mine = pd.MultiIndex.from_arrays([account.index, account])
    account = account.mask(mine.isin(refused))
    options = options[~pd.MultiIndex.from_frame(options).isin(refused)]
    left_over = options[~options["lead"].duplicated(keep=False)].set_index("lead")["account_id"]
    account = account.fillna(left_over).astype("str")
    told = decisions[decisions["state"].eq("same")].drop_duplicates("lead", keep="last").set_index("lead")
    account, evidence = account.copy(), evidence.copy()
    account[told.index] = told["account_id"]
    evidence[told.index.union(left_over.index)] = '["decision"]'
    return account, evidence.fillna("[]"), options[options["lead"].map(account).isna()]


def _described(
    leads: pd.DataFrame, members: pd.DataFrame, mentions: pd.DataFrame, home: Positions, ids: pd.Series
) -> pd.DataFrame:
    """Each account as most of its leads have it."""
    columns = {
        "name": "company",
        "name_key": "company_key",
        "phone": "phone",
        "postcode": "postcode",
        "country": "country",
    }
    said = leads.loc[members.index]
    accounts = pd.DataFrame(
        {name: _most_common(said[column], members["account_id"]) for name, column in columns.items()},
        index=pd.Index(members["account_id"].unique(), name="account_id"),
    )
    domains = mentions["domain"].groupby(home).first()
    accounts["domain"] = (
        domains.reindex(ids.index).set_axis(ids.to_numpy()).reindex(accounts.index).astype("str")
    )
    accounts["name"] = accounts["name"].fillna(accounts["domain"])
    accounts["name_key"] = accounts["name_key"].fillna(
        accounts["domain"].str.replace(r"\..*$", "", regex=True)
    )
    return accounts.reset_index()


def _most_common(values: pd.Series, by: pd.Series) -> pd.Series:
    """The value that each group has most often, of equals the one seen first."""
    counts = pd.DataFrame({"by": by, "value": values}).dropna()
    sizes = counts.groupby(["by", "value"], sort=False).size().reset_index(name="size")
    best = sizes.sort_values("size", ascending=False, kind="stable").drop_duplicates("by")
    return best.set_index("by")["value"].astype("str")
