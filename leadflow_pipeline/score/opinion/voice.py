"""What an opinion adds to a score: one line and one sentence, and what the rest has left. Pure.

What belongs here: the arithmetic. What does not: the sum itself (`score.total`), asking, and the words that came with
an opinion: they are a stranger's, and stay with the fact.

    score = (1 - w - o) * rules + w * model + o * opinion

where o is the campaign's share for a lead that the language model has an opinion of, and 0 for all others. So with
everything else as it is, an opinion moves a score by at most 100 * o, and no opinion is no section at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from leadflow_pipeline.score.engagement import FloatArray
from leadflow_pipeline.score.explanation import TextArray, quoted, short_decimal
from leadflow_pipeline.score.voices import VoiceLine, Voices

LINE = "opinion"
WORDS = "Language model"


NOBODY_ASKED = {"lead_id": "str", "day": "datetime64[us]", "opinion": "float64"}


@dataclass(frozen=True)
class Opinions:
    """What a language model said of leads, on which day, and how much it counts."""

    said: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            {name: pd.Series(dtype=kind) for name, kind in NOBODY_ASKED.items()}
        )
    )
    """`lead_id`, `day` and `opinion` (0 to 100), the earlier first."""
    share: float = 0.0


def opinion_voices(opinions: FloatArray, share: float) -> Voices:
    """What the opinions of some leads add to the sum."""
    return Voices([VoiceLine(LINE, opinion_points(opinions, share))], [opinion_sentences(opinions, share)])


def latest_opinions(due: pd.DataFrame, opinions: pd.DataFrame) -> FloatArray:
    """The opinion of each due lead (`lead_id`, `day`) at the end of its day, NaN where there was none.

    `opinions` as `Opinions.said`.
    """
    if opinions.empty:
        return np.full(len(due), np.nan)
    asked = due[["lead_id", "day"]].assign(row=np.arange(len(due)))
    said = opinions.rename(columns={"day": "said_on"}).assign(place=np.arange(len(opinions)))
    known = asked.merge(said, on="lead_id")
    known = known[known["said_on"] <= known["day"]].sort_values("place", kind="stable")
    latest = known.drop_duplicates("row", keep="last").set_index("row")["opinion"]
    found: FloatArray = latest.reindex(range(len(due))).to_numpy(dtype="float64")
    return found


def shares_of(opinions: FloatArray, share: float) -> FloatArray:
    """The share o of each lead's score: what is taken from the rules."""
    return np.where(np.isnan(opinions), 0.0, share)


def opinion_points(opinions: FloatArray, share: float) -> FloatArray:
    """The line of the breakdown: what each opinion adds, in points of the score; 0 where there is none."""
    return np.where(np.isnan(opinions), 0.0, share * np.nan_to_num(opinions))


def opinion_sentences(opinions: FloatArray, share: float) -> TextArray:
    """`"Language model: 72 of 100 (+7.2)"`, quoted as JSON, written once for each distinct opinion; None without."""
    codes, distinct = pd.factorize(opinions)  # NaN has the code -1
    texts = [_sentence(opinion, share) for opinion in distinct.tolist()]
    return np.array([*texts, None], dtype=object)[codes]


def _sentence(opinion: float, share: float) -> str:
    return quoted(f"{WORDS}: {opinion:g} of 100 ({short_decimal(share * opinion, sign='+')})")
