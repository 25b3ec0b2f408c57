"""Small campaigns for tests: a whole, valid campaign file from a few arguments.

What belongs here: text of campaign files that many tests need. What does not: data, databases, fixtures.
All people and companies are invented.
"""

from __future__ import annotations

import textwrap


def minimal_campaign_text(slug: str = "spring", *, extra: str = "", time_zone: str = "Europe/Berlin") -> str:
    """The shortest campaign file that is useful: one CSV source, shipped scoring, routing and emails.

    `extra` is YAML of further top-level sections (`scoring:`, `routing:`, ...), indented as you like.
    """
    return textwrap.dedent(
        f"""\
            campaign: {slug}
            name: Campaign {slug}
            sender:
              name: Ida Example
              email: ida@leads.example
            postal_address: 1 Test Street, 10115 Berlin, Germany
            time_zone: {time_zone}
            ideal_customer_profile:
              criteria:
                - name: industry we know
                  field: industry
                  one_of: [software, retail]
                  weight: 2
                - name: mid-sized company
                  field: company_size
                  between: [50, 1000]
            sources:
              - name: website
                channel: inbound
                files: "*.csv"
                mapping:
                  email: Email
                  first_name: First name
                  last_name: Last name
                  company: Company
                  job_title: Title
                  industry: Industry
                  company_size: Employees
                  country: Country
                  phone: Phone
                  custom.plan: Plan
                day:
                  column: Received
            enrichment:
              default_country: DE
              allow_test_domains: true
            """
    ) + textwrap.dedent(extra)
