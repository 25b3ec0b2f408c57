"""People as the matching sees them: every field in one spelling, and nothing that says nothing.

What belongs here: normalising. What does not: comparing. Pure; each row by itself, so that a frame of one row
and a frame of a million give a row the same values.

A mailbox of a role is no evidence of a person, so its address is missing here; its domain still tells the company.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadflow_pipeline.folding import folded
from leadflow_pipeline.mailboxes import is_free_mail_domain, is_role_address

MATCH_COLUMNS: tuple[str, ...] = (
    "first_name", "last_name", "mailbox", "mail_domain", "phone", "birth_date", "street", "street_number", "address_2",
    "postcode", "city", "state", "company", "domain", "identifier", "profile",
)  # fmt: skip
"""What people are compared on: text, missing where it is unknown or says nothing. An address is in two parts."""

MIN_PHONE_DIGITS = 7
PHONE_DIGITS = 9
"""The last digits of a number: those that do not change with the way its country and area are written."""

DOTLESS_DOMAINS = ("gmail.com", "googlemail.com")
"""Where dots in the local part make no other mailbox."""

HONORIFICS = (
    r"^(?:(?:dr|mr|mrs|ms|miss|prof|professor|sir|dame|herr|frau|mag|dipl|ing|mme|sig|sra?)\s+)+(?=\S)"
)
PARTICLES = r"(?:(?:van|von|vom|der|den|de|del|della|di|da|dos|du|la|le|el|ter|ten|zu|al|bin|st)\s+)*"
LEGAL_FORMS = (
    r"(?:\s+(?:inc|incorporated|corp|corporation|co|company|llc|llp|lp|ltd|limited|plc|pty|pte|pvt|gmbh|mbh|ag|kg|kgaa"
    r"|ohg|gbr|ug|se|sa|s a|sas|sarl|srl|s r l|spa|s p a|bv|b v|nv|n v|ab|as|asa|aps|oy|oyj|sl|s l|lda|ltda|sro|s r o"
    r"|doo|d o o|kft|zrt|group|holding|and))+$"
)
STREET_WORDS = {
    "street": "st", "road": "rd", "avenue": "av", "ave": "av", "drive": "dr", "lane": "ln", "place": "pl",
    "court": "ct", "crescent": "cres", "circuit": "cct", "boulevard": "blvd", "strasse": "str",
}  # fmt: skip


def match_fields(leads: pd.DataFrame) -> pd.DataFrame:
    """The columns `MATCH_COLUMNS` of each row, indexed as `leads`; text, missing where there is nothing to compare.

    `leads` may have any of: first_name, last_name, full_name, email, phone, company, website, company_domain,
    street, street_number, address_2, postcode, city, state (or region), birth_date, identifier, linkedin_url.
    Names and addresses are folded and run together; a birth date is eight digits, year first.
    """

    def given(name: str) -> pd.Series:
        if name in leads.columns:
            return leads[name].astype("str")
        return pd.Series(None, index=leads.index, dtype="str")

    first, last = _names(given("first_name"), given("last_name"), given("full_name"))
    mailbox, mail_domain, work_domain = _emails(given("email"))
    website = given("company_domain").fillna(_hosts(given("website")))
    return pd.DataFrame(
        {
            "first_name": first,
            "last_name": last,
            "mailbox": mailbox,
            "mail_domain": mail_domain,
            "phone": _phones(given("phone")),
            "birth_date": _each(given("birth_date"), _dates),
            "street": _each(given("street"), _streets),
            "street_number": _each(given("street_number"), _run_together),
            "address_2": _each(given("address_2"), _run_together),
            "postcode": _each(given("postcode"), _run_together),
            "city": _each(given("city"), _run_together),
            "state": _each(given("state").fillna(given("region")), _run_together),
            "company": _each(given("company"), _companies),
            "domain": website.str.lower().fillna(work_domain),
            "identifier": _each(given("identifier"), _run_together),
            "profile": _profiles(given("linkedin_url")),
        }
    )[list(MATCH_COLUMNS)]


def _names(first: pd.Series, last: pd.Series, full: pd.Series) -> tuple[pd.Series, pd.Series]:
    """First and last names; read from the full name where neither is known by itself."""
    first, last = _each(first, _given_names), _each(last, _run_together)
    is_whole = first.isna() & last.isna() & full.notna()
    if is_whole.any():
        words = full[is_whole].str.replace(r"^([^,]+),\s*(\S.*)$", r"\2 \1", regex=True)
        parts = _each(words, _without_honorifics).str.extract(rf"^(?:(\S+)\s+)?(?:.*?\s)??({PARTICLES}\S+)$")
        first, last = first.copy(), last.copy()
        first[is_whole], last[is_whole] = parts[0], parts[1].str.replace(" ", "", regex=False)
    return first, last


def _given_names(texts: pd.Series) -> pd.Series:
    return _missing_if_empty(_without_honorifics(texts).str.replace(" ", "", regex=False))


def _without_honorifics(texts: pd.Series) -> pd.Series:
    return folded(texts).str.replace(HONORIFICS, "", regex=True)


def _run_together(texts: pd.Series) -> pd.Series:
    return _missing_if_empty(folded(texts).str.replace(" ", "", regex=False))


def _companies(texts: pd.Series) -> pd.Series:
    bare = folded(texts).str.replace(LEGAL_FORMS, "", regex=True)
    return _missing_if_empty(bare.str.replace(r"^the ", "", regex=True).str.replace(" ", "", regex=False))


def _streets(texts: pd.Series) -> pd.Series:
    words = folded(texts)
    for long, short in STREET_WORDS.items():
        words = words.str.replace(rf"\b{long}\b", short, regex=True)
    return _missing_if_empty(words.str.replace(" ", "", regex=False))


def _emails(emails: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The two halves of addresses of people, without tags; and the domain of every address that is no free mailbox."""
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(pa.array(emails, pa.large_string())))
    is_address = pc.match_substring_regex(lower, r"^[^@\s]+@[^@\s]+$")
    halves = pc.split_pattern(pc.if_else(is_address, lower, None), "@")
    local, domain = (_as_series(pc.list_element(halves, half), emails.index) for half in (0, 1))
    local = local.str.replace(r"\+.*$", "", regex=True)
    is_dotless = domain.isin(DOTLESS_DOMAINS)
    if is_dotless.any():
        local = local.mask(is_dotless, local.str.replace(".", "", regex=False))
    local = _missing_if_empty(local).mask(is_role_address(local))
    return local, domain.mask(local.isna()), domain.mask(is_free_mail_domain(domain))


