"""People who do not exist, for the stand-ins: as many as asked for, the same ones every time.

What belongs here: invented names from many languages, companies, titles, and telephone numbers from the ranges that
are kept free for fiction (+44 20 7946 0xxx, +1 202 555 01xx, +49 30 23125xxx). What does not: the shape in which a
vendor tells of them. Stand-ins that are given overlapping ranges know some of the same people, as vendors do.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FIRST_DAY = datetime(2025, 3, 1, 8, 0, tzinfo=UTC)

GIVEN_NAMES = (
    "Ada", "Björn", "Chloé", "Dorota", "Eoin", "Fatma", "Giulia", "Hanna", "Íñigo", "Jürgen", "Kateřina", "Liam",
    "Małgorzata", "Nuno", "Øyvind", "Priya", "Quentin", "Renée", "Søren", "Thi Mai", "Ülkü", "Václav", "Wei", "Ximena",
    "Ирина", "Ζωή", "美咲",
)  # fmt: skip
FAMILY_NAMES = (
    "Abernathy", "van der Berg", "de la Cruz", "Dvořák", "Ekström", "Fitzgerald", "Großmann", "Hämäläinen", "Iglesias",
    "Jankowski", "Kowalczyk", "L'Hermite", "McDonald", "Nguyễn", "O'Brien", "Papadopoulos", "Quispe", "Rodrigues",
    "Şahin", "Tremblay", "Unterberger", "Vasquez-Lindt", "Weiß", "Xanthos", "Yıldız", "Zieliński", "Петрова", "Tanaka",
    "Achterberg",
)  # fmt: skip
COMPANIES = (
    ("Halden Optik GmbH", "halden-leads.example", "Medical devices", 240, "Berlin", "Germany", "DE"),
    ("Quillon Software Ltd", "quillon-leads.example", "Computer software", 85, "London", "United Kingdom", "GB"),
    ("Bramley & Stott Insurance", "bramley-leads.example", "Insurance", 1200, "Leeds", "United Kingdom", "GB"),
    ("Potomac Rail Systems Inc.", "potomac-leads.example", "Railroad manufacture", 5400, "Washington", "United States",
     "US"),
    ("Nordsee Logistik AG", "nordsee-leads.example", "Logistics and supply chain", 730, "Hamburg", "Germany", "DE"),
    ("Tidewater Homes LLC", "tidewater-leads.example", "Real estate", 35, "Arlington", "United States", "US"),
    ("Maison Verdure SAS", "verdure-leads.example", "Retail", 410, "Lyon", "France", "FR"),
    ("Kaelin Robotics AB", "kaelin-leads.example", "Industrial automation", 160, "Lund", "Sweden", "SE"),
)  # fmt: skip
TITLES = (
    ("Chief Executive Officer", "c_suite", "executive"),
    ("VP of Sales", "vp", "sales"),
    ("Head of Marketing", "head", "marketing"),
    ("Leiterin Einkauf", "head", "operations"),
    ("Director of Engineering", "director", "engineering"),
    ("Operations Manager", "manager", "operations"),
    ("Senior Software Engineer", "senior", "engineering"),
    ("Account Executive", "entry", "sales"),
    ("Founder", "founder", "executive"),
)
LATIN = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "ı": "i", "đ": "d", "æ": "ae"}
)  # letters that no decomposition takes apart
FOREIGN = {"Ирина": "irina", "Ζωή": "zoe", "美咲": "misaki", "Петрова": "petrova"}


@dataclass(frozen=True)
class Person:
    """Somebody invented, with everything that a vendor could know."""

    number: int
    first_name: str
    last_name: str
    email: str
    phone: str
    title: str
    seniority: str
    department: str
    company: str
    domain: str
    industry: str
    employees: int
    city: str
    country: str
    country_code: str
    changed_at: datetime

    @property
    def vendor_id(self) -> str:
        """24 hexadecimal digits, as Apollo's ids have."""
        return f"{0x5B81D94E2A6C << 48 | self.number:024x}"

    @property
    def linkedin(self) -> str:
        """The path of a profile."""
        return f"in/{self.email.partition('@')[0].replace('.', '-')}-{self.number:04d}"


def invented_people(count: int, start: int = 0) -> tuple[Person, ...]:
    """The people with the numbers from `start`. No two share an address."""
    return tuple(invented_person(number) for number in range(start, start + count))


def invented_person(number: int) -> Person:
    """The same person for the same number."""
    # 27 and 29 share no factor: 783 people pass before a pair of names comes again.
    first_name = GIVEN_NAMES[number % len(GIVEN_NAMES)]
    last_name = FAMILY_NAMES[number % len(FAMILY_NAMES)]
    company, domain, industry, employees, city, country, code = COMPANIES[number * 3 % len(COMPANIES)]
    title, seniority, department = TITLES[number * 5 % len(TITLES)]
    generation = number // (len(GIVEN_NAMES) * len(FAMILY_NAMES))
    mailbox = f"{latin(first_name)}.{latin(last_name)}" + (f".{generation + 1}" if generation else "")
    return Person(
        number=number,
        first_name=first_name,
        last_name=last_name,
        email=f"{mailbox}@{domain}",
        phone=invented_phone(number, code),
        title=title,
        seniority=seniority,
        department=department,
        company=company,
        domain=domain,
        industry=industry,
        employees=employees,
        city=city,
        country=country,
        country_code=code,
        changed_at=FIRST_DAY + timedelta(hours=7 * number),
    )


def invented_phone(number: int, country_code: str) -> str:
    """A number in E.164 from a range kept free for fiction."""
    if country_code == "US":
        return f"+120255501{number % 100:02d}"
    if country_code == "DE":
        return f"+493023125{number % 1000:03d}"
    return f"+442079460{number % 1000:03d}"


def latin(name: str) -> str:
    """A name as it stands in an address: ASCII letters and dashes."""
    plain = unicodedata.normalize("NFKD", FOREIGN.get(name, name).lower().translate(LATIN))
    letters = (letter for letter in plain if letter.isascii() and (letter.isalpha() or letter in " -"))
    return "".join(letters).replace(" ", "-")
