"""Reps as people write them down: what a row means, and what is said of a mistake."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from leadflow_pipeline import samples
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.route.owners.reps.rep import Rep, Territory
from leadflow_pipeline.route.owners.reps.rep_records import RepsRefused, checked_reps
from leadflow_pipeline.route.owners.reps.rep_sources import reps_from_file
from leadflow_pipeline.route.owners.reps.rep_table import told_in_rows


def one(**cells: str) -> Rep:
    told, problems = told_in_rows(["rep", *cells], [["mara", *cells.values()]])
    return checked_reps(told, "reps.csv", problems)[0]


def refused(*rows: dict[str, str], header: tuple[str, ...] = ()) -> str:
    names = list(dict.fromkeys([*header, *(name for row in rows for name in row)]))
    told, problems = told_in_rows(names, [[row.get(name, "") for name in names] for row in rows])
    with pytest.raises(RepsRefused) as refusal:
        checked_reps(told, "reps.csv", problems)
    return str(refusal.value)


def places(**cells: str) -> list[tuple[str | None, ...]]:
    return [
        (each.region, each.country, each.state, each.city, each.postcode) for each in one(**cells).territories
    ]


def test_the_shipped_reps() -> None:
    reps = {rep.rep.partition("@")[0]: rep for rep in reps_from_file(samples.B2B_REPS)}
    assert len(reps) == 9
    assert [place.country for place in reps["anke.vogel"].territories] == ["DE", "AT", "CH"]
    assert len(reps["grace.okafor"].territories) == 22
    assert reps["grace.okafor"].named_accounts == ("Keystone Parts Inc.",)
    assert reps["nadia.rahimi"].territories == (Territory(),)
    assert reps["nadia.rahimi"].capacity.open_leads == 10
    assert reps["peter.lang"].status == "left"


def test_every_column() -> None:
    rep = one(
        name="Mara Lind",
        team="Nordics",
        manager="tom@leads.example",
        status="Paused",
        weight="1.5",
        industries="real estate; software, retail",
        specialties="fraud",
        languages="sv en,de-AT",
        named_accounts="Keystone Parts, Inc.; acme.example.org",
        leads_a_day="0.5",
        leads_a_week="3",
        leads_a_month="14",
        open_leads_at_most="20",
        time_zone="Europe/Stockholm",
        working_hours="Mon-Thu 8:30-17",
        holidays="2026-12-24; 2026-12-25",
        allotments="spring-sale: 0.5; renewals: 25%",
        **{"attribute.site": "Malmö"},
    )
    assert rep.status == "paused"
    assert rep.industries == ("real estate", "software", "retail")
    assert rep.languages == ("sv", "en", "de-AT")
    assert rep.named_accounts == ("Keystone Parts, Inc.", "acme.example.org")
    assert rep.capacity.model_dump() == {"per_day": 0.5, "per_week": 3, "per_month": 14, "open_leads": 20}
    assert (rep.working_hours.start, rep.working_hours.end) == (time(8, 30), time(17))
    assert rep.working_hours.weekdays == ("mon", "tue", "wed", "thu")
    assert rep.working_hours.holidays == (date(2026, 12, 24), date(2026, 12, 25))
    assert rep.allotments == {"spring-sale": 0.5, "renewals": 0.25}
    assert rep.attributes == {"site": "Malmö"}


def test_what_cells_of_places_mean() -> None:
    assert places(countries="DE, Austria;CH") == [
        (None, code, None, None, None) for code in ("DE", "AT", "CH")
    ]
    assert places(countries="United Kingdom") == [(None, "GB", None, None, None)]
    assert places(countries="US CA", states="New York; ON") == [
        (None, "US", "New York", None, None),
        (None, "CA", "ON", None, None),
    ]
    assert places(countries="US MX", states="TX") == [
        (None, "US", "TX", None, None),
        (None, "MX", None, None, None),
    ]
    assert places(states="US-WA California") == [
        (None, "US", "US-WA", None, None),
        (None, "US", "California", None, None),
    ]
    assert places(countries="DE", cities="Bad Tölz; Ulm", postcodes="80 81") == [
        (None, "DE", None, "Bad Tölz", None),
        (None, "DE", None, "Ulm", None),
        (None, "DE", None, None, "80"),
        (None, "DE", None, None, "81"),
    ]
    assert places(regions="dach; South East Asia", countries="US") == [
        (None, "US", None, None, None),
        ("dach", None, None, None, None),
        ("South East Asia", None, None, None, None),
    ]
    assert places(countries="*") == [(None, None, None, None, None)]
    assert places(countries="") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("09:00-17:00", ("mon tue wed thu fri", "09:00", "17:00")),
        ("sat-mon 22:00 - 6:00", ("mon sat sun", "22:00", "06:00")),
        ("monday, wednesday 9-13", ("mon wed", "09:00", "13:00")),
        ("mon-sun 16-24", ("mon tue wed thu fri sat sun", "16:00", "00:00")),
        ("mon-sun 0-24", ("mon tue wed thu fri sat sun", "00:00", "23:59")),
    ],
)
def test_working_hours(text: str, expected: tuple[str, str, str]) -> None:
    hours = one(working_hours=text).working_hours
    assert (" ".join(hours.weekdays), f"{hours.start:%H:%M}", f"{hours.end:%H:%M}") == expected


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            {"countries": "DE XX"},
            "row 2 (mara): countries: XX is no country; write its name or ISO 3166-1 code",
        ),
        (
            {"countries": "US", "states": "CA BW"},
            "states: BW is no state of US; write its name or its code",
        ),
        ({"states": "WA"}, "states: WA does not say of which country; name the country"),
        (
            {"countries": "US AU", "states": "WA"},
            "states: WA is a state of US and of AU; write it like US-WA",
        ),
        ({"postcodes": "80"}, "postcodes: do not say of which country they are; name one country in the row"),
        ({"regions": "Absurdistan"}, "regions: Absurdistan is no region of the world that is known here"),
        ({"languages": "German"}, "languages: German is no code of a language; write ISO 639-1"),
        ({"open_leads_at_most": "many"}, "open_leads_at_most: must be a whole number; write it like 12"),
        ({"open_leads_at_most": "-1"}, "open_leads_at_most: cannot be -1; it must be at least 0"),
        ({"leads_a_day": "0,5"}, "leads_a_day: must be a number; write it like 12 or 0.5"),
        ({"leads_a_day": "inf"}, "leads_a_day: "),
        ({"status": "retired"}, "status: cannot be 'retired'; use 'active', 'paused' or 'left'"),
        (
            {"working_hours": "nine to five"},
            "working_hours: cannot read 'nine to five'; write it like mon-fri",
        ),
        ({"working_hours": "9-9"}, "working hours must not end when they begin"),
        ({"time_zone": "Berlin"}, "time_zone: Berlin is no time zone: use an IANA name"),
        ({"holidays": "24.12."}, "must be a day; write it like 2026-12-25"),
        (
            {"allotments": "spring 0.5"},
            "allotments: cannot read 'spring 0.5'; write it like spring-sale: 0.5",
        ),
        ({"allotments": "spring: 3"}, "the share of spring must lie in 0 to 1, but is 3"),
        ({"colour": "red"}, "row 1: colour is no column of reps; "),
        (
            {"teams": "A"},
            "row 1: teams is no column of reps; did you mean team?, or attribute.teams for an audit",
        ),
    ],
)
def test_every_mistake_is_one_sentence_with_its_row_and_remedy(cells: dict[str, str], said: str) -> None:
    assert said in refused({"rep": "mara", **cells})


def test_all_mistakes_are_told_at_once() -> None:
    told = refused(
        {"rep": "mara", "weight": "x", "countries": "SE XX"},
        {"rep": "Mara", "weight": "-1"},
        {"rep": "", "weight": "1"},
    )
    assert told.splitlines() == [
        "reps.csv: row 2 (mara): weight: must be a number; write it like 12 or 0.5",
        "reps.csv: row 2 (mara): countries: XX is no country; write its name or ISO 3166-1 code, such as DE",
        "reps.csv: row 3 (Mara): weight: cannot be -1; it must be at least 0",
        "reps.csv: row 4: rep: is missing; every rep needs one",
        "reps.csv: row 3 (Mara): rep: is in row 2 too; keep one of the two",
    ]
    assert "the column rep is missing" in refused({"name": "Mara"})


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "rep,countries\nmara,SE NO\n",
        "\ufeffRep;Countries\r\nmara;SE,NO\r\n\r\n",
        "rep\tcountries\nmara\tSE NO\n".encode("utf-16"),
        'rep,countries\n"mara","SE;NO"\n,\n',
    ],
)
def test_files_as_spreadsheets_save_them(tmp_path: Path, content: str | bytes) -> None:
    (rep,) = reps_from_file(written(tmp_path, "reps.csv", content))
    assert [place.country for place in rep.territories] == ["SE", "NO"]


YAML = """
reps:
  - rep: mara
    territories:
      - {country: SE}
      - {region: Nordics}
    capacity: {per_month: 14}
    working_hours: {start: "08:00", end: "16:30", weekdays: [mon, tue]}
    attributes: {site: Malmö}