def _phones(phones: pd.Series) -> pd.Series:
    digits = pc.replace_substring_regex(pa.array(phones, pa.large_string()), r"[^0-9]+", "")
    ends = pc.utf8_slice_codeunits(digits, -PHONE_DIGITS)
    is_number = pc.and_(
        pc.greater_equal(pc.utf8_length(digits), MIN_PHONE_DIGITS),
        pc.invert(pc.match_substring_regex(ends, r"^(?:0+|1+|9+|0*123456789?)$")),
    )
    return _as_series(pc.if_else(is_number, ends, None), phones.index)


def _dates(texts: pd.Series) -> pd.Series:
    """Year, month, day: from `1971-06-24`, `19710624`, `24.06.1971` and the like; a time after it is left out."""
    day = texts.str.strip().str.replace(r"[T ]\d{1,2}:.*$", "", regex=True)
    turned = day.str.replace(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})$", r"\3-\2-\1", regex=True)
    padded = turned.str.replace(r"(?<=\D)(\d)(?=\D|$)", r"0\1", regex=True)
    digits = padded.str.replace(r"\D+", "", regex=True)
    return digits.where(digits.str.len() == 8)


def _hosts(websites: pd.Series) -> pd.Series:
    return _each(websites, _hosts_of)


def _hosts_of(websites: pd.Series) -> pd.Series:
    hosts = websites.str.lower().str.extract(
        r"^\s*(?:[a-z]+://)?(?:www\.)?([^/:?#\s]+\.[^/:?#\s]+)", expand=False
    )
    return _missing_if_empty(hosts)


def _profiles(urls: pd.Series) -> pd.Series:
    """The person's own part of a profile's address."""
    return urls.str.lower().str.extract(r"linkedin\.[a-z.]+/(?:in|pub)/([^/?#\s]+)", expand=False)


def _each(texts: pd.Series, normalise: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """`normalise` of the distinct texts, spread over all rows: names and places repeat more often than not."""
    codes, values = pd.factorize(texts)
    if not len(values):
        return pd.Series(None, index=texts.index, dtype="str")
    spread = pa.array(normalise(pd.Series(values, dtype="str")), pa.large_string())
    return _as_series(spread.take(pa.array(codes, mask=codes < 0)), texts.index)


def _missing_if_empty(texts: pd.Series) -> pd.Series:
    return texts.mask(texts == "")


def _as_series(texts: pa.Array, index: pd.Index) -> pd.Series:
    return pd.Series(texts.to_pandas(), dtype="str").set_axis(index)
