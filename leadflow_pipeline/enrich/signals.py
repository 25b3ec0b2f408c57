"""Signals of intent that a campaign's own fields carry.

What belongs here: reading yes or no from the custom fields. What does not: what a signal is worth (routing).
"""

from __future__ import annotations

import pandas as pd

SIGNALS: tuple[str, ...] = ("recent_job_change", "company_funded_recently", "company_hiring")
"""Each is true where the custom field of its name says yes (`yes`, `y`, `true`, `t`, `1`), false
otherwise."""

_YES = r'(?:true|1(?:\.0*)?|"\s*(?i:yes|y|true|t|1(?:\.0*)?)\s*")'


def read_signals(custom: pd.Series) -> pd.DataFrame:
    """A boolean column for each signal, indexed as `custom` (JSON objects as text, as the harvest writes
    them).

    The text is searched, not parsed. That is exact because the objects are flat and a quote within a string
    is escaped: a name in quotes after `{` or `,` and before `:` is a member's.
    """
    return pd.DataFrame({signal: _says_yes(custom, signal) for signal in SIGNALS}, index=custom.index)


def _says_yes(custom: pd.Series, name: str) -> pd.Series:
    # Few campaigns have the field: looking for its name alone costs a tenth of looking for the whole member.
    is_named = custom.str.contains(name, regex=False, na=False)
    if not is_named.any():
        return is_named.astype("boolean")
    named = custom[is_named]
    member = rf'[{{,]\s*"{name}"\s*:\s*{_YES}\s*[,}}]'
    says_yes = named.index[named.str.contains(member, regex=True)]
    return pd.Series(custom.index.isin(says_yes), index=custom.index, dtype="boolean")
