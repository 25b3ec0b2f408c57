"""Mistakes in the qualification section, each with its line, its path and a remedy."""

from __future__ import annotations

import pytest

from leadflow_pipeline.campaign import CampaignError, campaign_json_schema, differences, parse_campaign
from leadflow_pipeline_tests.samples import minimal_campaign_text

SECTION = """
qualification:
  threshold: 60
  segments:
    - {name: enterprise, when: {field: company_size, at_least: 1000}, threshold: 45, review_band: 5}
  rules:
    - name: no farms
      when: {field: industry, one_of: [farming]}
      then: reject
      if_unknown: pass
    - name: asked for us
      when:
        all:
          - {field: engagement, at_least: 50}
          - any:
              - {field: is_decision_maker, equals: true}
              - not: {field: custom.plan, equals: gold}
      then: qualify
      if_unknown: review
  trees:
    - name: fit first
      first: size
      questions:
        size:
          when: {field: company_size, at_least: 50}
          yes: budget
          no: {then: reject, because: too small for us}
          unknown: score
        budget:
          when: {field: budget, at_least: 5000}
          yes: {then: qualify, because: can pay}
          no: {then: review, because: maybe later}
          unknown: {then: threshold, because: the score tells}
        score:
          when: {field: score, at_least: 70}
          yes: {then: review, because: somebody should ask}
          no: {then: pending, because: nothing is known}
"""


def refusal(old: str, new: str) -> str:
    assert old in SECTION
    with pytest.raises(CampaignError) as refused:
        parse_campaign(minimal_campaign_text(extra=SECTION.replace(old, new)), "spring.yaml")
    return str(refused.value)


def test_the_section_is_whole_as_it_stands() -> None:
    campaign = parse_campaign(minimal_campaign_text(extra=SECTION), "spring.yaml")
    rules = campaign.qualification
    assert [end.name for end in rules.trees[0].ends()] == [
        "budget.yes", "budget.no", "budget.unknown", "size.no", "score.yes", "score.no",
    ]  # fmt: skip
    assert "custom.plan" in rules.fields_asked()
    other = parse_campaign(
        minimal_campaign_text(extra=SECTION.replace("equals: gold", "equals: tin")), "spring.yaml"
    )
    [difference] = differences(campaign, other)
    assert difference.path.startswith("qualification.rules[asked for us].when.all")
    assert difference.path.endswith("not.equals")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("custom.plan", "custom.paln", "rules[1].when.all[1].any[1].not.field: no source declares custom.paln"),
        ("engagement", "engagment", "rules[1].when.all[0].field: leads have no field engagment; did you mean"),
        ("name: asked for us", "name: no farms", "rules[1].name: is the name of qualification.rules[0] too"),
        ("      if_unknown: review\n", "", "rules[1].if_unknown: is required but missing"),
        ("then: qualify\n", "then: qualfy\n", "did you mean qualify?"),
        ("equals: true", "equal: true", "any[0].equal: unknown key; did you mean equals?"),
        ("threshold: 45", "threshold: 4", "review_band (5) must not exceed threshold (4) of the segment enterprise"),
        ("yes: budget", "yes: bugdet", "size.yes leads to bugdet, and there is no such question"),
        ("unknown: score", "unknown: budget", "both lead to budget"),
        ("because: too small for us", "becaus: too small", "size.no.because: is required but missing"),
        ("          unknown: {then: threshold, because: the score tells}\n", "",
         "questions.budget.unknown: is missing, and there may be leads of which the answer is not known"),
        ("{field: budget, at_least: 5000}", "{field: company_size, at_least: 20}",
         "questions.budget.no: is a branch that no lead can take"),
        ("          no: {then: pending, because: nothing is known}\n",
         "          no: {then: pending, because: no}\n          unknown: {then: review, because: why not}\n",
         "questions.score.unknown: is a branch that no lead can take"),
    ],
)  # fmt: skip
def test_each_mistake_is_told(old: str, new: str, problem: str) -> None:
    told = refusal(old, new)
    assert problem in told
    assert told.startswith("spring.yaml:")


def test_editors_know_compound_conditions_by_their_words() -> None:
    definitions = campaign_json_schema()["$defs"]
    assert set(definitions["Compound"]["properties"]) == {"all", "any", "not"}