"""


def test_whole_records_as_yaml(tmp_path: Path) -> None:
    (rep,) = reps_from_file(written(tmp_path, "reps.yaml", YAML))
    assert rep.territories == (Territory(country="SE"), Territory(region="Nordics"))
    assert rep.capacity.per_month == 14
    assert rep.working_hours.end == time(16, 30)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "reps.yaml",
            YAML.replace("per_month", "per_moth"),
            "line 3 (mara): capacity.per_moth: is no field of a rep; did you mean per_month?",
        ),
        ("reps.yaml", YAML.replace("SE}", "Sweeden}"), "line 3 (mara): countries: Sweeden is no country"),
        ("reps.yaml", "- rep: mara\n", "has no list `reps`"),
        ("reps.yaml", "reps: [mara]\n", "line 1: is no record of a rep"),
        ("reps.csv", "", "there is no rep in it"),
        ("reps.csv", "rep,name\nmara,Mara,more\n", "row 2: has 3 cells below a header of 2"),
        ("reps.csv", b"rep\nM\xe4ra\n", "reps.csv:2: is not UTF-8 text"),
        ("reps.csv", b"PK\x03\x04\x00\x00", "save the spreadsheet as CSV"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, name: str, content: Any, said: str) -> None:
    with pytest.raises(PermanentError) as refusal:
        reps_from_file(written(tmp_path, name, content))
    assert said in str(refusal.value)
