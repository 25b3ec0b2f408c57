"""Language models behind an OpenAI-compatible API: one question, and one number from 0 to 100 or a text back.

What belongs here: the shape of a chat completion, and what counts as an answer. What does not: what the model is told
(`score.opinion`), rates, retries and other statuses (the session).

Sources: OpenAI's API reference ("Create chat completion": messages, response_format, refusal, tool_calls) and its guide
to error codes (500 and 503: nothing is wrong with the request, send it again), as llama.cpp's server, vLLM and Ollama
speak it too. Billing is by tokens, so a request that was answered is paid for whatever the answer says.

A model says what it likes, and may have been talked into it. Taken is a JSON object of a number within bounds and at
most a short text; everything else is no answer, and says so in one line.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadflow_pipeline.vendors.reading import json_object, parsed
from leadflow_pipeline.vendors.session import VendorSession

PATH = "/chat/completions"
MOST_TOKENS = 120
"""Of an answer: a number and some fifteen words."""
SEED = 1
NOTHING_DONE = (500, 503, 529)
"""Statuses of an API that answered and carried out nothing. What stands between (502, 504) cannot know."""

LONGEST_CONTENT = 4_000
LONGEST_REASON = 120
LOWEST, HIGHEST = 0, 100
REPLACED = "\ufffd"
"""Stands for a letter that the database would not take."""
LINK = re.compile(r"\S+://\S*|\bwww\.\S*|\S+@\S+|\b[\w-]+(?:\.[\w-]+)+/\S*", re.IGNORECASE)


@dataclass(frozen=True)
class Opinion:
    """A number from 0 to 100, and perhaps the model's own words for it: short, plain text on one line."""

    score: float
    why: str | None = None


@dataclass(frozen=True)
class NoOpinion:
    """The model was asked and gave no answer that counts; `problem` is one plain line without a word of it."""

    problem: str


def headers(key: str | None) -> dict[str, str]:
    """What every request carries; a model of one's own may need no key."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}


class LanguageModel:
    """One model behind a session that was opened with `headers(key)`."""

    def __init__(self, session: VendorSession, vendor: str, model: str, *, is_repeatable: bool) -> None:
        self._session = session
        self._vendor = vendor
        self._model = model
        self._is_repeatable = is_repeatable

    def opinion(self, system: str, lead: Mapping[str, Any]) -> Opinion | NoOpinion:
        """What the model makes of a lead, told in one JSON object.

        Raises what `VendorSession.call` raises, and the like for a success that is no JSON object.
        """
        said = self.text(system, lead, MOST_TOKENS)
        return said if isinstance(said, NoOpinion) else read_content(said)

    def text(self, system: str, facts: Mapping[str, Any], most_tokens: int) -> str | NoOpinion:
        """What the model says about some facts, told in one JSON object; asked for JSON, which it may not be.

        Raises as `opinion` does.
        """
        response = self._session.call(
            "POST",
            PATH,
            json={
                "model": self._model,
                "messages": [
                    {"role": "system", "content": system},
                    {"role": "user", "content": json.dumps(facts, ensure_ascii=False)},
                ],
                "temperature": 0,
                "seed": SEED,
                "max_tokens": most_tokens,
                "response_format": {"type": "json_object"},
            },
            is_repeatable=self._is_repeatable,
            nothing_done=NOTHING_DONE,
        )
        return text_of(json_object(response, self._vendor, is_repeatable=self._is_repeatable))


def text_of(completion: Mapping[str, Any]) -> str | NoOpinion:
    """The text of a chat completion."""
    choices = completion.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return NoOpinion("the language model answered without a choice")
    if message.get("refusal"):
        return NoOpinion("the language model declined to answer")
    if message.get("tool_calls") or message.get("function_call"):
        return NoOpinion("the language model called a tool instead of answering")
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        return NoOpinion("the language model answered nothing")
    return content


def read_content(content: str) -> Opinion | NoOpinion:
    """The opinion in the text of an answer."""
    said = parsed(content) if len(content) <= LONGEST_CONTENT else None
    if not isinstance(said, dict) or not {"score"} <= set(said) <= {"score", "why"}:
        return NoOpinion("the language model did not answer with the JSON object that was asked for")
    score, why = said["score"], said.get("why")
    if isinstance(score, bool) or not isinstance(score, int | float) or not LOWEST <= score <= HIGHEST:
        return NoOpinion("the language model answered with no number from 0 to 100")
    if why is not None and not isinstance(why, str):
        return NoOpinion("the language model answered with a reason that is no text")
    return Opinion(float(score), plain_reason(why) if why is not None else None)


def plain_reason(text: str) -> str | None:
    """A model's words fit to be shown: on one line, short, without control characters, links and markup."""
    start = text[:LONGEST_CONTENT]
    plain = "".join(
        " " if letter == REPLACED or unicodedata.category(letter)[0] in "CZ" else letter for letter in start
    )
    plain = re.sub(r"[<>`\[\]{}|\\]", "", LINK.sub("", plain))
    return " ".join(plain.split())[:LONGEST_REASON].strip() or None
