"""Campaign files that must be refused: each mistake with its file, line, path and remedy, and all at once."""

from __future__ import annotations

import textwrap

import pytest

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline_tests.samples import minimal_campaign_text

HOT_EMAILS = """
nurture:
  sequences:
    aggressive_close:
      emails:
        - {delay_days: 0, subject: One, text: First}
        - {delay_days: 2, subject: Two, text: Second}
        - {delay_days: 2, subject: Three, text: Third}
"""


def refusals(text: str) -> list[str]:
    """What is said of a file, a line for each problem."""
    with pytest.raises(CampaignError) as refused:
        parse_campaign(text, "spring.yaml")
    return str(refused.value).splitlines()


def line_of(text: str, words: str) -> int:
    """The line, from 1, on which the words stand."""
    return text[: text.index(words)].count("\n") + 1


@pytest.mark.parametrize(
    ("extra", "at", "said"),
    [
        # unknown keys
        ("scorring: {}", "scorring", "scorring: unknown key; did you mean scoring?"),
        (
            "routing:\n  warm_tier_min_scor: 0.6",
            "warm_tier",
            "routing.warm_tier_min_scor: unknown key; did you mean warm_tier_min_score?",
        ),
        (
            "scoring:\n  behaviours:\n    reply: {points: 1, halflife: 3}",
            "reply",
            "scoring.behaviours.reply.halflife: unknown key; did you mean half_life_days?",
        ),
        # wrong types
        (
            "qualification:\n  threshold: '60'",
            "threshold",
            "qualification.threshold: must be a number; write it without quotes, words or separators",
        ),
        (
            "routing:\n  enable_auto_routing: no",
            "enable",
            "routing.enable_auto_routing: must be true or false",
        ),
        (
            "routing:\n  max_leads: 1.5",
            "max_leads",
            "routing.max_leads: must be a whole number; write it without quotes, words or separators",
        ),
        (
            "qualification:\n  required_fields: email",
            "required",
            "qualification.required_fields: must be a list; "
            "write [one, two], or a line `- one` for each item",
        ),
        ("scoring: 5", "scoring", "scoring: must be a mapping of keys; indent its keys below it"),
        ("goal:", "goal", "goal: is empty; remove the key or give it a value"),
        ("status: running", "status", "status: must be one of active, paused, archived"),
        ("status: activ", "status", "status: must be one of active, paused, archived; did you mean active?"),
        (
            "nurture:\n  send_window:\n    start: 9",
            "start",
            'nurture.send_window.start: must be a time; write it as "09:00"',
        ),
        ("currency: euro", "currency", "currency: must be a code of capital letters; such as EUR"),
        # thresholds
        (
            "routing:\n  # said before\n  warm_tier_min_score: 0.9",
            "warm_tier",
            "routing.warm_tier_min_score: tier thresholds must fall from hot to cool, but are "
            "hot 0.85, warm 0.9, cool 0.5",
        ),
        (
            "scoring:\n  temperature:\n    hot: 20",
            "hot",
            "scoring.temperature.hot: hot (20) must be above warm (25)",
        ),
        (
            "qualification:\n  review_band: 70",
            "review",
            "qualification.review_band: review_band (70) must not exceed threshold (60)",
        ),
        # words that must be known
        (
            "scoring:\n  points:\n    job_titel: 8",
            "job_titel",
            "scoring.points.job_titel: is no scoring factor; did you mean job_title?",
        ),
        (
            "scoring:\n  caps:\n    demografic: 8",
            "demografic",
            "scoring.caps.demografic: is no group of scoring factors; did you mean demographic?",
        ),
        (
            "routing:\n  intent_signals:\n    company_hirring: 0.5",
            "company_hirring",
            "routing.intent_signals.company_hirring: is neither a signal that leads show nor a custom field "
            "that a source declares; did you mean company_hiring?",
        ),
        (
            "routing:\n  intent_signals:\n    custom.plann: 0.5",
            "custom.plann",
            "routing.intent_signals.custom.plann: is neither a signal that leads show nor a custom field "
            "that a source declares; did you mean custom.plan?",
        ),
        (
            "enrichment:\n  decision_makers: [owner, c-suite]",
            "decision",
            "enrichment.decision_makers[1]: c-suite is no seniority; did you mean c_suite?",
        ),
        (
            "nurture:\n  sequences:\n    agressive_close: {emails: [{delay_days: 0, subject: a, text: b}]}",
            "agressive",
            "nurture.sequences.agressive_close: is no sequence; did you mean aggressive_close?",
        ),
        (
            "scoring:\n  dimensions:\n    location_mach: 5",
            "location_mach",
            "scoring.dimensions.location_mach: is no ready-made dimension; did you mean location_match?",
        ),
        # factors
        (
            "scoring:\n  dimensions:\n    budget_fit: 5",
            "budget_fit",
            "scoring.dimensions.budget_fit: needs a criterion of the profile over budget; add one to "
            "ideal_customer_profile.criteria, or remove the dimension",
        ),
        (
            "scoring:\n  factors:\n    - {name: x, behaviour: trial_login, points: 5}",
            "trial_login",
            "scoring.factors[0].behaviour: trial_login is no behaviour that scoring counts; declare it in "
            "scoring.behaviours",
        ),
        (
            "scoring:\n  groups: {usage: 9}\n  factors:\n    - {name: x, behaviour: visit, points: 5, group: usge}",
            "usge",
            "scoring.factors[0].group: usge is no group for a factor; did you mean usage? or declare it with its "
            "cap in scoring.groups",
        ),
        (
            "scoring:\n  factors:\n    - {name: x, behaviour: visit, points: 5, group: source}",
            "source}",
            "scoring.factors[0].group: source is no group for a factor; use another: of source a lead has one at most",
        ),
        (
            "scoring:\n  factors:\n    - {name: x, field: country, equals: DE, points: 5, counted: 3}",
            "counted",
            "scoring.factors[0].counted: belongs to the test of a behaviour; name a behaviour instead of a field, "
            "or remove it",
        ),
        (
            "scoring:\n  factors:\n    - {name: x, behaviour: visit, points: 5, counted: twice}",
            "twice",
            "scoring.factors[0].counted: must be once, each_time, or how many times at most, such as 3",
        ),
        (
            "scoring:\n  factors:\n    - {name: x, behaviour: visit, points: 5, never: true, at_least: 2}",
            "never",
            "scoring.factors[0]: needs exactly one test (at_least, at_most, between, days_since_last, never), but "
            "this one has 2: at_least, never",
        ),
        (
            "scoring:\n  factors:\n    - name: x\n      behaviour: visit\n      points: 5\n"
            "      valid_from: 2026-03-02\n      valid_until: 2026-03-01",
            "name: x",
            "scoring.factors[0]: valid_until (2026-03-01) is before valid_from (2026-03-02): exchange the two",
        ),
        # conditions
        (
            "scoring:\n  factors:\n    - name: x\n      points: 5\n"
            "      field: compny_size\n      at_least: 5",
            "compny",
            "scoring.factors[0].field: leads have no field compny_size; did you mean company_size?",
        ),
        (
            "qualification:\n  filters:\n    - {name: x, field: custom.plam, equals: a}",
            "custom.plam",
            "qualification.filters[0].field: no source declares custom.plam; did you mean custom.plan?",
        ),
        (
            "qualification:\n  required_fields:\n    - email\n    - phon",
            "- phon",
            "qualification.required_fields[1]: leads have no field phon; did you mean phone?",
        ),
        (
            "qualification:\n  filters:\n    - {name: x, field: industry, one_of: [1]}",
            "one_of: [1]",
            "qualification.filters[0].one_of[0]: must be text; put it in quotes",
        ),
        # sequences
        (
            HOT_EMAILS
            + "routing:\n  hot_sequence: {name: H, sequence_type: aggressive_close, duration_days: 7,"
            " email_count: 4, goal: g}",
            "emails:",
            "nurture.sequences.aggressive_close.emails: has 3 emails, but in routing its email_count is 4; "
            "make the two agree",
        ),
        (
            HOT_EMAILS.replace("delay_days: 2", "delay_days: 4"),
            "- {delay_days: 4, subject: Three",
            "nurture.sequences.aggressive_close.emails[2].delay_days: falls on day 8 of a sequence that "
            "lasts 7 days; shorten the delays or raise duration_days in routing",
        ),
        (
            "routing:\n  hot_sequence:\n    name: H\n    sequence_type: aggressive_close\n"
            "    duration_days: 7\n    email_count: 5\n    goal: g",
            "email_count",
            "routing.hot_sequence.email_count: is 5, but aggressive_close is shipped with 3 emails; "
            "write the emails in nurture.sequences.aggressive_close",
        ),
        # templates
        (
            HOT_EMAILS.replace("subject: Two", "subject: 'Hi {{ firstname }}'"),
            "firstname",
            "nurture.sequences.aggressive_close.emails[1].subject: unknown token firstname; "
            "did you mean first_name?",
        ),
        (
            HOT_EMAILS.replace("text: Third", "text: 'Your {{ custom.plon }}'"),
            "custom.plon",
            "nurture.sequences.aggressive_close.emails[2].text: unknown token custom.plon; "
            "did you mean custom.plan?",
        ),
        (
            HOT_EMAILS.replace("text: Third}", "text: a, html: '<b>{{ company.size }}</b>'}"),
            "company.size",
            "nurture.sequences.aggressive_close.emails[2].html: unknown token company.size; "
            "company is a text and has no parts",
        ),
        (
            HOT_EMAILS.replace("text: Third", "text: \"{% include 'other' %}\""),
            "include",
            "nurture.sequences.aggressive_close.emails[2].text: refers to another template; "
            "an email stands alone: write it out",
        ),
        (
            HOT_EMAILS.replace("subject: One", 'subject: "One\\nBcc: two"'),
            "Bcc",
            "nurture.sequences.aggressive_close.emails[0].subject: has several lines; a subject is one line",
        ),
    ],
)
def test_a_section_is_refused(extra: str, at: str, said: str) -> None:
    text = minimal_campaign_text().replace(
        "enrichment:\n  default_country: DE\n  allow_test_domains: true\n", ""
    )
    text += textwrap.dedent(extra)

    assert refusals(text) == [f"spring.yaml:{line_of(text, at)}: {said}"]


