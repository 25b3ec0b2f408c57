"""What no single model of a campaign file can judge: words that another section, or the database, defines.

What belongs here: checks across sections, over the plain document, so that one wrong value elsewhere hides
none of them. What does not: types and ranges (the models), the syntax of templates (`templates`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem, nearest, written_path
from leadflow_pipeline.campaign.templates import CAMPAIGN_TOKENS, LEAD_TOKENS, template_problems
from leadflow_pipeline.enrich.rules import FIELDS_OF_KIND, SENIORITIES
from leadflow_pipeline.harvest.rules import FIELDS_OF, Contents
from leadflow_pipeline.harvest.sources import KINDS, kind_of
from leadflow_pipeline.route.rules import (
    DEFAULT_INTENT_SIGNALS,
    ContentSequence,
    ContentSequenceType,
    RoutingRules,
)
from leadflow_pipeline.score.dimensions import DIMENSIONS, ProfileMatch
from leadflow_pipeline.score.factors import COUNTED_ONLY
from leadflow_pipeline.score.rules import DEFAULT_BEHAVIOURS, EXCLUSIVE_GROUPS, ScoreRules
from leadflow_pipeline.store.schema import enriched_leads

CUSTOM_FIELD = re.compile(r"custom\.[a-z][a-z0-9_]*")

BOOKKEEPING = {"campaign", "day", "lead_id", "is_new", "received_at", "custom", "campaign_version"}
ENRICHED_FIELDS: tuple[str, ...] = tuple(
    column.name for column in enriched_leads.columns if column.name not in BOOKKEEPING
)
"""What a condition may ask about, beside the custom fields that a source declares."""

CONDITION_LISTS: tuple[Path, ...] = (
    ("ideal_customer_profile", "criteria"),
    ("scoring", "factors"),
    ("qualification", "filters"),
)
OWN_WORDS: Path = ("nurture", "words")
SNIPPETS: Path = ("nurture", "snippets")
FIELD_MAPPINGS = ("mapping", "constants", "defaults")
TIER_SEQUENCES = ("hot_sequence", "warm_sequence", "cool_sequence", "cold_sequence")
SHIPPED_SEQUENCES: dict[str, ContentSequence] = {
    sequence.sequence_type.value: sequence
    for sequence in (
        ContentSequence.hot_sequence(),
        ContentSequence.warm_sequence(),
        ContentSequence.cool_sequence(),
        ContentSequence.cold_sequence(),
    )
}


def check_document(document: Document) -> Iterator[Problem]:
    """Every problem that needs more than one section to see. Wrong shapes are left to the models."""
    checks: tuple[Callable[[Document], Iterator[Problem]], ...] = (
        _check_sources,
        _check_field_names,
        _check_known_words,
        _check_factors,
        _check_dimensions,
        _check_time_zones,
        _check_sequences,
        _check_templates,
    )
    for check in checks:
        yield from check(document)


def custom_fields(document: Document) -> tuple[str, ...]:
    """The `custom.<name>` fields that any source or enrichment declares, in order of their names."""
    declared = {
        field
        for _, source in items_of(document, ("sources",))
        for section in FIELD_MAPPINGS
        for field in mapping_of(source.get(section))
    }
    declared |= {
        field
        for section in ("providers", "http", "set", "map")
        for party in _enrichment_parts(document, section)
        for field in _fields_given(party, section)
    }
    return tuple(sorted(field for field in declared if CUSTOM_FIELD.fullmatch(field)))


def _enrichment_parts(document: Document, section: str) -> Iterator[dict[str, Any]]:
    """Everything that gives fields: the providers, or that kind of step of every recipe."""
    if section == "providers":
        yield from (provider for _, provider in items_of(document, ("enrichment", "providers")))
        return
    for recipe in mapping_of(document.value_at(("enrichment", "recipes"))):
        for _, step in items_of(document, ("enrichment", "recipes", recipe, "steps")):
            yield mapping_of(step.get(section))


def _fields_given(part: dict[str, Any], section: str) -> Iterator[str]:
    if section == "set":
        yield from part
    elif section == "map":
        yield str(part.get("to"))
    elif "take" in part:
        yield from mapping_of(part["take"])
    else:
        given = part.get("fields", FIELDS_OF_KIND.get(str(part.get("kind")), ()))
        yield from (field for field in given or () if isinstance(field, str))


def _check_sources(document: Document) -> Iterator[Problem]:
    """Fields that a lead does not have, names used twice, and an outcome that a rule could see."""
    first_with: dict[str, Path] = {}
    for path, source in items_of(document, ("sources",)):
        yield from _unknown_lead_fields(document, path, source)
        yield from _unnamed_leads(document, path, source)
        yield from _visible_outcomes(document, path, source)
        yield from _people_from_nowhere(document, path, source)
        yield from _spend_that_is_asked_for(document, path, source)
        name = source.get("name")
        if isinstance(name, str) and first_with.setdefault(name, path) != path:
            message = f"is the name of {written_path(first_with[name])} too"
            yield document.problem((*path, "name"), message, "give each source its own")


def _unknown_lead_fields(document: Document, path: Path, source: dict[str, Any]) -> Iterator[Problem]:
    contents = source.get("contents", Contents.LEADS.value)
    if contents not in FIELDS_OF:
        return
    is_of_leads = contents != Contents.SPEND.value
    allowed = (*FIELDS_OF[contents], "source_key") if is_of_leads else FIELDS_OF[contents]
    tells_who = contents == Contents.LEADS.value
    declared = [(section, field) for section in FIELD_MAPPINGS for field in mapping_of(source.get(section))]
    for section, field in declared:
        if field not in allowed and not (tells_who and CUSTOM_FIELD.fullmatch(field)):
            own = f"write custom.{_slug(field)} for a field of your own" if tells_who else None
            remedy = " or ".join(filter(None, [nearest(field, allowed, list_few=not tells_who), own]))
            kind = "a lead" if tells_who else f"a source of {contents}"
            yield document.problem((*path, section, field), f"is no field of {kind}", remedy)
    usual = getattr(KINDS.get(kind_of(source)), "usual_mapping", {})
    known = [*usual, *(field for _, field in declared)]
    for section in ("missing_by_field", "meanings"):
        for field in mapping_of(source.get(section)):
            if field not in known:
                message = "names a field this source does not map"
                yield document.problem((*path, section, field), message, nearest(field, known))


def _unnamed_leads(document: Document, path: Path, source: dict[str, Any]) -> Iterator[Problem]:
    """Events and outcomes that name leads by keys of no source, and leads that claim to be told of others."""
    keyed = {
        other["name"]
        for _, other in items_of(document, ("sources",))
        if "source_key" in mapping_of(other.get("mapping")) and other.get("contents", "leads") == "leads"
        if isinstance(other.get("name"), str)
    }
    if source.get("contents", Contents.LEADS.value) in (Contents.LEADS.value, Contents.SPEND.value):
        if "of" in source:
            message = "is for sources of events or outcomes"
            yield document.problem((*path, "of"), message, "say `contents: outcomes`, or remove it")
    elif "of" not in source:
        if "source_key" in mapping_of(source.get("mapping")):
            message = "names leads by source_key, and does not say in which source"
            yield document.problem((*path, "mapping", "source_key"), message, "add `of: <source of leads>`")
    elif source["of"] not in keyed:
        message = "is no source of leads that maps source_key"
        yield document.problem((*path, "of"), message, nearest(str(source["of"]), sorted(keyed)))


def _people_from_nowhere(document: Document, path: Path, source: dict[str, Any]) -> Iterator[Problem]:
    """A source that asks about the people of another one, which is not there."""
    wanted = source.get("people_from")
    others = [
        other["name"]
        for at, other in items_of(document, ("sources",))
        if at != path and isinstance(other.get("name"), str)
    ]
    if isinstance(wanted, str) and wanted not in others:
        message = "is no other source of this campaign"
        yield document.problem((*path, "people_from"), message, nearest(wanted, others))


def _spend_that_is_asked_for(document: Document, path: Path, source: dict[str, Any]) -> Iterator[Problem]:
    """Spend from elsewhere than a file: a file is whole, and its rows of one day can be added up."""
    if source.get("contents") == Contents.SPEND.value and kind_of(source) != "file":
        message = "are spend, which comes as files"
        yield document.problem((*path, "contents"), message, "say `kind: file`")


def _visible_outcomes(document: Document, path: Path, source: dict[str, Any]) -> Iterator[Problem]:
    outcome = mapping_of(source.get("outcome"))
    hidden = {column for key in ("column", "value_column") if isinstance(column := outcome.get(key), str)}
    for field, column in mapping_of(source.get("mapping")).items():
        if isinstance(column, str) and column in hidden:
            message = "reads the outcome column, so rules would see how it ended"
            yield document.problem((*path, "mapping", field), message, "remove it from the mapping")


def _check_field_names(document: Document) -> Iterator[Problem]:
    """Conditions, required fields and intent signals on fields that no lead of this campaign has."""
    custom = custom_fields(document)
    known = (*ENRICHED_FIELDS, *custom)
    for section in CONDITION_LISTS:
        for path, condition in items_of(document, section):
            yield from check_known_field(document, (*path, "field"), condition.get("field"), known)
    required = ("qualification", "required_fields")
    for position, field in enumerate(sequence_of(document.value_at(required))):
        yield from check_known_field(document, (*required, position), field, known)
    signals = ("routing", "intent_signals")
    for signal in mapping_of(document.value_at(signals)):
        if signal not in DEFAULT_INTENT_SIGNALS and signal not in custom:
            message = "is neither a signal that leads show nor a custom field that a source declares"
            yield document.problem(
                (*signals, signal), message, nearest(signal, (*DEFAULT_INTENT_SIGNALS, *custom))
            )


def check_known_field(
    document: Document, path: Path, field: object, known: Iterable[str]
) -> Iterator[Problem]:
    """The problem of a field that no lead of this campaign has, with the nearest that it has."""
    if not isinstance(field, str) or field in known:
        return
    if CUSTOM_FIELD.fullmatch(field):
        remedy = nearest(field, [name for name in known if name.startswith("custom.")])
        yield document.problem(
            path, f"no source declares {field}", remedy or "declare it in the mapping of a source"
        )
    else:
        yield document.problem(path, f"leads have no field {field}", nearest(field, known))


def _check_known_words(document: Document) -> Iterator[Problem]:
    """Keys of points, caps and sequences, and words of lists, that nothing would ever read."""
    shipped = ScoreRules()
    vocabularies: tuple[tuple[Path, Iterable[str], str], ...] = (
        (("scoring", "points"), shipped.points, "is no scoring factor"),
        (("scoring", "caps"), shipped.caps, "is no group of scoring factors"),
        (("scoring", "dimensions"), DIMENSIONS, "is no ready-made dimension"),
    )
    for section, words, message in vocabularies:
        for word in mapping_of(document.value_at(section)):
            if word not in words:
                yield document.problem((*section, word), message, nearest(word, words))
    section = ("enrichment", "decision_makers")
    for position, word in enumerate(sequence_of(document.value_at(section))):
        if isinstance(word, str) and word not in SENIORITIES:
            yield document.problem(
                (*section, position), f"{word} is no seniority", nearest(word, SENIORITIES)
            )


def _check_factors(document: Document) -> Iterator[Problem]:
    """Factors of a group that nothing caps, or of a behaviour that nothing counts."""
    groups = (*ScoreRules().groups_for_factors, *mapping_of(document.value_at(("scoring", "groups"))))
    known = (*DEFAULT_BEHAVIOURS, *mapping_of(document.value_at(("scoring", "behaviours"))))
    for path, factor in items_of(document, ("scoring", "factors")):
        group, behaviour = factor.get("group"), factor.get("behaviour")
        if isinstance(group, str) and group not in groups:
            remedy = (
                f"use another: of {group} a lead has one at most"
                if group in EXCLUSIVE_GROUPS
                else _near_or(group, groups, "declare it with its cap in scoring.groups")
            )
            yield document.problem((*path, "group"), f"{group} is no group for a factor", remedy)
        for key in COUNTED_ONLY if behaviour is None else ():
            if key in factor:
                message = "belongs to the test of a behaviour"
                yield document.problem(
                    (*path, key), message, "name a behaviour instead of a field, or remove it"
                )
        for name in [behaviour] if isinstance(behaviour, str) else sequence_of(behaviour):
            if isinstance(name, str) and name not in known:
                remedy = _near_or(name, known, "declare it in scoring.behaviours")
                yield document.problem(
                    (*path, "behaviour"), f"{name} is no behaviour that scoring counts", remedy
                )


def _near_or(word: str, known: Iterable[str], otherwise: str) -> str:
    near = nearest(word, known, list_few=False)
    return f"{near} or {otherwise}" if near else otherwise


def _check_dimensions(document: Document) -> Iterator[Problem]:
    """Dimensions that compare a lead with a profile that says nothing of it."""
    asked = [criterion.get("field") for _, criterion in items_of(document, CONDITION_LISTS[0])]
    section = ("scoring", "dimensions")
    for name in mapping_of(document.value_at(section)):
        match = DIMENSIONS.get(name)
        if isinstance(match, ProfileMatch) and not any(field in asked for field in match.fields):
            fields = " or ".join(match.fields)
            remedy = "add one to ideal_customer_profile.criteria, or remove the dimension"
            yield document.problem(
                (*section, name), f"needs a criterion of the profile over {fields}", remedy
            )


def _check_time_zones(document: Document) -> Iterator[Problem]:
    """Time zones that the IANA database does not know."""
    places: list[Path] = [("time_zone",)]
    places += [(*path, "day", "time_zone") for path, _ in items_of(document, ("sources",))]
    for path in places:
        zone = document.value_at(path)
        if isinstance(zone, str) and zone not in _time_zones():
            remedy = nearest(zone, sorted(_time_zones())) or "use an IANA name such as Europe/Lisbon"
            yield document.problem(path, "is no time zone", remedy)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _check_sequences(document: Document) -> Iterator[Problem]:
    """Sequences whose emails are not as many, or take longer, than routing says."""
    used: dict[ContentSequenceType, str] = {}
    for key, rules in _routed_sequences(document):
        kind = rules.sequence_type
        if kind in used:
            message = f"routes to {kind}, as {used[kind]} does"
            yield document.problem(
                ("routing", key, "sequence_type"), message, "give each tier its own sequence"
            )
        used.setdefault(kind, key)
        place = ("nurture", "sequences", kind.value)
        emails = document.value_at((*place, "emails"))
        if isinstance(emails, list):
            yield from _own_emails_fit(document, (*place, "emails"), emails, rules)
        elif document.value_at(place) is None:
            yield from _shipped_emails_fit(document, ("routing", key), rules)


def _routed_sequences(document: Document) -> Iterator[tuple[str, ContentSequence]]:
    """The sequence of each tier, where the document's words for it are valid."""
    shipped = RoutingRules()
    for key in TIER_SEQUENCES:
        given = document.value_at(("routing", key))
        if given is None:
            yield key, getattr(shipped, key)
            continue
        try:
            yield key, ContentSequence.model_validate(given)
        except ValueError:  # reported in full by the model of the whole file
            continue


