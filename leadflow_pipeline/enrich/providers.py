"""Where values of a lead's fields come from: the seam for data vendors.

What belongs here: what a provider is, the one that needs no vendor, and who is believed when several know.
What does not: asking a vendor over the network. A purchase happens once, at a door of its own, and is kept as
a fact; the provider of that vendor answers from those facts, so that computing a day again asks nobody and
pays nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from leadflow_pipeline.enrich.labels import label

FIELDS: tuple[str, ...] = (
    "email", "phone", "first_name", "last_name", "full_name", "company", "job_title", "industry",
    "company_size", "country", "region", "city", "postcode", "website", "linkedin_url", "budget", "time_zone",
    "language",
)  # fmt: skip
"""Fields of a lead that a provider may know."""


class Provider(Protocol):
    """Someone who knows values of some fields, without network, clock or chance."""

    @property
    def name(self) -> str:
        """Named as the provenance of each value."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields it can give, some of `FIELDS`."""
        ...

    def look_up(self, leads: pd.DataFrame) -> pd.DataFrame:
        """A column for each of `fields`, indexed as `leads`, missing where it knows nothing.

        `leads` are harvested leads. For the row of a day, only what was known by the end of that day may
        count.
        """
        ...


@dataclass(frozen=True)
class GivenProvider:
    """What the lead's own records say."""

    name: str = "given"
    fields: tuple[str, ...] = FIELDS

    def look_up(self, leads: pd.DataFrame) -> pd.DataFrame:
        """The harvested columns themselves."""
        return leads[list(self.fields)]


@dataclass(frozen=True)
class KnownFields:
    """The value of each field, and the name of the provider it comes from (missing with the value).

    Both frames have the columns `FIELDS` and the index of the leads.
    """

    known: pd.DataFrame
    provenance: pd.DataFrame


def first_known(leads: pd.DataFrame, providers: Sequence[Provider]) -> KnownFields:
    """For each lead and field the value of the first provider that knows it."""
    values: dict[str, pd.Series] = {}
    provenance: dict[str, pd.Series] = {}
    answers = [(provider.name, provider.look_up(leads)) for provider in providers]
    for field in FIELDS:
        known = {name: answer[field] for name, answer in answers if field in answer.columns}
        if not known:
            raise ValueError(f"no provider gives {field}: put GivenProvider among the providers")
        first, *others = known.values()
        for other in others:
            first = first.fillna(other)
        values[field] = first
        provenance[field] = label({name: value.notna() for name, value in known.items()})
    return KnownFields(pd.DataFrame(values, index=leads.index), pd.DataFrame(provenance, index=leads.index))
