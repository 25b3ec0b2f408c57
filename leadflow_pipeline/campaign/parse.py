"""Campaign file → typed model, or every problem of the file at once.

What belongs here: putting reading, models and checks together, and pydantic's findings into plain words. What
does not: rules of any kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from leadflow_pipeline.campaign.checks import check_document
from leadflow_pipeline.campaign.conversion_checks import check_conversion
from leadflow_pipeline.campaign.document import Document, read_document
from leadflow_pipeline.campaign.email_variant_checks import check_email_variants
from leadflow_pipeline.campaign.enrichment_checks import check_enrichment
from leadflow_pipeline.campaign.experiment_checks import check_experiments
from leadflow_pipeline.campaign.handover_checks import check_handover
from leadflow_pipeline.campaign.low_score_checks import check_low_score
from leadflow_pipeline.campaign.model import Campaign
from leadflow_pipeline.campaign.nurture_checks import check_nurture
from leadflow_pipeline.campaign.opinion_checks import check_opinion
from leadflow_pipeline.campaign.ownership_checks import check_ownership
from leadflow_pipeline.campaign.problems import CampaignError, Path, Problem, nearest
from leadflow_pipeline.campaign.qualification_checks import check_qualification
from leadflow_pipeline.campaign.similarity_checks import check_similarity
from leadflow_pipeline.campaign.webhook_step_checks import check_webhook_steps
from leadflow_pipeline.campaign.word_checks import check_words

SLUG_REMEDY = "use lower-case letters, digits, - and _, beginning with a letter or digit"

PLAIN_WORDS: dict[str, tuple[str, str]] = {
    "string_type": ("must be text", "put it in quotes"),
    "bool_type": ("must be true or false", ""),
    "tuple_type": ("must be a list", "write [one, two], or a line `- one` for each item"),
    "list_type": ("must be a list", "write [one, two], or a line `- one` for each item"),
    "dict_type": ("must be a mapping of keys", "indent its keys below it"),
    "model_type": ("must be a mapping of keys", "indent its keys below it"),
    "float_type": ("must be a number", "write it without quotes, words or separators"),
    "int_type": ("must be a whole number", "write it without quotes, words or separators"),
    "missing": ("is required but missing", ""),
    "too_short": ("must not be empty", "name at least one"),
    "time_type": ("must be a time", 'write it as "09:00"'),
    "time_parsing": ("must be a time", 'write it as "09:00"'),
}
"""Pydantic's kinds of finding, in the words of someone who writes YAML: what, and the remedy."""

BLAMED: dict[str, tuple[str, ...]] = {
    "routing": ("warm_tier_min_score", "hot_tier_min_score", "cool_tier_min_score"),
    "temperature": ("hot", "warm", "hysteresis"),
    "qualification": ("review_band", "threshold"),
    "send_window": ("end", "start", "weekdays"),
    "consent": ("valid_days",),
    "ideal_customer_profile": ("criteria",),
    "scoring": ("factors", "groups"),
}
"""Section -> its values that must go together."""

UNKNOWN_KEY = "unknown key"

KEYED_BY_WORDS: tuple[Path, ...] = (
    ("scoring", "points"),
    ("scoring", "caps"),
    ("scoring", "dimensions"),
    ("scoring", "factors"),
    ("routing", "intent_signals"),
    ("nurture", "sequences"),
)
"""Mappings whose keys a check knows."""


def parse_campaign(text: str, name: str) -> Campaign:
    """The campaign in a YAML text. `name` is the file's, for messages.

    Raises CampaignError with every problem that can be told, each with file, line, path and remedy.
    """
    return parse_document(read_document(text, name), name)


def parse_document(document: Document, name: str) -> Campaign:
    """The campaign in a document that was read. Raises CampaignError as `parse_campaign` does."""
    problems = [
        *document.problems,
        *check_document(document),
        *check_enrichment(document),
        *check_conversion(document),
        *check_opinion(document),
        *check_handover(document),
        *check_low_score(document),
        *check_similarity(document),
        *check_ownership(document),
        *check_experiments(document),
        *check_email_variants(document),
        *check_webhook_steps(document),
        *check_qualification(document),
        *check_nurture(document),
        *check_words(document),
    ]
    try:
        campaign = _validated(document.content)
    except ValidationError as error:
        found = [problem for problem in _model_problems(document, error) if not _is_told(problem, problems)]
        raise CampaignError(name, [*problems, *found]) from None
    if problems:
        raise CampaignError(name, problems)
    return campaign


def _is_told(finding: Problem, problems: list[Problem]) -> bool:
    """Whether a check has named the very word that a model does not know, or refuses the whole mapping for."""
    depth = len(finding.path)
    if finding.message == UNKNOWN_KEY and any(problem.path == finding.path for problem in problems):
        return True
    return finding.path in KEYED_BY_WORDS and any(
        problem.path[:depth] == finding.path for problem in problems
    )


def _validated(content: dict[str, Any]) -> Campaign:
    """Through JSON: pydantic's strict mode then refuses "60" for 60, yet takes lists, times and words."""
    return Campaign.model_validate_json(Document(content).canonical_text, strict=True)


def _model_problems(document: Document, error: ValidationError) -> list[Problem]:
    """Pydantic's findings as problems.

    Pydantic does not look at a model as a whole (are its thresholds ordered?) that has an unknown key, so the
    rest is looked at again without the unknown keys.
    """
    findings = error.errors(include_url=False, include_input=False)
    unknown = [
        _untagged(document, finding["loc"]) for finding in findings if finding["type"] == "extra_forbidden"
    ]
    if unknown:
        try:
            _validated(_without(document.content, unknown))
        except ValidationError as further:
            findings += further.errors(include_url=False, include_input=False)
    problems: dict[Path, Problem] = {}
    for finding in findings:
        path = _known_path(document, finding)
        problems.setdefault(path, _problem(document, path, finding))
    return [problem for path, problem in problems.items() if not _only_follows(path, problem, problems)]