@pytest.mark.parametrize(
    ("given", "instead", "said"),
    [
        (
            "campaign: spring",
            "campaign: Spring Sale",
            "campaign: is no slug; use lower-case letters, digits, - and _, beginning with a letter or digit",
        ),
        (
            "ida@leads.example",
            "ida.leads.example",
            "sender.email: must be an email address: An email address must have an @-sign.",
        ),
        (
            "time_zone: Europe/Berlin",
            "time_zone: Europe/Berlim",
            "time_zone: is no time zone; did you mean Europe/Berlin?",
        ),
        (
            "Ida Example",
            '"Ida\\nBcc: x"',
            "sender.name: must be a text that is not blank; on a single line",
        ),
        (
            "company_size: Employees",
            "compny_size: Employees",
            "sources[0].mapping.compny_size: is no field of a lead; did you mean company_size? or "
            "write custom.compny_size for a field of your own",
        ),
        (
            "custom.plan: Plan",
            "Plan-Type: Plan",
            "sources[0].mapping.Plan-Type: is no field of a lead; "
            "write custom.plan_type for a field of your own",
        ),
        (
            "column: Received",
            "column: Received\n      time_zone: europe/lisbon",
            "sources[0].day.time_zone: is no time zone; did you mean Europe/Lisbon?",
        ),
        (
            "channel: inbound",
            "channel: inbound\n    missing_by_field: {emial: [x]}",
            "sources[0].missing_by_field.emial: names a field this source does not map; did you mean email?",
        ),
    ],
)
def test_a_changed_line_is_refused(given: str, instead: str, said: str) -> None:
    text = minimal_campaign_text().replace(given, instead, 1)

    assert refusals(text) == [f"spring.yaml:{line_of(text, instead.splitlines()[-1])}: {said}"]


