"""YAML and its traps: what stays text, what is refused, and that nothing but content counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline.campaign.document import read_document
from leadflow_pipeline_tests.samples import minimal_campaign_text


def content(text: str) -> Any:
    document = read_document(text, "spring.yaml")
    assert not document.problems
    return document.content


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"), ("no", "no"), ("yes", "yes"), ("on", "on"), ("y", "y"),
        ("true", True), ("False", False),
        ("2026-05-31", "2026-05-31"), ("09:00", "09:00"), ("1:30", "1:30"),
        ("01234", "01234"), ("0o14", "0o14"),
        ("0x1F", "0x1F"), ("1_000", "1_000"), (".inf", ".inf"), (".nan", ".nan"), ("5", 5), ("-2.50", -2.5),
        ("5.0", 5), ("1e3", 1000), ("1e999", "1e999"), ("'5'", "5"), ("~", None), ("", None), ("null", None),
        ("!!str 5", "5"), ("+49 30 1", "+49 30 1"), ("9" * 30, "9" * 30),
    ],
)  # fmt: skip
def test_only_what_can_mean_nothing_else_is_no_text(written: str, value: object) -> None:
    read = content(f"key: {written}\n")["key"]

    assert read == value
    assert type(read) is type(value)


def test_norway_is_a_country() -> None:
    extra = """
        qualification:
          filters:
            - {name: Nordic, field: country, one_of: [NO, SE, DK]}
        """

    rules = parse_campaign(minimal_campaign_text(extra=extra), "spring.yaml").qualification

    assert rules.filters[0].one_of == ("NO", "SE", "DK")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "spring.yaml:1: is empty"),
        ("# only a comment\n", "spring.yaml:1: is empty"),
        ("\ufeff", "spring.yaml:1: is empty"),
        ("- campaign: x\n", "spring.yaml:1: must be a mapping of keys"),
        ("just words", "spring.yaml:1: must be a mapping of keys"),
        ("a: 1\nb:\n\t- x\n", r"spring.yaml:3: cannot be read as YAML: found character '\t' that cannot"),
        ("a: 1\nb: c: d\n", "spring.yaml:2: cannot be read as YAML: mapping values are not allowed here"),
        ("a: [1, 2\n", "spring.yaml:2: cannot be read as YAML: expected ',' or ']'"),
        ("a: 'x\n", "spring.yaml:2: cannot be read as YAML: found unexpected end of stream"),
        ("a: 1\nb: x\x00y\n", "spring.yaml:2: cannot be read as YAML: unacceptable character #x0000"),
        ("a: *nowhere\n", "spring.yaml:1: cannot be read as YAML: found undefined alias 'nowhere'"),
        ("a: 1\n---\nb: 2\n", "spring.yaml:2: cannot be read as YAML: but found another document"),
        ("[" * 600, "spring.yaml:1: is nested deeper than 20 levels"),
        ("a: " + "[" * 40 + "]" * 40, "spring.yaml:1: a[0][0]: is larger than 20 levels"),
        ("a: &a [*a]\n", "spring.yaml:1: a[0][0]: is larger than 20 levels"),
        ("? [a, b]\n: 1\n", "spring.yaml:1: has a key that is no text"),
        ("a: {<<: 5}\n", "spring.yaml:1: << must name another mapping"),
        ("x" * 1_000_001, "spring.yaml:1: is larger than 1,000,000 bytes"),
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_read_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(CampaignError) as refused:
        read_document(text, "spring.yaml")

    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "spring.yaml:3: a: is given twice, first on line 1; keep one of them"),
        ("a: !!python/object:os.system x\n", "spring.yaml:1: a: has the tag !!python/object:os.system"),
        ('a: "x\\0y"\n', "spring.yaml:1: a: holds a character that cannot be printed"),
        ('a: "\\ud800"\n', "spring.yaml:1: a: holds a character that cannot be printed"),
    ],
)
def test_what_is_wrong_further_in_does_not_hide_the_rest(text: str, said: str) -> None:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(text, "spring.yaml")

    told = str(refused.value)
    assert said in told
    assert "postal_address: is required but missing" in told


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    levels = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)]
    bomb = "a0: &a0 lol\n" + "\n".join(levels) + "\n"

    with pytest.raises(CampaignError, match=r"larger than 50,000 values; use fewer aliases"):
        read_document(bomb, "bomb.yaml")


def test_aliases_and_merged_keys_say_what_they_name() -> None:
    text = (
        "base: &base {a: 1, b: [x]}\none: {<<: *base, b: y}\ntwo: {b: z, <<: [*base, {c: 3}]}\nlist: *base\n"
    )

    read = content(text)

    assert read["one"] == {"b": "y", "a": 1}
    assert read["two"] == {"b": "z", "a": 1, "c": 3}
    assert read["list"] == read["base"]


def test_only_content_counts() -> None:
    text = minimal_campaign_text()
    key = read_document(text, "a").content_key

    assert read_document("\ufeff# hello\n" + text.replace("\n", "\r\n"), "b").content_key == key
    assert read_document(text.replace("weight: 2", "weight:   2.0  # two"), "b").content_key == key
    assert read_document(text.replace("Europe/Berlin", "'Europe/Berlin'"), "b").content_key == key
    assert read_document(text.replace("weight: 2", "weight: 2.5"), "b").content_key != key
    assert read_document(text.replace("weight: 2", "weight: '2'"), "b").content_key != key


PLAIN_TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=12
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | PLAIN_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(PLAIN_TEXT, PLAIN, min_size=1, max_size=4))
@settings(max_examples=100)
def test_json_is_yaml_and_is_read_as_it_was_meant(written: dict[str, Any]) -> None:
    text = json.dumps(written)

    document = read_document(text, "spring.json")

    assert document.content == written
    assert document.problems == []
    assert document.content_key == read_document(f"# more\n{json.dumps(written, indent=2)}", "x").content_key
