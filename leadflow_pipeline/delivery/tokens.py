"""What an email may say: the values of a lead and a campaign, made harmless.

What belongs here: cleaning values and naming them. What does not: the templates.

Lead data come from anywhere. A value is one line of visible text of bounded length. One that carries an address of the
web counts as missing: strangers sign other people up under a "name" that is an advertisement.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import pandas as pd

from leadflow_pipeline.campaign import LEAD_TOKENS, Campaign

MOST_CHARACTERS = 120
WEB_ADDRESS = re.compile(r"://|\bwww\.|\w\.[a-z]{2,}/\S", re.IGNORECASE)
PILED_MARKS = re.compile(
    r"([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3})[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
"""More marks on one letter than any language writes: they would run over the lines above and below."""
INVISIBLE_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
JOINERS = "\u200c\u200d"
"""Category Cf as well, but several scripts and emoji are misspelt without them. Marks that turn the direction of
writing are not spared: one in a name would turn the sentence around it."""


def clean(value: Any) -> str | None:
    """A value as one line of visible text; None where nothing is left or it carries a web address."""
    if isinstance(value, list | tuple):
        value = ", ".join(str(part) for part in value)
    if value is None or isinstance(value, Mapping) or pd.isna(value):
        return None
    text = str(value)[: MOST_CHARACTERS * 20]
    if not text.isascii():
        text = PILED_MARKS.sub(r"\1", unicodedata.normalize("NFC", text))
    visible = text if text.isprintable() else "".join(map(_visible, text))
    line = shorten(" ".join(visible.split()), MOST_CHARACTERS)
    return line if line and not WEB_ADDRESS.search(line) else None


def _visible(character: str) -> str:
    is_hidden = unicodedata.category(character) in INVISIBLE_CATEGORIES and character not in JOINERS
    return " " if is_hidden else character


def shorten(text: str, most_characters: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= most_characters else text[: most_characters - 1].rstrip() + "…"


def tokens_of(
    campaign: Campaign, lead: Mapping[str, Any], unsubscribe_url: str, language: str | None = None
) -> dict[str, Any]:
    """Token -> value, the campaign's own words in `language` where it has them.

    A missing value has no entry, so that only a default can stand in for it.
    """
    values: dict[str, Any] = {name: clean(lead.get(name)) for name in LEAD_TOKENS}
    spoken = campaign.nurture.languages.get(language or campaign.nurture.language)
    own = {**campaign.nurture.words, **(spoken.words if spoken else {})}
    values |= {name: clean(word) for name, word in own.items()}
    values |= {
        "campaign_name": clean(campaign.name),
        "sender_name": clean(campaign.sender.name),
        "sender_email": campaign.sender.email,
        "postal_address": campaign.postal_address.strip(),
        "unsubscribe_url": unsubscribe_url,
        "custom": _custom_fields(lead.get("custom")),
    }
    return {name: value for name, value in values.items() if value is not None}


def _custom_fields(custom: Any) -> dict[str, str]:
    fields = json.loads(custom) if isinstance(custom, str) else dict(custom or {})
    cleaned = {name: clean(value) for name, value in fields.items()}
    return {name: value for name, value in cleaned.items() if value is not None}