def test_rules_cannot_see_how_it_ended() -> None:
    outcome = "channel: inbound\n    outcome: {column: Plan, won: [gold]}"
    text = minimal_campaign_text().replace("channel: inbound", outcome)

    assert refusals(text) == [
        f"spring.yaml:{line_of(text, 'custom.plan')}: sources[0].mapping.custom.plan: "
        "reads the outcome column, so rules would see how it ended; remove it from the mapping"
    ]


@pytest.mark.parametrize("key", ["campaign", "name", "sender", "postal_address", "time_zone", "sources"])
def test_what_every_campaign_needs_must_be_there(key: str) -> None:
    text = minimal_campaign_text().replace(f"\n{key}:", f"\nx{key}:").replace("campaign: spring", "name2: x")
    if key != "campaign":
        text = text.replace("name2: x", "campaign: spring")

    assert any(f"{key}: is required but missing" in refusal for refusal in refusals(text))


def test_a_blank_postal_address_is_none() -> None:
    text = minimal_campaign_text().replace("1 Test Street, 10115 Berlin, Germany", '"  "')

    assert refusals(text) == ["spring.yaml:6: postal_address: must be a text that is not blank"]


def test_a_template_in_a_block_is_refused_on_its_own_line() -> None:
    block = HOT_EMAILS.replace(
        "- {delay_days: 2, subject: Two, text: Second}",
        """- delay_days: 2
          subject: Two
          text: |
            Hello {{ first_name | default("you") }},

            {% if company %}
            {{ companie }}
            {% endif %}
""",
    )
    text = minimal_campaign_text(extra=block)

    (unknown,) = refusals(text)
    assert unknown == (
        f"spring.yaml:{line_of(text, '{{ companie')}: nurture.sequences.aggressive_close.emails[1].text: "
        "unknown token companie; did you mean company?"
    )
    (broken,) = refusals(text.replace("{{ companie }}", "{{ company | shout }}"))
    assert broken.startswith(f"spring.yaml:{line_of(text, '{{ companie')}: ")
    assert "unknown filter shout" in broken
    (unclosed,) = refusals(text.replace("{% endif %}", ""))
    assert "is no valid template: Unexpected end of template" in unclosed


