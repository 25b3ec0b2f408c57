"""Templates become the words of one email: subject, text and HTML.

What belongs here: Jinja2 in a sandbox, and the layout that every email shares. What does not: headers and the wire.

Lead data are values, never template source. A token without value or default is an error that names the token, not an
empty hole. Where a step has no HTML of its own it is made from its text, so that both say the same.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from leadflow_pipeline.delivery.tokens import shorten
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.steps import EmailStep

SUBJECT_CHARACTERS = 150
TEXT_WIDTH = 72
SHORT_LINE = 60
"""A line that ends although the next word would have fitted into this width was ended on purpose."""

WORD = re.compile(r"\{\{.*?\}\}\S*|\S+")
ITEM = "- "

PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
ESCAPING = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
)


class RenderError(PermanentError):
    """A template cannot be filled for this lead."""


@dataclass(frozen=True)
class Words:
    """What one email says."""

    subject: str
    text: str
    html: str


def render(step: EmailStep, tokens: Mapping[str, Any]) -> Words:
    """The words of one step for one lead. Raises RenderError, which names a token but no value."""
    try:
        subject = " ".join(plain_template(step.subject).render(tokens).split())
        body = plain_template(unwrap(step.text)).render(tokens).strip()
        html = Markup(_escaping(step.html).render(tokens)) if step.html else paragraphs(body)  # noqa: S704 (escaped)
    except UndefinedError as error:
        raise RenderError(f"{error.message}: give the token a default in the template") from None
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RenderError(
            f"the template fails for this lead ({type(error).__name__}): mend the template"
        ) from None
    if not subject:
        raise RenderError("the subject is empty for this lead: give its tokens a default in the template")
    shown = {**tokens, "subject": shorten(subject, SUBJECT_CHARACTERS), "body": html}
    return Words(shown["subject"], _text_part(body, tokens), _layout().render(shown))


def unwrap(source: str) -> str:
    """A template's text with one line a paragraph; lines ended on purpose and list items keep their own."""
    lines: list[str] = []
    before = ""
    for line in source.strip().splitlines():
        word = WORD.match(line.lstrip())
        is_new = not before or word is None or line.startswith(ITEM)
        if is_new or len(before) + 1 + len(word.group() if word else "") < SHORT_LINE:
            lines.append(line.rstrip())
        else:
            lines[-1] += f" {line.strip()}"
        before = line.strip()
    return "\n".join(lines)


def paragraphs(text: str) -> Markup:
    """Plain text as HTML: blank lines part paragraphs, `- ` begins a list item. Everything is escaped."""
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", text) if block.strip()]
    return Markup("\n").join(_block(lines) for lines in blocks)


def _block(lines: list[str]) -> Markup:
    if all(line.startswith(ITEM) for line in lines):
        items = Markup("").join(
            Markup('<li style="margin:0 0 8px 0;padding:0;">{}</li>').format(line.removeprefix(ITEM))
            for line in lines
        )
        return Markup('<ul style="margin:0 0 20px 0;padding:0 0 0 22px;">{}</ul>').format(items)
    return Markup('<p style="margin:0 0 20px 0;">{}</p>').format(
        Markup("<br>").join(escape(line) for line in lines)
    )


def _text_part(body: str, tokens: Mapping[str, Any]) -> str:
    footer = _footer().render(tokens)
    return "\n".join(_wrapped(line) for line in f"{body}\n\n{footer}".splitlines()) + "\n"


def _wrapped(line: str) -> str:
    indent = " " * len(ITEM) if line.startswith(ITEM) else ""
    return textwrap.fill(
        line, TEXT_WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


@lru_cache(maxsize=512)
def plain_template(source: str) -> Template:
    """A template of plain text, made ready once."""
    return PLAIN.from_string(source)


@lru_cache(maxsize=512)
def _escaping(source: str) -> Template:
    return ESCAPING.from_string(source)


@lru_cache(maxsize=1)
def _layout() -> Template:
    return _escaping((files("leadflow_pipeline.delivery") / "layout.html").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _footer() -> Template:
    return plain_template((files("leadflow_pipeline.delivery") / "footer.txt").read_text(encoding="utf-8"))
