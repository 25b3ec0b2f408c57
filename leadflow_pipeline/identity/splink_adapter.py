"""Splink as a second opinion, now and then: pairs that the hot path did not think of, and how far the two agree.

What belongs here: everything that knows Splink (the extra `splink`), behind one function and one asset. A door. What
does not: joining anybody: what Splink proposes goes to the review queue, and a person decides.

Splink learns its weights from the data themselves (expectation maximisation, Fellegi and Sunter's model), so it says
most of many leads that are filled in unevenly, and nothing useful of few.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import dagster as dg
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.identity import reviews
from leadflow_pipeline.identity.matching import match_pairs
from leadflow_pipeline.identity.people import match_fields
from leadflow_pipeline.identity.persons import ORDER
from leadflow_pipeline.identity.present_leads import present_leads, without_nested_loops
from leadflow_pipeline.identity.rules import IdentityRules
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import as_run_step
from leadflow_pipeline.store.schema import persons
from leadflow_pipeline.store.stage_asset import OWNERS

FEWEST_LEADS: Final = 500
"""With fewer, the weights would be learnt from a handful of pairs."""

SAMPLED_PAIRS: Final = 1_000_000
"""For the chance that two unrelated leads agree; more changes it in the third digit."""

COMPARED: Final = ("first_name", "last_name", "email", "phone", "birth_date", "company", "postcode", "city")
NAMES: Final = ("first_name", "last_name")
WELL_FILLED: Final = 0.05
"""A column that fewer leads have teaches nothing."""

MISSING_EXTRA: Final = (
    "Splink is not installed: pip install 'leadflow-pipeline[splink]', "
    "or leave it: the hot path resolves without it"
)


@dataclass(frozen=True)
class Agreement:
    """How the proposals of Splink and of the hot path relate, in counts of pairs."""

    leads: int
    both: int
    only_splink: int
    only_hot_path: int
    asked: int

    def to_dict(self) -> dict[str, int]:
        """For metadata."""
        return asdict(self)


def is_installed() -> bool:
    """Whether the extra is there."""
    try:
        import splink  # noqa: F401
    except ImportError:
        return False
    return True


def splink_pairs(people: pd.DataFrame, least_probability: float) -> pd.DataFrame:
    """Pairs that Splink takes for one person: positions `left` and `right` (the earlier one left), `probability`.

    `people` has the columns of `match_fields`, indexed from 0. Raises PermanentError where the extra is missing.
    """
    if not is_installed():
        raise PermanentError(MISSING_EXTRA)
    from splink import DuckDBAPI, Linker

    compared = [
        name for name in COMPARED if name in NAMES or _column(people, name).notna().mean() > WELL_FILLED
    ]
    rows = pd.DataFrame({name: _column(people, name).astype(object) for name in compared})
    rows = rows.where(rows.notna(), None).assign(unique_id=range(len(people)))
    api = DuckDBAPI()
    linker = Linker(api.register(rows), _settings(compared), log_level=logging.ERROR)
    _learn(linker, compared)
    predicted: Any = linker.inference.predict(threshold_match_probability=least_probability)
    found = predicted.as_pandas_dataframe()
    ends = found[["unique_id_l", "unique_id_r"]]
    pairs = {"left": ends.min(axis=1), "right": ends.max(axis=1), "probability": found["match_probability"]}
    return pd.DataFrame(pairs).sort_values(["right", "left"], ignore_index=True)


def second_opinion(engine: Engine, rules: IdentityRules) -> Agreement:
    """Compares everybody with Splink, and puts into the queue what it finds likely and the hot path is not sure of.

    Raises PermanentError where the extra is missing.
    """
    with engine.begin() as connection:
        without_nested_loops(connection)
        leads = read(connection, present_leads()).sort_values(ORDER, ignore_index=True)
        people = match_fields(leads)
        if len(leads) < FEWEST_LEADS:
            return Agreement(len(leads), 0, 0, 0, 0)
        theirs = splink_pairs(people, rules.review_above)
        ours = match_pairs(people, None, rules)
        ours = ours[ours["probability"] >= rules.same_above]
        keys = [pd.MultiIndex.from_frame(pairs[["left", "right"]]) for pairs in (theirs, ours)]
        proposed = theirs[~keys[0].isin(keys[1])]
        person = leads["person_id"]
        is_open = person[proposed["left"]].to_numpy() != person[proposed["right"]].to_numpy()
        proposed, names = proposed[is_open], reviews.lead_names(leads)
        doubts = pd.DataFrame(
            {
                "left_id": names[proposed["left"]].to_numpy(),
                "right_id": names[proposed["right"]].to_numpy(),
                "match_probability": proposed["probability"].to_numpy(),
                "evidence": pd.Series('["splink"]', index=proposed.index, dtype="str").to_numpy(),
            }
        )
        return Agreement(
            leads=len(leads),
            both=int(keys[0].isin(keys[1]).sum()),
            only_splink=int((~keys[0].isin(keys[1])).sum()),
            only_hot_path=int((~keys[1].isin(keys[0])).sum()),
            asked=reviews.ask(connection, "person", doubts),
        )


def _column(people: pd.DataFrame, name: str) -> pd.Series:
    return people["mailbox"] + "@" + people["mail_domain"] if name == "email" else people[name]


def _settings(compared: list[str]) -> Any:
    import splink.comparison_library as comparisons
    from splink import SettingsCreator

    made = {
        "email": comparisons.EmailComparison("email"),
        "phone": comparisons.ExactMatch("phone"),
        "birth_date": comparisons.DamerauLevenshteinAtThresholds("birth_date", [1, 2]),
        "company": comparisons.JaroWinklerAtThresholds("company", [0.92]),
        "postcode": comparisons.LevenshteinAtThresholds("postcode", [1]),
        "city": comparisons.JaroWinklerAtThresholds("city", [0.92]).configure(
            term_frequency_adjustments=True
        ),
    }
    names = comparisons.ForenameSurnameComparison("first_name", "last_name")
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=[names, *(made[name] for name in compared if name in made)],
        blocking_rules_to_generate_predictions=_blocking(compared),
    )


def _blocking(compared: list[str]) -> list[Any]:
    """Whom to compare: who shares what few share, or a name and something else."""
    from splink import block_on

    alone = [(name,) for name in ("email", "phone", "birth_date") if name in compared]
    others = [name for name in ("city", "company", "postcode") if name in compared]
    names = [("first_name", "last_name"), ("substr(first_name, 1, 3)", "substr(last_name, 1, 4)")]
    places = [(name, other) for name in ("first_name", "last_name") for other in others]
    parts = [("first_name", "substr(birth_date, 1, 4)"), ("last_name", "substr(birth_date, 1, 4)")]
    mailboxes = [("split_part(email, '@', 1)",)] if "email" in compared else []
    chosen = [*alone, *names, *places, *mailboxes, *(parts if "birth_date" in compared else [])]
    return [block_on(*columns) for columns in chosen]


def _learn(linker: Any, compared: list[str]) -> None:
    """Weights from the data: chance agreement by sampling, the rest by expectation maximisation, twice.

    Twice, because the columns that a round blocks on teach it nothing.
    """
    from splink import block_on

    sure = [
        columns
        for columns in (("email",), ("phone",), ("first_name", "last_name"))
        if set(columns) <= set(compared)
    ]
    linker.training.estimate_probability_two_random_records_match(
        [block_on(*columns) for columns in sure], recall=0.6
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=1)
    for columns in (("first_name", "last_name"), ("email",), ("birth_date",), ("phone",)):
        if set(columns) <= set(compared):
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*columns))


@dg.asset(
    deps=[persons.name],
    group_name="identity",
    owners=list(OWNERS),
    kinds={"python", "splink"},
    automation_condition=dg.AutomationCondition.on_cron("0 3 * * 0"),
    description="A second opinion on who is who, once a week: what only Splink finds waits in the review queue.",
)
@as_run_step
def splink_opinion(store: StoreResource) -> Iterator[dg.MaterializeResult[None]]:
    """Asks Splink about everybody; without the extra it says so, and nothing is missing."""
    if not is_installed():
        yield dg.MaterializeResult(metadata={"skipped": MISSING_EXTRA})
        return
    yield dg.MaterializeResult(metadata=second_opinion(store.engine, IdentityRules()).to_dict())
