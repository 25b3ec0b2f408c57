"""Whether somebody asks, by a reply, not to be written to any more.

What belongs here: telling a request from talk about requests. What does not: the words (`words/removal.toml`), and what
follows. Pure.

A word that stands alone is a request. In a sentence it takes a verb and its object: "please remove me", not "we removed
the old tool"; "stop writing to me", not "we stopped using it". A refusal ("not interested") is an answer, no request.
"""

from __future__ import annotations

import re

from leadflow_pipeline.inbound.mail.calendar_words import plain
from leadflow_pipeline.inbound.mail.phrases import one_of, words_of

MOST_TEXT = 5000
_words = words_of("removal")
_alone = one_of(_words["alone"])
_courtesy = one_of(_words["courtesy"])
WORD_ALONE = re.compile(rf"(?:{_courtesy} ?)*(?:{_alone})(?: ?{_courtesy})*")
AS_SUBJECT = re.compile(
    rf"(?:(?:re|aw|sv|fwd?) ?: ?)*(?:{_courtesy} )*(?:{_alone})(?: {_courtesy})*(?: request)?"
)
ONLY_AS_TEXT = re.compile(
    r"(?:end|quit|cancel|cancelar|enough|basta|sair|parar|no more|remove|eliminar|remover|usun|poista|zrusit)"
)
"""Words that may be the subject of anything; as a text of their own they are not."""
SENTENCE = re.compile(r"(?<=[.!?;。！？])\s+|\n\s*\n|(?<=[。！？])")
ASKS = re.compile(one_of(_words["asked"]))
NOT_MEANT = re.compile(one_of(_words["not_meant"]))
GREETING = re.compile(one_of(_words["greeting"]) + r"\b[^\n.!?]{0,40}[,!.]?")


def asks_for_removal(text: str, subject: str = "") -> bool:
    """Whether the writer of `text` wants no more emails. `text` is their own: without quotation and signature."""
    heading = _bare(plain(subject))
    if heading and AS_SUBJECT.fullmatch(heading) and not ONLY_AS_TEXT.fullmatch(heading):
        return True
    body = plain(text[:MOST_TEXT])
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    if lines and GREETING.fullmatch(lines[0]) and len(lines) > 1:
        lines = lines[1:]
    if lines and (WORD_ALONE.fullmatch(_bare(lines[0])) or _stands_before_a_name(lines[0])):
        return True
    for sentence in SENTENCE.split(body):
        whole = " ".join(sentence.split())
        if (
            whole
            and (WORD_ALONE.fullmatch(_bare(whole)) or ASKS.search(whole))
            and not NOT_MEANT.search(whole)
        ):
            return True
    return False


def _stands_before_a_name(line: str) -> bool:
    """ "Unsubscribe - Robin": the word alone, and who says it."""
    word, dash, name = re.sub(r"\s[-–—]\s|,\s", "\n", line, count=1).partition("\n")
    if not dash or len(name.split()) > 3 or ONLY_AS_TEXT.fullmatch(_bare(word)):
        return False
    return bool(WORD_ALONE.fullmatch(_bare(word)))


def _bare(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s':-]|_", " ", text).split())
