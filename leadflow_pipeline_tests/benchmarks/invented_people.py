"""Invented business leads with known duplicates: people, and the records that several sources would have of them.

No real person: first names are common ones, last names and companies are put together from syllables, addresses end
in `.example`. The same leads for the same seed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

FIRST_NAMES = """
    Ada Adam Alice Alina Amir Andrea Anna Anton Aylin Ben Bianca Boris Bruno Carla Cem Chloe Clara Daniel
    David Diego Dina Dmitri Elena Elif Emil Emma Erik Eva Fabian Farid Fatima Felix Finn Frank Frida George
    Greta Hana Hannah Hans Helen Hugo Ida Igor Ines Ingrid Iris Isabel Ivan Jakob James Jan Jana Jens Joana
    John Jonas Julia Karl Katharina Kemal Lara Lars Laura Lea Leon Liam Lina Luca Lucia Luis Magda Maria
    Marie Mark Marta Martin Max Maya Mia Michael Milan Mina Nadia Nico Nils Nina Noah Nora Olga Oliver Omar
    Oscar Paul Paula Pedro Petra Philip Pia Rafael Ravi Rita Robert Rosa Sara Selma Simon Sofia Stefan Susan
    Tania Thomas Tim Tom Uma Vera Victor Walter Yara Yusuf Zoe
""".split()  # noqa: SIM905 - a list of words reads best as words
SYLLABLES = """
    al an ar bach bel ber bo burg ca dan del den dor el en er fel fer gar ger grau hal ham har hein hol hor
    il jan jen kal kam ken kor lan lar len lin lor mac mal man mar mei mer min mol mon mor nar neu nor ob
    old or os pal par per pol ran rei ren ric rin ro ros sal san sar sel sen ser sil sol son stein sten tal
    tan ter tor ul ur val van vel ver vil vin wal wan wei wel wer wil win yan zan zel
""".split()  # noqa: SIM905 - a list of words reads best as words
FREE_MAIL = ("gmail.com", "outlook.com", "web.de", "gmx.net", "yahoo.com")


def invented_people(count: int, *, seed: int = 1, repeated: float = 0.15) -> tuple[pd.DataFrame, pd.Series]:
    """`count` records in the columns of harvested leads, and the person of each; a share of them are `repeated`.

    A repeated record has another address, a phone written in another way, typing errors or gaps, as leads have that
    come from a list, a form and a fair.
    """
    random = np.random.default_rng(seed)
    people = int(count * (1 - repeated))
    last = _put_together(random, max(people // 40, 50), 2)
    companies = _put_together(random, max(people // 8, 20), 3)
    company = random.integers(0, len(companies), people)
    number = np.arange(people)
    originals = pd.DataFrame(
        {
            "first_name": np.array(FIRST_NAMES, dtype=object)[_skewed(random, len(FIRST_NAMES), people)],
            "last_name": last[_skewed(random, len(last), people)],
            "company": companies[company],
            "city": _put_together(random, 400, 2)[_skewed(random, 400, people)],
            "domain": companies[company],
        }
    ).astype("str")
    originals["website"] = "https://www." + originals["domain"].str.lower() + ".example/"
    originals["email"] = (
        originals["first_name"].str.lower() + "." + originals["last_name"].str.lower() + pd.Series(number).astype("str")
        + "@" + originals["domain"].str.lower() + ".example"
    )  # fmt: skip
    direct = "+4930" + pd.Series(10_000_000 + number * 7 % 89_999_999).astype("str")
    switchboard = "+4989" + pd.Series(10_000_000 + company).astype("str")
    originals["phone"] = direct.where(random.random(people) < 0.5, switchboard)
    originals["person"] = number
    again = originals.iloc[random.integers(0, people, count - people)].reset_index(drop=True)
    records = pd.concat([originals, _as_another_source_has_it(again, random)], ignore_index=True)
    records = records.iloc[random.permutation(len(records))].reset_index(drop=True)
    return records.drop(columns=["domain", "person"]), records["person"]


def _as_another_source_has_it(people: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    chance = random.random((6, len(people)))
    free = np.array(FREE_MAIL, dtype=object)[random.integers(0, len(FREE_MAIL), len(people))]
    private = (
        people["first_name"].str.lower()
        + people["last_name"].str.lower()
        + people["person"].astype("str")
        + "@"
        + pd.Series(free).astype("str")
    )
    again = people.assign(
        email=people["email"].where(chance[0] < 0.4, private).mask(chance[0] > 0.8),
        phone=people["phone"].str.replace(r"^\+49", "0", regex=True).mask(chance[1] < 0.3),
        website=people["website"].mask(chance[2] < 0.6),
        city=people["city"].mask(chance[3] < 0.5),
        last_name=people["last_name"].where(chance[4] > 0.15, _mistyped(people["last_name"])),
        company=people["company"] + np.where(chance[5] < 0.5, " GmbH", ""),
    )
    return again.astype(people.dtypes.to_dict())


def _mistyped(texts: pd.Series) -> pd.Series:
    """Two letters in the middle swapped."""
    return texts.str.replace(r"^(..)(.)(.)", r"\1\3\2", regex=True)


def _skewed(random: np.random.Generator, kinds: int, count: int) -> np.ndarray:
    """Which of `kinds` each of `count` has; the first are much more common than the last."""
    return (kinds * random.random(count) ** 2).astype("int64")


def _put_together(random: np.random.Generator, count: int, syllables: int) -> np.ndarray:
    parts = np.array(SYLLABLES, dtype=object)[random.integers(0, len(SYLLABLES), (count, syllables))]
    return np.array(["".join(row).capitalize() for row in parts], dtype=object)