def _own_emails_fit(
    document: Document, path: Path, emails: list[Any], rules: ContentSequence
) -> Iterator[Problem]:
    if len(emails) != rules.email_count:
        message = f"has {len(emails)} emails, but in routing its email_count is {rules.email_count}"
        yield document.problem(path, message, "make the two agree")
    after = 0.0
    for position, email in enumerate(emails):
        delay = mapping_of(email).get("delay_days")
        after += delay if isinstance(delay, int | float) else 0
        if after > rules.duration_days:
            message = f"falls on day {after:g} of a sequence that lasts {rules.duration_days} days"
            remedy = "shorten the delays or raise duration_days in routing"
            yield document.problem((*path, position, "delay_days"), message, remedy)
            return


def _shipped_emails_fit(document: Document, path: Path, rules: ContentSequence) -> Iterator[Problem]:
    shipped = SHIPPED_SEQUENCES[rules.sequence_type.value]
    remedy = f"write the emails in nurture.sequences.{rules.sequence_type}"
    if rules.email_count != shipped.email_count:
        message = (
            f"is {rules.email_count}, but {rules.sequence_type} is shipped with {shipped.email_count} emails"
        )
        yield document.problem((*path, "email_count"), message, remedy)
    if rules.duration_days < shipped.duration_days:
        message = f"is {rules.duration_days}, but the shipped emails take up to {shipped.duration_days} days"
        yield document.problem((*path, "duration_days"), message, remedy)


