"""Texts made comparable to the phrases of this room, and the addresses in them.

What belongs here: case, accents, white space, and what an address looks like in prose. What does not: any phrase.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ADDRESS: Final = re.compile(
    r"(?<![\w.!#$%&*+/=?^{|}~-])"
    r"(?:\"[^\"\r\n<>]{1,64}\"|[\w.!#$%&'*+/=?^`{|}~-]{1,128})"
    r"@(?:[^\W_](?:[\w-]{0,62}[^\W_])?(?:\.[^\W_](?:[\w-]{0,62}[^\W_])?)*|\[\d{1,3}(?:\.\d{1,3}){3}\])"
)
"""An address in prose. Local parts run to twice the allowed length, because return addresses do."""

LETTERS: Final = {
    "ß": "ss",
    "ø": "o",
    "æ": "ae",
    "œ": "oe",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ı": "i",
}
CUT_OUT: Final = re.compile(r"\.{3}|…|\*{3}")
"""Archives cut addresses short; what is left is nobody's address."""


def plain(text: str) -> str:
    """Lower case, compatibility forms resolved, no accents on Latin letters, one blank for any white space.

    Marks of other scripts are kept: without them the words would be different words.
    """
    lower = text.lower()
    if not lower.isascii():
        decomposed = re.sub("(?<=[a-z])[\u0300-\u036f]+", "", unicodedata.normalize("NFKD", lower))
        lower = unicodedata.normalize("NFKC", decomposed)
        for letter, replacement in LETTERS.items():
            lower = lower.replace(letter, replacement)
        lower = lower.replace("’", "'").replace("`", "'")
    return " ".join(lower.split())


def without_addresses(text: str) -> str:
    """The text with a sign for each address, so that a word in an address is not taken for what is said."""
    return ADDRESS.sub("@@", text)


def addresses_in(text: str) -> list[str]:
    """The addresses that a text names, in order, each once, as it spells them."""
    found: dict[str, str] = {}
    for match in ADDRESS.finditer(text):
        if address := tidy(match.group()):
            found.setdefault(address.lower(), address)
    return list(found.values())


def tidy(address: str) -> str | None:
    """An address without the marks that prose leaves on it, or None for what is none."""
    local, _, domain = address.strip().rpartition("@")
    local = local.lstrip("'`*=|/.&!#?{") if not local.startswith('"') else local
    local = re.sub(r"^(?:mailto|smtp|rfc822)=", "", local, flags=re.IGNORECASE)
    if not local or not domain or (CUT_OUT.search(local) and not local.startswith('"')):
        return None
    return f"{local}@{domain}"