def _only_follows(path: Path, problem: Problem, problems: dict[Path, Problem]) -> bool:
    """Whether a list is called empty only because each of its items was refused."""
    refused_inside = any(other != path and other[: len(path)] == path for other in problems)
    return refused_inside and problem.message == PLAIN_WORDS["too_short"][0]


def _problem(document: Document, path: Path, finding: ErrorDetails) -> Problem:
    kind, context = finding["type"], finding.get("ctx", {})
    message, remedy = PLAIN_WORDS.get(kind, (finding["msg"].replace("Input should", "must"), ""))
    value = document.value_at(path)
    if len(finding["loc"]) > len(path) and kind.endswith("_type") and kind != "model_type":
        message, remedy = "must be one text, number or truth value", ""
    elif kind == "extra_forbidden":
        message, remedy = UNKNOWN_KEY, nearest(str(path[-1]), keys_allowed_in(finding["loc"][:-1]))
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        return _kind_problem(document, path, context)
    elif kind == "value_error":
        message = str(context["error"])
        path = (*path, *_blamed_key(document, path))
    elif kind in ("literal_error", "enum"):
        words = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        message, remedy = f"must be one of {', '.join(words)}", nearest(str(value), words)
        remedy = remedy if remedy.startswith("did you mean") else ""
    elif kind == "string_pattern_mismatch":
        message, remedy = _pattern_in_words(context["pattern"], path)
    elif value is None and kind.endswith("_type"):
        message, remedy = "is empty", "remove the key or give it a value"
    return document.problem(path, message, remedy)


def _kind_problem(document: Document, path: Path, context: dict[str, Any]) -> Problem:
    """A `kind` that there is none of, or that is missing where there are several."""
    words = [word.strip("' ") for word in context.get("expected_tags", "").split(",") if word]
    if not words:
        return document.problem((*path, "kind"), "is required but missing", "say which kind it is")
    near = nearest(str(context["tag"]), words)
    remedy = near if near.startswith("did you mean") else ""
    key = "channel" if (*path, "channel") in document.lines else "kind"
    return document.problem((*path, key), f"must be one of {', '.join(words)}", remedy)


def _blamed_key(document: Document, path: Path) -> Path:
    """The key to point at where values do not go together: the first of them that the file gives."""
    for key in BLAMED.get(str(path[-1]) if path else "", ()):
        if (*path, key) in document.lines:
            return (key,)
    return ()


def _pattern_in_words(pattern: str, path: Path) -> tuple[str, str]:
    if pattern.startswith("^[a-z0-9]"):
        return "is no slug", SLUG_REMEDY
    if pattern.startswith("^[a-z]{2,3}"):
        return "must be the code of a language", "such as de or pt-BR"
    if pattern.startswith("^[a-z][a-z0-9_]"):
        return "cannot be a token", "use lower-case letters, digits and _"
    if pattern.startswith("^https?"):
        return (
            "must be a web address",
            "such as https://api.example.org/v1/leads, without user, query or fragment",
        )
    if pattern.startswith("^LEADFLOW_"):
        return (
            "must be the name of a variable of the environment",
            "such as LEADFLOW_CRM_KEY, and never a secret itself",
        )
    if r"\S" in pattern:
        return "must be a text that is not blank", "" if path == ("postal_address",) else "on a single line"
    if "[A-Z]" in pattern:
        return "must be a code of capital letters", "such as EUR" if path == ("currency",) else "such as DE"
    return f"must match {pattern}", ""


@lru_cache(maxsize=256)
def keys_allowed_in(path: Path) -> tuple[str, ...]:
    """The keys that the model at a path of the file knows; the path may name the kind of a model, as pydantic's do."""
    models: list[type[BaseModel]] = [Campaign]
    for step in path:
        fields = [model.model_fields[step] for model in models if step in model.model_fields]
        if of_kind := [model for model in models if step in _kinds_of(model)]:
            models = of_kind
        elif fields:
            models = [inner for field in fields for inner in _models_in(field.annotation)]
    return tuple(dict.fromkeys(name for model in models for name in model.model_fields))


def _kinds_of(model: type[BaseModel]) -> tuple[Any, ...]:
    """What a model's `kind` (of a step: `channel`) may be, where it is one of several."""
    return tuple(
        kind
        for name in ("kind", "channel")
        if name in model.model_fields
        for kind in get_args(model.model_fields[name].annotation)
    )


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models a type is made of: those inside a list, a mapping or a choice."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _known_path(document: Document, finding: ErrorDetails) -> Path:
    """The finding's place in the document: without the type names pydantic adds for a choice of types."""
    path = _untagged(document, finding["loc"])
    if finding["type"] == "missing":
        return path
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _untagged(document: Document, place: Path) -> Path:
    """A place without the kinds that pydantic puts between a list or key and what a model of that kind holds."""
    path: Path = ()
    for step in place[:-1]:
        if isinstance(step, int) or (*path, step) in document.lines:
            path = (*path, step)
    return (*path, *place[-1:])


def _without(content: Any, unknown: list[tuple[str | int, ...]], path: Path = ()) -> Any:
    """The content without the keys at the paths."""
    if isinstance(content, dict):
        return {
            key: _without(value, unknown, (*path, key))
            for key, value in content.items()
            if (*path, key) not in unknown
        }
    if isinstance(content, list):
        return [_without(item, unknown, (*path, position)) for position, item in enumerate(content)]
    return content
