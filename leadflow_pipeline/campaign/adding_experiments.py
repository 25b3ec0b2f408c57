"""Another experiment in the text of a campaign file, and all the rest as its author wrote it. Pure.

What belongs here: finding the place and writing there. What does not: whether the experiment is good (`parse`), and
making the new version (`versions`).

The text is read again afterwards, and has to say what it said before and the experiment: a file that is written in a
way that nobody thought of is refused, never changed into something else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, SequenceNode

from leadflow_pipeline.campaign.document import Document, read_document
from leadflow_pipeline.campaign.problems import CampaignError, Problem
from leadflow_pipeline.errors import PermanentError

SECTION = "experiments"
NAME = "campaign file"


class AlreadyDeclared(PermanentError):
    """The file has an experiment of this key."""


def with_experiment(text: str, declared: Mapping[str, Any]) -> str:
    """The text of a campaign file with one more experiment, the last of its section.

    `declared` is what the file would say of it, as JSON has it. Raises CampaignError where the text is no campaign
    file, or is written so that nothing can be added to it by a program, and AlreadyDeclared for a key that it has.
    """
    before = read_document(text, NAME)
    if any(isinstance(each, dict) and each.get("key") == declared.get("key") for each in _declared(before)):
        raise AlreadyDeclared("the campaign declares an experiment of this key already: choose another key")
    wanted = _with(before, declared)
    for tried in _tries(text, declared):
        try:
            after = read_document(tried, NAME)
        except CampaignError:
            continue
        if after.content == wanted and not after.problems:
            return tried
    raise CampaignError(
        NAME,
        [
            Problem(
                before.lines.get((SECTION,), 1),
                (SECTION,),
                "is written so that no program can add to it",
                "add the experiment by hand, and register the file",
            )
        ],
    )


def _with(before: Document, declared: Mapping[str, Any]) -> dict[str, Any]:
    return {**before.content, SECTION: [*_declared(before), dict(declared)]}


def _declared(before: Document) -> list[Any]:
    section = before.content.get(SECTION)
    return section if isinstance(section, list) else []


def _tries(text: str, declared: Mapping[str, Any]) -> Iterator[str]:
    """The text with the experiment in each place where it may belong."""
    text = text.removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    key, section = _section(text)
    if section is None:
        yield "".join([*lines, f"{SECTION}:\n", *_item(declared, 2)])
    elif isinstance(section, SequenceNode) and not section.flow_style:
        # The node ends where the next key begins: what stands in between, comments and empty lines, is that key's.
        end, column = section.end_mark.line, section.start_mark.column
        last = end
        while last > 0 and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
            last -= 1
        for place in dict.fromkeys((last, end, len(lines))):
            yield "".join([*lines[:place], *_item(declared, column), *lines[place:]])
    elif isinstance(section, SequenceNode):
        begin, end = section.start_mark.index, section.end_mark.index - 1
        separator = ", " if section.value else ""
        yield f"{text[:end]}{separator}{json.dumps(declared, ensure_ascii=False)}{text[end:]}"
        yield f"{text[:begin]}[{json.dumps(declared, ensure_ascii=False)}]{text[end + 1 :]}"
    elif key is not None:
        # `experiments:` with nothing after it.
        yield "".join([*lines[: key + 1], *_item(declared, 2), *lines[key + 1 :]])


def _section(text: str) -> tuple[int | None, Any]:
    """The line of the section's key, and its node; None where there is none."""
    root = YAML(typ="safe", pure=True).compose(text)
    if isinstance(root, MappingNode):
        for key, value in root.value:
            if key.value == SECTION:
                return key.start_mark.line, value
    return None, None


def _item(declared: Mapping[str, Any], column: int) -> list[str]:
    """The experiment as an item of a list, indented."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    stream = io.StringIO()
    yaml.dump(json.loads(json.dumps(declared)), stream)
    indent = " " * column
    written = stream.getvalue().splitlines()
    return [f"{indent}{'- ' if number == 0 else '  '}{line}\n" for number, line in enumerate(written)]
