"""The templates of emails, checked without rendering them: syntax, and tokens that exist.

What belongs here: what can be known of a template when a campaign is registered. What does not: rendering,
which happens at the door, one lead at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from leadflow_pipeline.campaign.problems import nearest
from leadflow_pipeline.nurture.filters import FILTERS

LEAD_TOKENS: tuple[str, ...] = (
    "first_name", "last_name", "full_name", "company", "job_title", "industry", "city", "region", "country",
    "seniority", "department", "owner", "honorific", "language",
)  # fmt: skip
"""What an email may say of its lead. All are texts, and each can be missing, so give it a default."""

CAMPAIGN_TOKENS: tuple[str, ...] = (
    "campaign_name", "sender_name", "sender_email", "postal_address", "unsubscribe_url", "product", "benefit",
)  # fmt: skip
"""What an email may say of its campaign, beside the campaign's own words (`nurture.words`)."""

CUSTOM = "custom"
"""The token whose parts are the campaign's own fields, as in `{{ custom.plan }}`."""

SNIPPETS = "snippets"
"""The token whose parts are texts of the campaign that several emails share, as in `{{ snippets.greeting }}`."""
SNIPPET_STANDS_ALONE = "only emails use snippets: write its text out"

_environment = ImmutableSandboxedEnvironment()
_environment.filters |= FILTERS


@dataclass(frozen=True)
class TemplateProblem:
    """What is wrong on one line of a template, from 1."""

    line: int
    message: str
    remedy: str = ""


def template_problems(
    template: str,
    tokens: Collection[str],
    custom_fields: Collection[str],
    snippets: Collection[str] | None = None,
) -> Iterator[TemplateProblem]:
    """All that is wrong with a template. `custom_fields` are like `custom.plan`, `snippets` names of snippets; a text
    that may use none has None."""
    try:
        tree = _environment.parse(template)
        unknown_calls = list(_unknown_calls(tree))
        if unknown_calls:  # Jinja then cannot say which tokens are used
            yield from unknown_calls
            return
        grouped = {CUSTOM} if snippets is None else {CUSTOM, SNIPPETS}
        unknown = meta.find_undeclared_variables(tree) - {*tokens, *grouped}
    except TemplateSyntaxError as error:
        yield TemplateProblem(error.lineno, f"is no valid template: {(error.message or '').rstrip('.')}")
        return
    known = [*(token for token in tokens if token != CUSTOM), *custom_fields]
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name in unknown:
            unknown.discard(name.name)
            remedy = SNIPPET_STANDS_ALONE if name.name == SNIPPETS else nearest(name.name, known)
            yield TemplateProblem(name.lineno, f"unknown token {name.name}", remedy)
    for statement in tree.find_all((nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)):
        yield TemplateProblem(
            statement.lineno, "refers to another template", "an email stands alone: write it out"
        )
    yield from _unknown_parts(tree, tokens, custom_fields, snippets)


def _unknown_calls(tree: nodes.Template) -> Iterator[TemplateProblem]:
    """Filters and tests that do not exist. Jinja itself would find those inside an `if` only when sending."""
    for called in (*tree.find_all(nodes.Filter), *tree.find_all(nodes.Test)):
        names = _environment.filters if isinstance(called, nodes.Filter) else _environment.tests
        if called.name not in names:
            kind = "filter" if isinstance(called, nodes.Filter) else "test"
            yield TemplateProblem(called.lineno, f"unknown {kind} {called.name}", nearest(called.name, names))


def _unknown_parts(
    tree: nodes.Template,
    tokens: Collection[str],
    custom_fields: Collection[str],
    snippets: Collection[str] | None,
) -> Iterator[TemplateProblem]:
    """Custom fields that no source declares, snippets that are not there, and parts that a text does not have."""
    accesses: tuple[nodes.Getattr | nodes.Getitem, ...] = (
        *tree.find_all(nodes.Getattr),
        *tree.find_all(nodes.Getitem),
    )
    for access in accesses:
        if not isinstance(access.node, nodes.Name):
            continue
        name, part = access.node.name, _part(access)
        token = f"{name}.{part}"
        if name == CUSTOM:
            if token not in custom_fields:
                remedy = nearest(token, custom_fields) or "declare it in the mapping of a source"
                yield TemplateProblem(access.lineno, f"unknown token {token}", remedy)
        elif name == SNIPPETS and snippets is not None and part not in snippets:
            remedy = nearest(part, snippets) or "write it in nurture.snippets"
            yield TemplateProblem(access.lineno, f"unknown snippet {part}", remedy)
        elif name in tokens and (part.startswith("_") or not hasattr(str, part)):
            yield TemplateProblem(
                access.lineno, f"unknown token {token}", f"{name} is a text and has no parts"
            )


def _part(access: nodes.Getattr | nodes.Getitem) -> str:
    """The name behind the dot or in the brackets; empty where it is computed."""
    if isinstance(access, nodes.Getattr):
        return access.attr
    return str(access.arg.value) if isinstance(access.arg, nodes.Const) else ""
