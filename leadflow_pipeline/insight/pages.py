"""A campaign's report as Markdown for the Dagster UI and as one HTML file to keep or send on.

What belongs here: putting tables and pictures on a page. What does not: counting and drawing. Pure: both
pages hold everything they show, so they need no other file.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from html import escape

import pandas as pd

PERCENT_COLUMNS = ("share", "conversion")
CENT_COLUMNS = (
    "conversions",
    "value",
    "spend",
    "cost_per_lead",
    "cost_per_acquisition",
    "return_on_ad_spend",
)
UNKNOWN = "–"

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933 }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .9rem; border-bottom: 1px solid #e4e7eb; text-align: right }
th:first-child, td:first-child { text-align: left }
img { max-width: 100% }
"""


def markdown_page(title: str, tables: Mapping[str, pd.DataFrame], plots: Mapping[str, bytes]) -> str:
    """The report in Markdown, pictures inside."""
    pictures = [f"![{name}]({data_address(png)})" for name, png in plots.items()]
    sections = [f"### {name}\n\n{markdown_table(table)}" for name, table in tables.items()]
    return "\n\n".join([f"## {title}", *pictures, *sections])


def html_page(title: str, tables: Mapping[str, pd.DataFrame], plots: Mapping[str, bytes]) -> str:
    """The report as one HTML file, pictures inside."""
    pictures = [f'<img alt="{escape(name)}" src="{data_address(png)}">' for name, png in plots.items()]
    sections = [
        f"<h2>{escape(name)}</h2>\n{as_text(table).to_html(index=False, border=0)}"
        for name, table in tables.items()
    ]
    body = "\n".join([f"<h1>{escape(title)}</h1>", *pictures, *sections])
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def markdown_table(table: pd.DataFrame) -> str:
    """A table in Markdown: numbers to the right, thousands separated, shares in percent."""
    text = as_text(table)
    aligned = ["---:" if pd.api.types.is_numeric_dtype(kind) else "---" for kind in table.dtypes]
    lines = [list(text.columns), aligned, *text.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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
        written = values.map(("{:,.2f}" if name in CENT_COLUMNS else "{:,.1f}").format)
        return written.where(values.notna(), UNKNOWN)
    if pd.api.types.is_integer_dtype(values):
        return values.map("{:,d}".format)
    return values.astype(str)
