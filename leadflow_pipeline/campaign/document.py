"""YAML text to a plain document that remembers on which line each value stands.

What belongs here: YAML, its traps and its limits. What does not: what a campaign may say.

Read as YAML 1.2, and more cautiously where plain words are taken for something else: only `true`, `false`,
`null` and decimal numbers are not text. So `NO` (Norway) and `on` stay words, `2026-05-31` and `09:00` stay
as written, and `01234` keeps its zero.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from leadflow_pipeline.campaign.problems import CampaignError, Path, Problem

MOST_BYTES = 1_000_000
MOST_VALUES = 50_000
"""Values after aliases are followed: a few lines of aliases of aliases could otherwise become billions."""
MOST_LEVELS = 20

YAML_TAG = "tag:yaml.org,2002:"
PLAIN_TAGS = {YAML_TAG + name for name in ("null", "bool", "int", "float", "timestamp", "str", "seq", "map")}
MERGE_TAG = YAML_TAG + "merge"

NULL = re.compile(r"~|null|Null|NULL|")
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
WHOLE_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
FRACTION = re.compile(r"[-+]?(\.[0-9]{1,20}|(0|[1-9][0-9]{0,17})(\.[0-9]{0,20})?)([eE][-+]?[0-9]{1,2})?")
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass
class Document:
    """The content of a campaign file, as plain Python values, and the line of each (from 1)."""

    content: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    block_lines: dict[Path, int] = field(default_factory=dict)
    """The line on which the text of a `|` block begins: its lines are those of the file."""
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, message: str, remedy: str = "", *, text_line: int = 1) -> Problem:
        """A problem at a path, on that path's line (or its nearest parent's).

        `text_line` counts lines within a text.
        """
        known = path
        while known not in self.lines and known:
            known = known[:-1]
        line = self.lines.get(known, 1)
        if known in self.block_lines:
            line = self.block_lines[known] + text_line - 1
        return Problem(line, path, message, remedy)

    def value_at(self, path: Path) -> Any:
        """The value at a path; None where there is none."""
        value: Any = self.content
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    @property
    def canonical_text(self) -> str:
        """The content as JSON with sorted keys: the same for every way of writing the same content."""
        return json.dumps(self.content, sort_keys=True, separators=(",", ":"))

    @property
    def content_key(self) -> str:
        """SHA-256 of the content: comments, white space, quotes and the order of keys do not change it."""
        return hashlib.sha256(self.canonical_text.encode()).hexdigest()


def read_document(text: str, name: str) -> Document:
    """The document in a YAML text. `name` is the file's, for messages.

    Raises CampaignError where the text is no YAML, or its root is no mapping. What is wrong further in (a key
    given twice) is in `problems`.
    """
    text = text.removeprefix("\ufeff")
    if len(text.encode(errors="surrogatepass")) > MOST_BYTES:
        raise CampaignError(
            name,
            [
                Problem(
                    1, (), f"is larger than {MOST_BYTES:,} bytes", "a campaign file holds rules, not leads"
                )
            ],
        )
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise CampaignError(name, [_syntax_problem(error)]) from None
    except YAMLError as error:
        raise CampaignError(name, [_character_problem(text, str(error))]) from None
    except RecursionError:
        raise CampaignError(name, [Problem(1, (), f"is nested deeper than {MOST_LEVELS} levels")]) from None
    if root is None:
        raise CampaignError(
            name, [Problem(1, (), "is empty", "see `leadflow campaign schema` for what it may say")]
        )
    if not isinstance(root, MappingNode):
        raise CampaignError(
            name, [Problem(1, (), "must be a mapping of keys", "begin it with `campaign: my-slug`")]
        )
    document = Document()
    document.content = _Reader(document, name).mapping(root, ())
    return document


def _syntax_problem(error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = (error.problem or error.context or "is no YAML").replace("\t", r"\t")
    remedy = "indent with spaces" if r"\t" in message else "check indentation, colons, brackets and quotes"
    if "mapping values are not allowed" in message:
        remedy = "check the indentation, and put a text that has a colon in quotes"
    return Problem(mark.line + 1 if mark else 1, (), f"cannot be read as YAML: {message}", remedy)


def _character_problem(text: str, message: str) -> Problem:
    found = UNPRINTABLE.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found else 1
    return Problem(line, (), f"cannot be read as YAML: {message.splitlines()[0]}", "remove the character")


class _Reader:
    """Turns YAML nodes into plain values, noting lines and problems in a document."""

    def __init__(self, document: Document, name: str) -> None:
        self.document = document
        self.name = name
        self.values = 0

    def value(self, node: Node, path: Path) -> Any:
        """The plain value of a node. Raises CampaignError where aliases make it grow without end."""
        self.values += 1
        if self.values > MOST_VALUES or len(path) > MOST_LEVELS:
            limit = f"{MOST_VALUES:,} values" if self.values > MOST_VALUES else f"{MOST_LEVELS} levels"
            raise CampaignError(
                self.name, [self.document.problem(path[:3], f"is larger than {limit}", "use fewer aliases")]
            )
        tag = node.tag or ""
        if tag not in PLAIN_TAGS:
            self.report(path, f"has the tag {tag.replace(YAML_TAG, '!!')}", "remove it: values are plain")
            return None
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return self.sequence(node, path)
        return self.scalar(cast(ScalarNode, node), path)

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        """Keys are text as written. A key given twice is a problem; `<<` adds keys that are not given."""
        content: dict[str, Any] = {}
        for key, value in self.merged(node):
            word = self.printable(key.value, path)
            here = (*path, word)
            if word in content:
                first = self.document.lines[here]
                self.document.lines[here] = key.start_mark.line + 1
                self.report(here, f"is given twice, first on line {first}", "keep one of them")
                continue
            self.document.lines[here] = key.start_mark.line + 1
            content[word] = self.value(value, here)
        return content

    def merged(self, node: MappingNode) -> Iterator[tuple[ScalarNode, Node]]:
        """The entries of a mapping, then those of the mappings that `<<` names."""
        own = [(key, value) for key, value in node.value if key.tag != MERGE_TAG]
        names = set()
        for key, value in own:
            if not isinstance(key, ScalarNode):
                raise CampaignError(
                    self.name,
                    [Problem(key.start_mark.line + 1, (), "has a key that is no text", "use a plain word")],
                )
            names.add(key.value)
            yield key, value
        for key, value in node.value:
            if key.tag != MERGE_TAG:
                continue
            for other in value.value if isinstance(value, SequenceNode) else [value]:
                if not isinstance(other, MappingNode) or other is node:
                    raise CampaignError(
                        self.name, [Problem(key.start_mark.line + 1, (), "<< must name another mapping")]
                    )
                inherited = [
                    (k, v) for k, v in other.value if isinstance(k, ScalarNode) and k.value not in names
                ]
                names.update(k.value for k, _ in inherited)
                yield from inherited

    def sequence(self, node: SequenceNode, path: Path) -> list[Any]:
        """The items in order."""
        items = []
        for position, item in enumerate(node.value):
            here = (*path, position)
            self.document.lines[here] = item.start_mark.line + 1
            items.append(self.value(item, here))
        return items

    def scalar(self, node: ScalarNode, path: Path) -> str | int | float | bool | None:
        """Text, unless it is plain and can only mean null, a truth value or a decimal number."""
        text = str(node.value)
        if node.style == "|":
            self.document.block_lines[path] = node.start_mark.line + 2
        text = self.printable(text, path)
        if node.style is not None or node.tag == YAML_TAG + "str":
            return text
        if NULL.fullmatch(text):
            return None
        if text in TRUTH:
            return TRUTH[text]
        if WHOLE_NUMBER.fullmatch(text):
            return int(text)
        if FRACTION.fullmatch(text):
            number = float(text)
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        return text

    def printable(self, text: str, path: Path) -> str:
        """The text without control and half characters, which no database or header would take."""
        tidy = UNPRINTABLE.sub("", text)
        if tidy != text:
            self.report(path, "holds a character that cannot be printed", "remove it")
        return tidy

    def report(self, path: Path, message: str, remedy: str) -> None:
        """Notes a problem that does not keep the rest from being read."""
        self.document.problems.append(self.document.problem(path, message, remedy))