def test_two_tiers_cannot_share_a_sequence() -> None:
    sequence = "{name: W, sequence_type: cold_outreach, duration_days: 60, email_count: 8, goal: g}"

    (refusal,) = refusals(minimal_campaign_text(extra=f"routing:\n  warm_sequence: {sequence}\n"))

    assert "routing.cold_sequence.sequence_type: routes to cold_outreach, as warm_sequence does" in refusal


def test_sources_have_names_of_their_own() -> None:
    text = minimal_campaign_text().replace(
        "sources:\n", "sources:\n  - {name: website, mapping: {email: e}}\n"
    )

    (refusal,) = refusals(text)

    assert refusal.endswith("sources[1].name: is the name of sources[0] too; give each source its own")


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        minimal_campaign_text().replace("ida@leads.example", "ida").replace("postal_address", "postal_adress")
    )
    text += textwrap.dedent("""\
        routing: {warm_tier_min_score: 0.9, colour: red}
        qualification: {threshold: high}
        scoring: {points: {companyy: 1}}
        nurture: {sequences: {aggressive_close: {emails: [{delay_days: 0, subject: "{{ nme }}", txt: x}]}}}
        time_zone: Europe/Berlin
        """)

    told = "\n".join(refusals(text))

    for path in (
        "sender.email", "postal_adress: unknown key", "postal_address: is required", "routing.colour",
        "routing.warm_tier_min_score: tier thresholds", "qualification.threshold", "scoring.points.companyy",
        "aggressive_close.emails: has 1 emails", "emails[0].subject: unknown token nme",
        "emails[0].txt: unknown key",
        "emails[0]: an email needs a text", "time_zone: is given twice, first on line 7",
    ):  # fmt: skip
        assert path in told
    lines = [int(refusal.split(":")[1]) for refusal in told.splitlines()]
    assert lines == sorted(lines)


SEQUENCES = """
nurture:
  sequences:
    regular_nurture:
      steps:
        - {delay_days: 0, subject: a, text: b, when: [{field: scroe, at_least: 2}, {any: [{behaviour: klick}]}]}
        - {channel: branch, when: [{behaviour: click}], otherwise: exit, then: {go_to: last}}
        - {channel: task, delay_days: 3, title: Call}
        - {name: last, channel: phone, delay_days: 20}
      after: {sequence: eduction}
    education: {emails: [{delay_days: 1, subject: s, text: t}], after: {rest_days: 3, then: education}}
"""


def test_sequences_are_checked_against_the_rest_of_the_file() -> None:
    refused = "\n".join(refusals(minimal_campaign_text(extra=SEQUENCES)))
    for expected in (
        "steps[0].when[0].field: leads have no field scroe; did you mean score?",
        "steps[0].when[1].any[0].behaviour: klick is no behaviour that is known of leads; did you mean click?",
        "steps[3].channel: must be one of email, task, webhook, branch",
        "regular_nurture.after.sequence: eduction is no sequence; did you mean education?",
        "education.after.then: leads back to itself (education -> education)",
    ):
        assert expected in refused
    steps = (
        SEQUENCES.replace("scroe", "score").replace("klick", "click").replace("channel: phone", "title: a")
    )
    steps = steps.replace("title: a", "subject: a, text: b")
    refused = "\n".join(refusals(minimal_campaign_text(extra=steps)))
    assert "steps[2]: is never reached" in refused
    assert "steps: can take 20 days, but in routing its duration_days is 14" in refused
