"""Markup of a mail as plain lines, in which what was quoted begins with `>` as it does in plain mails.

What belongs here: HTML as mail programs write it. What does not: which of the lines are quoted. Pure.
"""

from __future__ import annotations

import re
from html import unescape

TOKEN = re.compile(r"<[!?][^<>]*>|<(/?)([a-zA-Z][a-zA-Z0-9:]*)([^<>]*)>|([^<]+)|<")
UNSEEN = frozenset(("head", "style", "script", "title", "template"))
BLOCKS = frozenset(
    ("p", "div", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "section",
     "article", "header", "footer", "hr", "body", "center", "dl", "dt", "dd")
)  # fmt: skip
MARGINS = frozenset(("p", "ul", "ol", "h1", "h2", "h3", "blockquote", "pre"))
SEPARATOR = re.compile(
    r"""id\s*=\s*["']?(?:divRplyFwdMsg|appendonsend|reply-intro|OLK_SRC_BODY_SECTION|mailcontent|isForwardContent)"""
    r"""|border(?:-top)?\s*:\s*(?:none\s*;\s*border-top\s*:\s*)?solid\s+\#(?:b5c4df|e1e1e1|cccccc)"""
    r"""|class\s*=\s*["']?(?:gmail_quote_container|moz-cite-prefix|yahoo_quoted|protonmail_quote|OutlookMessageHeader)""",
    re.IGNORECASE,
)
"""Attributes that mail programs give to what they put above a mail that is answered."""
LINE_ABOVE = "\x1d"
"""Stands in the text where a program put its line above the mail that is answered."""


def text_of_html(html: str) -> str:
    """The text that a person sees, line by line."""
    lines: list[str] = [""]
    unseen = depth = kept_as_it_is = 0
    for match in TOKEN.finditer(_without_comments(html)):
        closes, name, attributes, text = match.groups()
        if name is None:
            for number, line in enumerate(_pieces(text or "", kept_as_it_is > 0) if not unseen else ()):
                if number:
                    _break(lines, depth)
                _write(lines, line, depth)
            continue
        name = name.lower()
        if name in UNSEEN:
            unseen = max(0, unseen + (-1 if closes else 0 if attributes.endswith("/") else 1))
        elif unseen:
            continue
        elif name == "br":
            _break(lines, depth)
        elif name == "li" and not closes:
            _new_line(lines, depth)
            lines[-1] += "- "
        elif name in BLOCKS:
            _new_line(lines, depth)
            if name in MARGINS:
                _margin(lines, depth)
            if name == "pre":
                kept_as_it_is = max(0, kept_as_it_is + (-1 if closes else 1))
            if name == "blockquote":
                depth = max(0, min(50, depth + (-1 if closes else 1)))
                lines[-1] = _quoted("", depth)
        elif name in ("td", "th") and closes:
            lines[-1] += " "
        if attributes and not closes and SEPARATOR.search(attributes):
            _new_line(lines, depth)
            lines[-1] += LINE_ABOVE
            _break(lines, depth)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")


def _without_comments(html: str) -> str:
    """Without comments; one that is not closed goes on to the end."""
    kept, place = [], 0
    while (start := html.find("<!--", place)) >= 0:
        kept.append(html[place:start])
        end = html.find("-->", start)
        if end < 0:
            return "".join(kept)
        place = end + 3
    return "".join(kept) + html[place:]


def _pieces(text: str, has_lines: bool) -> list[str]:
    return text.splitlines() if has_lines else [text]


def _quoted(text: str, depth: int) -> str:
    return ">" * depth + " " + text if depth else text


def _write(lines: list[str], text: str, depth: int) -> None:
    words = re.sub(r"[ \t\r\n\f]+", " ", unescape(text)).replace("\xa0", " ")
    if lines[-1] in ("", _quoted("", depth)) or lines[-1].endswith(" "):
        words = words.lstrip(" ")
    lines[-1] += words


def _break(lines: list[str], depth: int) -> None:
    lines.append(_quoted("", depth))


def _new_line(lines: list[str], depth: int) -> None:
    """Begins a line, unless nothing stands in this one."""
    if lines[-1].strip("> "):
        _break(lines, depth)


def _margin(lines: list[str], depth: int) -> None:
    """Leaves a line empty above, as a browser does around a paragraph."""
    if len(lines) > 1 and lines[-2].strip("> "):
        _break(lines, depth)
