"""What the network said of domains, as values of leads: does a server take mail there, since when is it registered.

What belongs here: which answer counts for a row, and what it means. What does not: asking, which is done at a door
(`vendors.domains`) and kept as facts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.providers import CLAIM_COLUMNS, NO_CLAIMS, said_of_domains
from leadflow_pipeline.enrich.rules import EnrichRules

MAIL_SERVERS, REGISTRATION = "mx", "registration"
"""Kinds of `domain_lookups`."""
KIND_OF_FACT = {"mail_servers": MAIL_SERVERS, "domain_registration": REGISTRATION}
"""Kind of provider -> kind of fact."""


@dataclass(frozen=True)
class Found:
    """A value for each lead, missing where nobody knows; and who said so (`CLAIM_COLUMNS`)."""

    said: pd.Series
    claims: pd.DataFrame


def takes_mail(domains: pd.Series, days: pd.Series, facts: pd.DataFrame, rules: EnrichRules) -> Found:
    """Whether any server takes mail for each row's domain, by the end of its day (nullable boolean).

    Claims are about `email_status`, of rows whose domain takes none.
    """
    if facts.empty:
        return _nobody_asked(domains, "boolean")
    said = said_of_domains(domains, days, facts, MAIL_SERVERS)
    takes = for_each_distinct(said["answer"], _has_servers)
    return Found(takes, _claims("email_status", takes.eq(False).fillna(False), said, "mail_servers", rules))


def registered_on(domains: pd.Series, days: pd.Series, facts: pd.DataFrame, rules: EnrichRules) -> Found:
    """The day on which each row's domain was registered, as known by the end of the row's day.

    Claims are about `domain_registered_on`.
    """
    if facts.empty:
        return _nobody_asked(domains, "datetime64[us]")
    said = said_of_domains(domains, days, facts, REGISTRATION)
    dates = for_each_distinct(said["answer"], _registered_on)
    return Found(dates, _claims("domain_registered_on", dates.notna(), said, "domain_registration", rules))


def _has_servers(answers: pd.Series) -> pd.Series:
    return answers.map(lambda answer: bool(json.loads(answer)["servers"])).astype("boolean")


def _registered_on(answers: pd.Series) -> pd.Series:
    texts = answers.map(lambda answer: json.loads(answer)["registered_on"])
    return pd.to_datetime(texts, format="%Y-%m-%d", errors="coerce").dt.as_unit("us")


def _nobody_asked(domains: pd.Series, dtype: str) -> Found:
    """What most campaigns get, for nothing."""
    return Found(pd.Series(None, index=domains.index, dtype=dtype), NO_CLAIMS)


def _claims(
    field: str, is_said: pd.Series, said: pd.DataFrame, kind: str, rules: EnrichRules
) -> pd.DataFrame:
    names = [provider.name for provider in rules.providers if provider.kind == kind]
    rows = np.flatnonzero(is_said.to_numpy(dtype=bool))
    claims = pd.DataFrame({"row": rows, "at": said["at"].array[rows]})
    claims = claims.assign(field=field, provider=names[0] if names else kind, credits=0.0, confidence=1.0)
    return claims.reindex(columns=list(CLAIM_COLUMNS)).astype(CLAIM_COLUMNS)
