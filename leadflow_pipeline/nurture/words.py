"""What a campaign file may say about the words of its emails: languages, snippets, the footer, what is tracked.

What belongs here: the models. What does not: when an email is due (`steps`, `rules`), and filling it for a lead (the
release door).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
"""ISO 639-1, with a country where it makes a difference: `de`, `pt-BR`."""

SnippetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class Wording(BaseModel):
    """What an email says in one language: Jinja2 templates over the tokens of a lead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str = Field(min_length=1)
    text: str | None = Field(None, min_length=1, description="made from the HTML where it is not given")
    html: str | None = Field(None, min_length=1, description="made from the text where it is not given")

    @model_validator(mode="after")
    def says_something(self) -> Wording:
        """Refuses an email with neither text nor HTML."""
        if self.text is None and self.html is None:
            raise ValueError("an email needs a text, or HTML from which one can be made")
        return self


class LanguageWords(BaseModel):
    """What stands for the campaign's own words, snippets and reason in another language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: dict[str, str] = Field(default_factory=dict)
    snippets: dict[SnippetName, str] = Field(default_factory=dict)
    reason: str | None = None


class TrackingRules(BaseModel):
    """What is learnt from an email that was sent. Opens alone never decide anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    opens: bool = Field(True, description="an invisible picture tells that the email was shown")
    clicks: bool = Field(
        True, description="links of the HTML part lead through this service; those of the text part never do"
    )