def _check_templates(document: Document) -> Iterator[Problem]:
    """Words that cannot be tokens, and emails of sequences that would fail."""
    for word in mapping_of(document.value_at(OWN_WORDS)):
        if not word.isidentifier():
            yield document.problem((*OWN_WORDS, word), "cannot be a token", "use letters, digits and _")
    yield from check_emails(document, ("nurture", "sequences"))


def check_emails(document: Document, section: Path) -> Iterator[Problem]:
    """Emails of the sequences in a section whose templates would fail, or leave a hole, when they are sent."""
    for sequence in mapping_of(document.value_at(section)):
        for place in ("emails", "steps"):
            for path, email in items_of(document, (*section, sequence, place)):
                if email.get("channel", "email") == "email":
                    yield from _check_wording(document, path, email)


def _check_wording(document: Document, path: Path, email: dict[str, Any]) -> Iterator[Problem]:
    """The templates of an email, in each of its languages."""
    wordings = [(path, email)]
    wordings += [
        ((*path, "languages", language), mapping_of(wording))
        for language, wording in mapping_of(email.get("languages")).items()
    ]
    for place, wording in wordings:
        for part in ("subject", "text", "html"):
            template = wording.get(part)
            if not isinstance(template, str):
                continue
            if part == "subject" and len(template.splitlines()) > 1:
                yield document.problem((*place, part), "has several lines", "a subject is one line")
            yield from check_template(document, (*place, part), template)


def check_template(
    document: Document, path: Path, template: str, *, may_use_snippets: bool = True
) -> Iterator[Problem]:
    """What is wrong with one template of the emails."""
    tokens = (*LEAD_TOKENS, *CAMPAIGN_TOKENS, *mapping_of(document.value_at(OWN_WORDS)))
    snippets = tuple(mapping_of(document.value_at(SNIPPETS))) if may_use_snippets else None
    for problem in template_problems(template, tokens, custom_fields(document), snippets):
        yield document.problem(path, problem.message, problem.remedy, text_line=problem.line)


def items_of(document: Document, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Path and content of each mapping in the list at a path."""
    for position, item in enumerate(sequence_of(document.value_at(path))):
        if isinstance(item, dict):
            yield (*path, position), item


def mapping_of(value: Any) -> dict[str, Any]:
    """The value, or an empty mapping where it is another shape: that is told by the models."""
    return value if isinstance(value, dict) else {}


def sequence_of(value: Any) -> list[Any]:
    """The value, or an empty list where it is another shape."""
    return value if isinstance(value, list) else []


def _slug(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", word.lower().removeprefix("custom.")).strip("_") or "name"
