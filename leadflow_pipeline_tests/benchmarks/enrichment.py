"""The offline checks of enrichment, each on a column of a million texts, and the library one text after the other.

    python -m leadflow_pipeline_tests.benchmarks.enrichment --rows 1000000

Each column has the shapes of a real one: most texts plain, some written oddly, some repeated, some wrong. Seconds of
processor time are of this process and all its threads; the last column is what a library that judges one text at a
time would take for as many rows, from a sample of `--sample` rows. Where no library does the work, it is empty.

    python -m leadflow_pipeline_tests.benchmarks.enrichment --labelled seniority titles.csv

How the reading of job titles falls on somebody else's labels: a CSV with the columns `text` and `label`, which need not
be our words. `agreement` is the share of titles whose label is the most frequent one of those that we read alike.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import phonenumbers
from email_validator import EmailNotValidError, validate_email

from leadflow_pipeline.enrich.company import tidy_companies
from leadflow_pipeline.enrich.company_domain import company_domains
from leadflow_pipeline.enrich.country import tidy_time_zones
from leadflow_pipeline.enrich.email import judge_emails
from leadflow_pipeline.enrich.names import split_names
from leadflow_pipeline.enrich.phone import judge_phones
from leadflow_pipeline.enrich.social import tidy_linkedin_urls
from leadflow_pipeline.enrich.title import read_titles
from leadflow_pipeline_tests.benchmarks.generated_leads import FIRST_NAMES, LAST_NAMES, SUFFIXES, TITLES

SHARED_DOMAINS = (
    "gmail.com",
    "web.de",
    "yahoo.com",
    "hotmail.com",
    "gmial.com",
    "outlook.con",
    "mailinator.com",
)
ODD_ADDRESSES = ("no address", "jörg.müller@bücher.de", '"ann lee"@acme.com', "ann@acme", "info@acme.com")
PHONES = (
    "+1 202 555 01{:02d}", "(202) 555-01{:02d}", "+44 20 7946 0{:03d}", "030 23125{:03d}", "+49 30 23125{:03d}",
    "202-555-01{:02d} x{:d}", "no phone {:d}",
)  # fmt: skip
RANKS = ("", "Senior ", "Head of ", "Leiter ", "VP ", "Junior ", "Director ")


@dataclass(frozen=True)
class Measured:
    """One check on one column."""

    check: str
    rows: int
    distinct: int
    seconds: float
    processor_seconds: float
    one_by_one_seconds: float | None


class Columns:
    """Columns of invented texts, the same for the same seed."""

    def __init__(self, rows: int, seed: int = 1) -> None:
        self.rows = rows
        self._random = np.random.default_rng(seed)
        self._numbers = pd.Series(np.arange(rows)).astype("str")

    def pick(self, values: tuple[str, ...]) -> pd.Series:
        """One of the values for each row."""
        return pd.Series(
            np.array(values, dtype=object)[self._random.integers(0, len(values), self.rows)], dtype="str"
        )

    def some(self, share: float) -> np.ndarray:
        """True for about this share of the rows."""
        return self._random.random(self.rows) < share

    def emails(self) -> pd.Series:
        """All distinct but for two in a hundred; three in ten at a shared domain, the others at 7 to a company."""
        company = "company" + (pd.Series(np.arange(self.rows)) // 7).astype("str") + ".com"
        domain = company.mask(self.some(0.3), self.pick(SHARED_DOMAINS))
        emails = self.pick(FIRST_NAMES[:2] + FIRST_NAMES[4:6]) + "." + self._numbers + "@" + domain
        return emails.mask(self.some(0.02), self.pick(ODD_ADDRESSES))

    def phones(self) -> pd.Series:
        """Numbers of the ranges kept for examples, in seven spellings."""
        written = tuple(shape.format(number % 100, number) for shape in PHONES for number in range(100))
        return self.pick(written)

    def distinct_phones(self) -> pd.Series:
        """Numbers of which hardly two are alike."""
        digits = pd.Series(self._random.integers(2_000_000, 9_999_999, self.rows)).astype("str")
        return self.pick(("+1 212 ", "(415) ", "+44 20 7", "+49 30 ")) + digits

    def names(self, share_shouting: float = 0.1) -> pd.Series:
        """Whole names, nearly all distinct, some with titles, particles or in capitals."""
        last = self.pick(LAST_NAMES) + self._letters()
        names = (
            self.pick(("", "", "", "Dr. ", "Mrs "))
            + self.pick(FIRST_NAMES)
            + self.pick((" ", " ", " van der "))
        )
        names = names + last + self.pick(("", "", "", ", PhD"))
        return names.mask(self.some(share_shouting), names.str.upper())

    def companies(self) -> pd.Series:
        """Seven leads to a company."""
        return "Company" + self._letters(7) + " " + self.pick(SUFFIXES)

    def titles(self) -> pd.Series:
        """A hundred thousand distinct titles."""
        number = pd.Series(self._random.integers(0, 1000, self.rows)).astype("str")
        return self.pick(RANKS) + self.pick(TITLES) + " " + number

    def _letters(self, rows_to_one: int = 1) -> pd.Series:
        numbers = (pd.Series(np.arange(self.rows)) // rows_to_one).astype("str")
        for digit, letter in zip("0123456789", "abcdefghij", strict=True):
            numbers = numbers.str.replace(digit, letter, regex=False)
        return numbers


def measure(rows: int, sample: int) -> list[Measured]:
    """Every check once."""
    columns = Columns(rows)
    emails, phones, many_phones = columns.emails(), columns.phones(), columns.distinct_phones()
    names, companies, titles = columns.names(), columns.companies(), columns.titles()
    nothing = pd.Series(pd.NA, index=emails.index, dtype="str")
    countries = columns.pick(("US", "DE", "GB"))
    domains = emails.str.replace(r"^.*@", "", regex=True).where(emails.str.contains("@", regex=False))
    pages = (
        "https://de.linkedin.com/in/" + names.str.lower().str.replace(r"[^a-z]+", "-", regex=True) + "/?trk=x"
    )
    regions, cities = (
        columns.pick(("TX", "California", "Bayern")),
        columns.pick(("Austin", "El Paso", "Berlin")),
    )
    works: list[tuple[str, pd.Series, Callable[[], object], Callable[[str], object] | None]] = [
        ("addresses", emails, lambda: judge_emails(emails), _one_email),
        ("phone numbers", phones, lambda: judge_phones(phones, countries, "DE"), _one_phone),
        (
            "phone numbers, distinct",
            many_phones,
            lambda: judge_phones(many_phones, countries, "DE"),
            _one_phone,
        ),
        ("whole names", names, lambda: split_names(nothing, nothing, names), None),
        ("company names", companies, lambda: tidy_companies(companies), None),
        ("company domains", domains, lambda: company_domains(nothing, domains, domains == "gmail.com"), None),
        ("job titles", titles, lambda: read_titles(titles), None),
        ("LinkedIn pages", pages, lambda: tidy_linkedin_urls(pages), None),
        ("time zones", regions, lambda: tidy_time_zones(nothing, countries, regions, cities), None),
    ]
    return [_measured(check, column, work, one, sample) for check, column, work, one in works]


def _measured(
    check: str,
    column: pd.Series,
    work: Callable[[], object],
    one: Callable[[str], object] | None,
    sample: int,
) -> Measured:
    started, started_processor = time.perf_counter(), time.process_time()
    work()
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - started_processor
    one_by_one = None
    if one is not None:
        texts = column.head(sample).to_list()
        started_processor = time.process_time()
        for text in texts:
            one(text)
        one_by_one = round((time.process_time() - started_processor) / len(texts) * len(column), 1)
    return Measured(
        check, len(column), column.nunique(), round(seconds, 2), round(processor_seconds, 2), one_by_one
    )


def _one_email(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _one_phone(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "DE")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    phonenumbers.region_code_for_number(number)
    phonenumbers.number_type(number)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def labelled(kind: str, file: Path) -> str:
    """A table of their labels against our readings of `kind` (seniority or department), and the agreement."""
    titles = pd.read_csv(file, dtype="str", keep_default_na=False)
    read = read_titles(titles["text"])[kind].fillna("none")
    counts = pd.crosstab(titles["label"], read)
    agreement = counts.max().sum() / counts.to_numpy().sum()
    return f"{counts.to_string()}\n\nagreement {agreement:.4f} of {len(titles):,} titles"


def table(measured: list[Measured]) -> str:
    """The figures as text."""
    lines = [f"{'':<26}{'rows':>11}{'distinct':>11}{'seconds':>9}{'processor s':>13}{'one by one s':>14}"]
    lines += [
        f"{row.check:<26}{row.rows:>11,}{row.distinct:>11,}{row.seconds:>9.2f}{row.processor_seconds:>13.2f}"
        f"{'' if row.one_by_one_seconds is None else row.one_by_one_seconds:>14}"
        for row in measured
    ]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=5_000, help="rows that the libraries judge one by one")
    parser.add_argument(
        "--labelled", nargs=2, metavar=("KIND", "FILE"), help="seniority or department, and a CSV"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    if arguments.labelled:
        kind, file = arguments.labelled
        sys.stdout.write(labelled(kind, Path(file)) + "\n")
        return
    measured = measure(arguments.rows, arguments.sample)
    sys.stdout.write(table(measured) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in measured], indent=2))


if __name__ == "__main__":
    main()
