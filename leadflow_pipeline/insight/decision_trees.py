"""How leads were judged, counted: what each reason led to, and how many came to each place of a decision tree.

What belongs here: the counts, the rows of a tree as one draws them, and the picture. What does not: deciding
(`qualify`), other pictures (`plots`). `read_reasons` is a door to the database that only reads; the rest is pure.

A tree is drawn as an outline, each question and each leaf a line, indented under the answer that leads to it: so it is
as wide as the page however deep it is, and every line can be read.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
from sqlalchemy import Engine, Integer, Text, case, cast, column, func, or_, select, true

from leadflow_pipeline.compound_conditions import describe_any
from leadflow_pipeline.insight.canvas import BLUE, GREY, INK, MUTED, ORANGE, canvas, nothing, png
from leadflow_pipeline.insight.summaries import share_of
from leadflow_pipeline.qualify.reasons import STATUSES
from leadflow_pipeline.qualify.trees import DecisionTree, Leaf, path_in_words
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import qualified_leads

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES_DRAWN = 120
MOST_CHARACTERS = 78
"""That fit on a line of the picture."""

TREE_CODES = ("tree_decides", "tree_hands_over")
SCORE_WORDS = {
    "score_meets_threshold": "The score meets the threshold",
    "score_in_review_band": "The score is in the review band",
    "score_below_threshold": "The score is below the review band",
    "score_not_final": "The score is too low, but may rise with what is not known yet",
    "override": "A person decided",
}
DECISION_WORDS = {
    "qualify": "QUALIFIED",
    "review": "MANUAL_REVIEW",
    "pending": "PENDING",
    "reject": "REJECTED",
    "threshold": "by the score",
}
COLOURS = {"qualify": "#2e7d4f", "review": ORANGE, "pending": MUTED, "reject": "#c0392b", "threshold": BLUE}


@dataclass(frozen=True)
class Line:
    """One question or leaf of a tree as it is drawn."""

    depth: int
    answer: str
    """That leads here; "" for the first question."""
    words: str
    decision: str
    """`then` of a leaf; "" for a question."""
    leads: int
    hidden: int = 0
    """Questions and leaves below it that are not drawn."""


def read_reasons(engine: Engine, campaign: str, before: date) -> pd.DataFrame:
    """Of each lead's latest judgement of a day before `before`: `code`, `status`, `name` (of the segment, rule or
    tree), `leaf`, `text` (where it is the same for all), `leads`.
    """
    qualified = qualified_leads.c
    latest = (
        select(qualified.lead_id, qualified.reasons)
        .where(qualified.campaign == campaign, qualified.day < before)
        .order_by(qualified.lead_id, qualified.day.desc())
        .distinct(qualified.lead_id)
        .subquery("latest")
    )
    reason = func.jsonb_array_elements(latest.c.reasons).table_valued(
        column("value", type_=qualified.reasons.type)
    )
    said = reason.c.value
    code = said["code"].astext
    differs = or_(code.startswith("score_"), code == "override")
    named = func.coalesce(said["rule"].astext, said["tree"].astext, said["segment"].astext, "")
    values = {
        "code": code,
        "status": said["status"].astext,
        "name": named,
        "leaf": func.coalesce(said["leaf"].astext, ""),
        "text": case((differs, ""), else_=said["text"].astext),
    }
    columns = [cast(value, Text).label(name) for name, value in values.items()]
    query = select(*columns, cast(func.count(), Integer).label("leads")).select_from(
        latest.join(reason, true())
    )
    with engine.connect() as connection:
        return read(connection, query.group_by(*columns).order_by(*columns))


def reason_table(reasons: pd.DataFrame, leads: int, drawn: Collection[str] = ()) -> pd.DataFrame:
    """What led where: `reason`, `leads_to`, `leads`, `share` of all leads; what weighs most first.

    Takes what `read_reasons` gives. Trees that are `drawn` have a table of their own.
    """
    of_trees = reasons["code"].isin(TREE_CODES)
    reasons = reasons[~(of_trees & reasons["name"].isin(list(drawn)))]
    words = reasons["code"].map(SCORE_WORDS).fillna(reasons["text"])
    segments = reasons["name"].where(reasons["code"].str.startswith("score_"), "")
    words = words + segments.map(lambda name: f", by the lines of {name}" if name else "")
    table = pd.DataFrame(
        {
            "reason": words.astype("str"),
            "leads_to": reasons["status"].astype("str"),
            "leads": reasons["leads"].astype("int64"),
            "share": share_of(reasons["leads"].astype("float64"), leads),
        }
    )
    weight = table["leads_to"].map({status: -place for place, status in enumerate(STATUSES)})
    order = table.assign(weight=weight).sort_values(
        ["weight", "leads", "reason"], ascending=[True, False, True], kind="stable"
    )
    return table.loc[order.index].reset_index(drop=True)


def leads_at(tree: DecisionTree, reasons: pd.DataFrame) -> dict[str, int]:
    """How many leads came to each leaf of a tree, by the leaf's name; `""`: to leaves that it has no more."""
    reached = reasons[reasons["code"].isin(TREE_CODES) & (reasons["name"] == tree.name)]
    counts = dict.fromkeys((*(end.name for end in tree.ends()), ""), 0)
    for leaf, leads in reached.groupby("leaf")["leads"].sum().items():
        counts[str(leaf) if leaf in counts else ""] += int(leads)
    return counts


