"""Decision trees as a campaign file declares them: questions with branches, and leaves that decide.

What belongs here: the model and what makes a tree sound, its paths, and the leaf that each lead comes to. What does
not: what a leaf's verdict weighs (`plan`), which branches no lead could take (`reachability`), drawing (`insight`).

Questions have names and stand one below the other, so that a tree of fifty can be read and compared with its last
version. Each question but the first is led to by exactly one branch: so every leaf has one path, and the path is the
explanation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from leadflow_pipeline.compound_conditions import AnyCondition, describe_any, evaluate_any, fields_asked

MOST_QUESTIONS = 500
DEEPEST = 20
"""Questions from the first to a leaf. Nobody follows more, and each costs a pass over its leads."""

ANSWERS: tuple[str, ...] = ("yes", "no", "unknown")


class Leaf(BaseModel):
    """Where a tree ends: what is decided, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    then: Literal["qualify", "review", "pending", "reject", "threshold"] = Field(
        description="threshold: the score decides, as if there were no tree"
    )
    because: str = Field(pattern=r"\S", description="in words, for whoever asks why")


def _kind_of(value: Any) -> str:
    return "question" if isinstance(value, str) else "leaf"


Branch: TypeAlias = Annotated[
    Annotated[str, Tag("question")] | Annotated[Leaf, Tag("leaf")], Discriminator(_kind_of)
]
"""The name of the next question, or a leaf."""


class Question(BaseModel):
    """A condition, and where each answer leads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: AnyCondition
    yes: Branch
    no: Branch
    unknown: Branch | None = Field(None, description="needed wherever the answer may be unknown")

    def branches(self) -> Iterator[tuple[str, Branch]]:
        """Answer and branch."""
        yield "yes", self.yes
        yield "no", self.no
        if self.unknown is not None:
            yield "unknown", self.unknown


@dataclass(frozen=True)
class End:
    """A leaf in its place."""

    path: tuple[tuple[str, str], ...]
    """Question and answer, from the first to the last."""
    leaf: Leaf

    @property
    def name(self) -> str:
        """`question.answer` of the last question: of its own in the tree."""
        return ".".join(self.path[-1])


class DecisionTree(BaseModel):
    """Questions that lead every lead to one decision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"\S")
    first: str = Field(description="the question that every lead is asked")
    questions: dict[str, Question] = Field(min_length=1, max_length=MOST_QUESTIONS)

    @model_validator(mode="after")
    def every_branch_ends(self) -> DecisionTree:
        """Refuses a branch to nowhere, a question with two ways to it or none, and one too deep to follow."""
        ways: dict[str, str] = {self.first: "`first`"}
        if self.first not in self.questions:
            raise ValueError(f"the tree begins with {self.first}, and has no such question")
        for name, question in self.questions.items():
            for answer, branch in question.branches():
                if isinstance(branch, Leaf):
                    continue
                if branch not in self.questions:
                    raise ValueError(f"{name}.{answer} leads to {branch}, and there is no such question")
                if branch in ways:
                    raise ValueError(
                        f"{name}.{answer} and {ways[branch]} both lead to {branch}: a question has one way to it; "
                        "give a copy another name"
                    )
                ways[branch] = f"{name}.{answer}"
        asked = {name for path in self._paths_of_questions() for name in path}
        lost = [name for name in self.questions if name not in asked]
        if lost:
            raise ValueError(f"no lead comes to {', '.join(lost)}: lead a branch there, or remove it")
        return self

    def _paths_of_questions(self) -> Iterator[list[str]]:
        """Each question's path from the first, which is finite because no question has two ways to it."""
        waiting = [[self.first]]
        while waiting:
            path = waiting.pop()
            if len(path) > DEEPEST:
                raise ValueError(f"{path[-1]} is question {len(path)} on its path: {DEEPEST} are the most")
            yield path
            waiting += [
                [*path, branch]
                for _, branch in self.questions[path[-1]].branches()
                if not isinstance(branch, Leaf)
            ]

    def ends(self) -> list[End]:
        """Every leaf with its path: yes before no before unknown, as one reads the tree."""
        return list(self._ends_from(self.first, ()))

    def _ends_from(self, name: str, path: tuple[tuple[str, str], ...]) -> Iterator[End]:
        for answer, branch in self.questions[name].branches():
            here = (*path, (name, answer))
            if isinstance(branch, Leaf):
                yield End(here, branch)
            else:
                yield from self._ends_from(branch, here)

    def fields_asked(self) -> list[str]:
        """The fields that its questions ask for, each once."""
        asked = [field for question in self.questions.values() for field in fields_asked(question.when)]
        return list(dict.fromkeys(asked))


def ends_reached(tree: DecisionTree, fields: pd.DataFrame) -> npt.NDArray[np.int64]:
    """For each lead the position in `tree.ends()` of the leaf that it comes to.

    `fields` has the columns of `tree.fields_asked()`. Every question is asked once, of the leads that come to it, by
    column. A question whose answer is unknown where the tree says nothing of that is answered no: `campaign` refuses
    such a tree.
    """
    position = {(end.path[-1]): number for number, end in enumerate(tree.ends())}
    reached = np.full(len(fields), -1, dtype="int64")
    waiting: list[tuple[str, npt.NDArray[np.int64]]] = [(tree.first, np.arange(len(fields)))]
    while waiting:
        name, leads = waiting.pop()
        question = tree.questions[name]
        asked = fields[fields_asked(question.when)]
        verdict = evaluate_any(question.when, asked if len(leads) == len(fields) else asked.take(leads))
        yes, unknown = (
            verdict.fillna(False).to_numpy(dtype=bool),
            verdict.isna().to_numpy() & (question.unknown is not None),
        )
        answers = {"yes": yes, "no": ~yes & ~unknown, "unknown": unknown}
        for answer, branch in question.branches():
            taken = leads[answers[answer]]
            if isinstance(branch, Leaf):
                reached[taken] = position[name, answer]
            elif len(taken):
                waiting.append((branch, taken))
    return reached


def path_in_words(tree: DecisionTree, end: End) -> str:
    """The questions and answers that lead to a leaf, e.g. `company size is at least 50: yes; budget is known: no`."""
    return "; ".join(
        f"{describe_any(tree.questions[question].when)}: {answer}" for question, answer in end.path
    )
