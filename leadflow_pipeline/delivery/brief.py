"""The brief: what an owner should know of a lead before the first call, in six to eight points.

What belongs here: facts about a lead put into words, and the template that arranges them. Pure. What does not: reading
the facts (`brief_facts`), a language model's wording (`brief_wording`), and the message around it (`notices`).

Whatever is not known is said, not left as a hole: an owner should see that nobody knows the company's size. Values of
the lead are cleaned as in emails and never become template source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import pandas as pd
from jinja2 import TemplateError

from leadflow_pipeline.delivery.brief_tokens import FIELDS
from leadflow_pipeline.delivery.rendering import RenderError, plain_template
from leadflow_pipeline.delivery.tokens import clean, shorten

MOST_POINTS: Final = 12
LONGEST_POINT: Final = 400
MOST_REASONS: Final = 3
MOST_SIMILAR: Final = 3

TEMPLATE: Final = """\
- Who: {{ who }}
- Company: {{ company_facts }}
- Why now: {{ why_now }}
- Fit: {{ fit }}
- Engagement: {{ engagement }}
- Similar accounts: {{ similar_accounts }}
- Reach: {{ reach }}
- Next step: {{ next_step }}
"""

SIGNALS: Final = {
    "recent_job_change": "has just changed jobs",
    "company_funded_recently": "the company was funded recently",
    "company_hiring": "the company is hiring",
}

PAST: Final = {
    "open": ("email opened", "emails opened"),
    "click": ("click", "clicks"),
    "reply": ("reply", "replies"),
    "visit": ("visit", "visits"),
    "form": ("form sent", "forms sent"),
    "meeting": ("meeting", "meetings"),
    "download": ("download", "downloads"),
}
"""How behaviours are counted in words; any other one is counted under its own name."""


@dataclass(frozen=True)
class SimilarAccount:
    """A company like the lead's that has an end: `outcome` is won or lost, `alike` says in what it is similar.

    `value` is what was won, in the campaign's currency, where it is known.
    """

    company: str
    outcome: str
    when: date
    alike: str
    value: float | None = None


@dataclass(frozen=True)
class BriefFacts:
    """All that is known of a lead when its owner is told. Mappings are rows, with missing values as None."""

    lead: Mapping[str, Any]
    score: Mapping[str, Any] | None
    route: Mapping[str, Any] | None
    goal: str
    """What the lead's sequence is for."""
    currency: str
    now: datetime
    events: Sequence[tuple[str, datetime]] = ()
    """What the lead did, by time; no machine's doing."""
    days_looked_back: int = 30
    may_be_emailed: bool = True
    similar: Sequence[SimilarAccount] = ()
    custom: Mapping[str, str] = field(default_factory=dict)


def points_of(facts: BriefFacts, template: str | None = None) -> tuple[str, ...]:
    """The brief, a text for each point. Raises RenderError, which names no value, for a template that fails."""
    words: dict[str, Any] = {**tokens_of(facts), "custom": _Known(facts.custom)}
    try:
        text = plain_template(template or TEMPLATE).render(words)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RenderError(
            f"the template of the brief fails for a lead ({type(error).__name__}): mend handover.brief"
        ) from None
    lines = (" ".join(line.split()) for line in text.splitlines())
    points = [shorten(line.removeprefix("- ").strip(), LONGEST_POINT) for line in lines]
    return tuple(point for point in points if point)[:MOST_POINTS]


class _Known(dict[str, str]):
    """The campaign's own fields; one that a lead does not have is an empty text, as its other fields are."""

    def __missing__(self, name: str) -> str:
        return ""


def tokens_of(facts: BriefFacts) -> dict[str, str]:
    """What a template may say: the phrases, and the lead's own fields; a missing field is an empty text."""
    fields = {name: _known(facts.lead, name) or "" for name in FIELDS}
    return {
        **fields,
        "score": _number(_value(facts.score, "score")) or "not scored",
        "tier": _known(facts.route, "tier") or "no tier",
        "temperature": _known(facts.score, "temperature") or "cold",
        "goal": facts.goal,
        "who": who(facts),
        "company_facts": company_facts(facts),
        "why_now": why_now(facts),
        "fit": fit(facts),
        "engagement": engagement(facts),
        "similar_accounts": similar_accounts(facts),
        "reach": reach(facts),
        "next_step": next_step(facts),
    }


def name_of(facts: BriefFacts) -> str:
    """What to call the lead in a subject line."""
    company = _known(facts.lead, "company")
    return _person(facts) or (f"somebody at {company}" if company else "a new lead")


def who(facts: BriefFacts) -> str:
    """Name, title, company, place."""
    name, title, company = _person(facts), _known(facts.lead, "job_title"), _known(facts.lead, "company")
    person = name or "a person whose name is not known"
    role = f", {title}" if title else ", title not known"
    at = f" at {company}" if company else ", company not known"
    places = [_known(facts.lead, part) for part in ("city", "region", "country")]
    place = ", ".join(dict.fromkeys(part for part in places if part))
    return f"{person}{role}{at}{f' ({place})' if place else ''}"