def leaf_table(tree: DecisionTree, counts: Mapping[str, int]) -> pd.DataFrame:
    """Each leaf: `leads_that_answer` (the way there), `decision`, `because`, `leads`, `share`."""
    rows = [
        (path_in_words(tree, end), DECISION_WORDS[end.leaf.then], end.leaf.because, counts[end.name])
        for end in tree.ends()
    ]
    if counts[""]:
        rows.append(("(leaves of an earlier version of the tree)", "", "", counts[""]))
    table = pd.DataFrame(rows, columns=["leads_that_answer", "decision", "because", "leads"])
    return table.assign(share=share_of(table["leads"], int(table["leads"].sum())))


def lines_of(tree: DecisionTree, counts: Mapping[str, int], most: int = MOST_LINES_DRAWN) -> list[Line]:
    """The tree from top to bottom. One of more than `most` lines is unfolded where the most leads are."""
    totals = _totals(tree, counts)
    unfolded = _unfolded(tree, totals, most)

    def below(name: str, depth: int, answer: str) -> list[Line]:
        question = tree.questions[name]
        words = f"{describe_any(question.when)}?"
        if name not in unfolded:
            return [Line(depth, answer, words, "", totals[name], hidden=_size(tree, name) - 1)]
        lines = [Line(depth, answer, words, "", totals[name])]
        for next_answer, branch in question.branches():
            if isinstance(branch, Leaf):
                leads = counts[f"{name}.{next_answer}"]
                lines.append(Line(depth + 1, next_answer, branch.because, branch.then, leads))
            else:
                lines += below(branch, depth + 1, next_answer)
        return lines

    return below(tree.first, 0, "")


def plot_decision_tree(tree: DecisionTree, counts: Mapping[str, int]) -> bytes:
    """The tree as an outline, with the leads that came to each question and leaf (`leads_at`)."""
    lines = lines_of(tree, counts)
    figure, axes = canvas(f"Decision tree: {tree.name}", "", height=0.9 + 0.25 * len(lines))
    total = lines[0].leads
    if not total:
        return nothing(figure, axes, "no lead has been judged by this tree yet")
    axes.set_axis_off()
    axes.set_xlim(0, 100)
    axes.set_ylim(len(lines) - 0.4, -0.8)
    _draw_connectors(axes, lines)
    for row, line in enumerate(lines):
        left = _left(line.depth)
        colour = COLOURS.get(line.decision, INK)
        answer = f"{line.answer}: " if line.answer else ""
        decision = f"{DECISION_WORDS[line.decision]}, " if line.decision else ""
        more = f"  (+ {line.hidden} lines)" if line.hidden else ""
        text = (
            _shortened(f"{answer}{decision}{line.words}", MOST_CHARACTERS - 2 * line.depth - len(more)) + more
        )
        if line.decision:
            axes.plot([left + 0.7], [row], marker="o", color=colour, markersize=5, clip_on=False)
        axes.text(
            left + (2 if line.decision else 0), row, text, va="center", fontsize=8.5, color=colour,
            fontweight="bold" if not line.decision else "normal", parse_math=False,
        )  # fmt: skip
        length = 12 * line.leads / total
        axes.barh([row], [length], left=82, height=0.55, color=colour if line.decision else GREY)
        axes.text(
            82.6 + length, row, f"{line.leads:,} ({line.leads / total:.0%})",
            va="center", fontsize=8, color=INK, clip_on=False,
        )  # fmt: skip
    return png(figure)


def _draw_connectors(axes: Axes, lines: list[Line]) -> None:
    """From each question down to what its answers lead to."""
    parents: dict[int, int] = {}
    for row, line in enumerate(lines):
        parents[line.depth] = row
        if line.depth:
            trunk = _left(line.depth - 1) + 0.7
            start = parents[line.depth - 1] + 0.4
            axes.plot([trunk, trunk, _left(line.depth) - 0.2], [start, row, row], color=GREY, linewidth=0.9)


def _left(depth: int) -> float:
    """Where a line begins, on a page that is 100 wide."""
    return 2.4 * depth


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _totals(tree: DecisionTree, counts: Mapping[str, int]) -> dict[str, int]:
    """How many leads came to each question."""
    totals = dict.fromkeys(tree.questions, 0)
    for end in tree.ends():
        for question, _ in end.path:
            totals[question] += counts[end.name]
    return totals


def _size(tree: DecisionTree, name: str) -> int:
    """Lines of a question and of all that is below it."""
    branches = [branch for _, branch in tree.questions[name].branches()]
    return 1 + sum(1 if isinstance(branch, Leaf) else _size(tree, branch) for branch in branches)


def _unfolded(tree: DecisionTree, totals: Mapping[str, int], most: int) -> set[str]:
    """The questions whose answers are drawn: those that the most leads came to, as long as there is room."""
    unfolded: set[str] = set()
    waiting = [(-totals[tree.first], tree.first)]
    lines = 1
    while waiting:
        _, name = heapq.heappop(waiting)
        branches = [branch for _, branch in tree.questions[name].branches()]
        if lines + len(branches) > most:
            continue
        unfolded.add(name)
        lines += len(branches)
        for branch in branches:
            if not isinstance(branch, Leaf):
                heapq.heappush(waiting, (-totals[branch], branch))
    return unfolded
