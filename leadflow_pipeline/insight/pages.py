"""A report as Markdown for the Dagster UI and as one HTML file to keep or send on.

What belongs here: putting tables, sentences and pictures on a page. What does not: counting and drawing. Pure: both
pages hold everything they show, so they need no other file.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import TypeAlias

import pandas as pd

PERCENT_COLUMNS = ("share", "conversion", "promised", "kept")
FINE_COLUMNS = ("AUC", "Brier", "log_loss", "calibration_error", "spread")
WHOLE_COLUMNS = ("expected_value",)
CENT_COLUMNS = (
    "conversions",
    "value",
    "spend",
    "cost_per_lead",
    "cost_per_acquisition",
    "return_on_ad_spend",
)
DECIMALS = {3: FINE_COLUMNS, 2: CENT_COLUMNS, 0: WHOLE_COLUMNS}
"""Of a number, where it is not 1."""
UNKNOWN = "–"
WRITTEN_NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?%?|–")
"""A text that a person reads as a number: `3`, `+0.50`, `12.4%`, or the dash of one that is not known."""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933 }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .9rem; border-bottom: 1px solid #e4e7eb; text-align: left; vertical-align: top }
.number { text-align: right; white-space: nowrap }
img { max-width: 100% }
"""


Section: TypeAlias = pd.DataFrame | str
"""What a page says under a heading: a table, or what there is to say in words; an empty line parts paragraphs."""


def markdown_page(title: str, sections: Mapping[str, Section], plots: Mapping[str, bytes]) -> str:
    """The report in Markdown, pictures inside."""
    parts = [f"## {title}"]
    for name in headings(sections, plots):
        parts.append(f"### {name}")
        if name in plots:
            parts.append(f"![{name}]({data_address(plots[name])})")
        if name in sections:
            section = sections[name]
            parts.append(
                escape(section, quote=False) if isinstance(section, str) else markdown_table(section)
            )
    return "\n\n".join(parts)


def html_page(title: str, sections: Mapping[str, Section], plots: Mapping[str, bytes]) -> str:
    """The report as one HTML file, pictures inside."""
    parts = [f"<h1>{escape(title)}</h1>"]
    for name in headings(sections, plots):
        parts.append(f"<h2>{escape(name)}</h2>")
        if name in plots:
            parts.append(f'<img alt="{escape(name)}" src="{data_address(plots[name])}">')
        if name in sections:
            section = sections[name]
            parts.append(_paragraphs(section) if isinstance(section, str) else html_table(section))
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def headings(sections: Mapping[str, Section], plots: Mapping[str, bytes]) -> list[str]:
    """The headings of a page: both orders are kept, and a picture goes with the section of its name."""
    names: dict[str, None] = {}
    waiting = list(sections)
    for name in plots:
        if name in waiting:
            before = waiting.index(name) + 1
            names |= dict.fromkeys(waiting[:before])
            waiting = waiting[before:]
        names.setdefault(name)
    return [*(names | dict.fromkeys(waiting))]


def markdown_table(table: pd.DataFrame) -> str:
    """A table in Markdown: numbers to the right, thousands separated, shares in percent."""
    text = as_text(table)
    aligned = ["---:" if is_number else "---" for is_number in are_numbers(table)]
    names, *rows = [
        [_in_a_cell(value) for value in row] for row in [list(text.columns), *text.to_numpy().tolist()]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, aligned, *rows])


def html_table(table: pd.DataFrame) -> str:
    """A table in HTML: numbers to the right, texts to the left."""
    text, kinds = as_text(table), ['class="number"' if number else "" for number in are_numbers(table)]

    def row(tag: str, values: Sequence[str]) -> str:
        cells = [f"<{tag} {kind}>{escape(value)}</{tag}>" for kind, value in zip(kinds, values, strict=True)]
        return f"<tr>{''.join(cells)}</tr>".replace(" >", ">")

    names = [row("th", list(text.columns))] if any(name.strip() for name in text.columns) else []
    rows = [row("td", values) for values in text.to_numpy().tolist()]
    return "\n".join(["<table>", *names, *rows, "</table>"])


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Every value as a person reads it."""
    return pd.DataFrame(
        {name.replace("_", " "): _column_text(name, table[name]) for name in table.columns}, dtype="object"
    )


def data_address(png: bytes) -> str:
    """A picture as an address that holds it."""
    return f"data:image/png;base64,{b64encode(png).decode('ascii')}"


def _column_text(name: str, values: pd.Series) -> pd.Series:
    if name in PERCENT_COLUMNS:
        shares = ["not known" if pd.isna(share) else f"{share:.1%}" for share in values]
        return pd.Series(shares, index=values.index, dtype="object")
    if pd.api.types.is_float_dtype(values):
        decimals = next((number for number, names in DECIMALS.items() if name in names), 1)
        written = values.map(f"{{:,.{decimals}f}}".format)
        return written.where(values.notna(), UNKNOWN)
    if pd.api.types.is_integer_dtype(values):
        return values.map("{:,d}".format)
    return values.astype(str)


def are_numbers(table: pd.DataFrame) -> list[bool]:
    """Of each column, whether it stands to the right."""
    return [
        pd.api.types.is_numeric_dtype(values)
        or (len(values) > 0 and all(WRITTEN_NUMBER.fullmatch(str(value)) for value in values))
        for _, values in table.items()
    ]


def _in_a_cell(text: str) -> str:
    """A text that neither ends its cell nor its line, and is no markup."""
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ")


def _paragraphs(text: str) -> str:
    return "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.split("\n\n"))