def company_facts(facts: BriefFacts) -> str:
    """Industry, size, budget, with what is not known at the end."""
    lead = facts.lead
    size, band = _number(_value(lead, "company_size")), _known(lead, "size_band")
    budget = _number(_value(lead, "budget"))
    known = {
        "industry": _known(lead, "industry"),
        "size": f"{size} people" if size else f"{band} people" if band else None,
        "budget": f"budget {budget} {facts.currency}" if budget else None,
    }
    told = [words for words in known.values() if words]
    missing = [name for name, words in known.items() if not words]
    if not told:
        return "neither industry nor size nor budget is known"
    return ", ".join(told) + (f"; not known: {', '.join(missing)}" if missing else "")


def why_now(facts: BriefFacts) -> str:
    """Tier, score and temperature, and the signals that are new."""
    score, tier = _number(_value(facts.score, "score")), _known(facts.route, "tier")
    temperature = _known(facts.score, "temperature")
    parts = [f"tier {tier}" if tier else "", f"score {score} of 100" if score else "not scored yet"]
    parts += [f"engagement {temperature}" if temperature else ""]
    signals = [words for name, words in SIGNALS.items() if _value(facts.lead, name) is True]
    if facts.events:
        behaviour, at = facts.events[-1]
        signals.append(f"last seen {ago(at, facts.now)} ({PAST.get(behaviour, (behaviour,))[0]})")
    standing = ", ".join(part for part in parts if part)
    return standing + ("; " + "; ".join(signals) if signals else "; no fresh signal")


def fit(facts: BriefFacts) -> str:
    """How well it matches the ideal customer, and the weightiest reasons of its score."""
    share = _value(facts.score, "icp_fit")
    if share is None:
        return "not judged yet"
    reasons = [words for reason in _list(facts.score, "reasons") if (words := clean(reason))]
    head = f"{share:.0%} of the ideal customer profile"
    return (
        f"{head}; most points of its score: {', '.join(reasons[:MOST_REASONS])}"
        if reasons
        else f"{head}; no further reason is recorded"
    )


def engagement(facts: BriefFacts) -> str:
    """What the lead did lately, counted."""
    if not facts.events:
        return f"nothing in the last {facts.days_looked_back} days: no click, visit or reply"
    counts = Counter(behaviour for behaviour, _ in facts.events)
    told = [
        f"{count} {PAST.get(behaviour, (behaviour, behaviour))[count > 1]}"
        for behaviour, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    latest = facts.events[-1][1]
    return f"{', '.join(told)} in the last {facts.days_looked_back} days, the latest {ago(latest, facts.now)}"


def similar_accounts(facts: BriefFacts) -> str:
    """How companies like this one ended."""
    told = [
        f"{company} {account.outcome} in {account.when:%B %Y}{_worth(account, facts.currency)} ({account.alike})"
        for account in facts.similar[:MOST_SIMILAR]
        if (company := clean(account.company))
    ]
    return "; ".join(told) or "none is known that was won or lost"


def _worth(account: SimilarAccount, currency: str) -> str:
    value = _number(account.value) if account.outcome == "won" else None
    return f" for {value} {currency}" if value else ""


def reach(facts: BriefFacts) -> str:
    """Address, phone, language, and whether it may be written to."""
    email, phone = _known(facts.lead, "email"), _known(facts.lead, "phone")
    language = _known(facts.lead, "language")
    ways = [email or "no email", phone or "no phone", f"speaks {language}" if language else ""]
    told = ", ".join(way for way in ways if way)
    if not facts.may_be_emailed:
        told += "; has asked not to be emailed, so do not write"
    return told


def next_step(facts: BriefFacts) -> str:
    """What the sequence is for, by the way that is open."""
    goal = f"goal: {facts.goal[:1].lower()}{facts.goal[1:]}"
    phone, email = _known(facts.lead, "phone"), _known(facts.lead, "email")
    has_replied = any(behaviour in ("reply", "meeting") for behaviour, _ in facts.events)
    if has_replied:
        return f"answer the reply in person ({goal})"
    if phone:
        return f"call ({goal})"
    if email and facts.may_be_emailed:
        return f"write a personal email ({goal})"
    return f"find a way to reach the person, for no phone is known ({goal})"


def ago(moment: datetime, now: datetime) -> str:
    """`2 hours ago`, `3 days ago`."""
    seconds = max((now - moment).total_seconds(), 0)
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _person(facts: BriefFacts) -> str | None:
    full = _known(facts.lead, "full_name")
    parts = [_known(facts.lead, part) for part in ("first_name", "last_name")]
    return full or " ".join(part for part in parts if part) or None


def _value(row: Mapping[str, Any] | None, name: str) -> Any:
    value = None if row is None else row.get(name)
    return None if value is None or (not isinstance(value, list | dict) and pd.isna(value)) else value


def _known(row: Mapping[str, Any] | None, name: str) -> str | None:
    return clean(_value(row, name))


def _list(row: Mapping[str, Any] | None, name: str) -> list[Any]:
    value = _value(row, name)
    return value if isinstance(value, list) else []


def _number(value: Any) -> str | None:
    """With thousands separated, and without idle zeros."""
    return None if value is None else f"{float(value):,.1f}".removesuffix(".0")
