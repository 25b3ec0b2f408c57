"""Names: read as a careful person reads them. Everybody here is invented."""

from __future__ import annotations

import itertools
import unicodedata

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.names import (
    _SPECIAL_WORDS,
    read_any_full_names,
    read_any_parts,
    read_full_names,
    read_parts,
    split_names,
)


def texts(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


def split(first: str | None = None, last: str | None = None, full: str | None = None) -> list[str | None]:
    row = split_names(texts(first), texts(last), texts(full)).iloc[0]
    return [None if pd.isna(value) else value for value in row]


WHOLE_NAMES = [
    ("Ann Lee <ann@leads.example>", None, "Ann", "Lee", "Ann Lee"),
    ("ann@leads.example", None, None, None, None),
    ("İPEK ŞAHİN", None, "İpek", "Şahin", "İpek Şahin"),
    ("Ann Lee", None, "Ann", "Lee", "Ann Lee"),
    ("Dr. Ann Lee", "Dr", "Ann", "Lee", "Ann Lee"),
    ("Dr.Ann Lee", "Dr", "Ann", "Lee", "Ann Lee"),
    ("Lee, Ann", None, "Ann", "Lee", "Ann Lee"),
    ("Lee, Dr. Ann, PhD", "Dr", "Ann", "Lee", "Ann Lee"),
    ("Lee, Ann, Sales", None, "Ann", "Lee", "Ann Lee"),
    ("Mary Jane Holloway", None, "Mary Jane", "Holloway", "Mary Jane Holloway"),
    ("John Q. Sample", None, "John", "Sample", "John Q. Sample"),
    ("J. R. Sample", None, "J. R.", "Sample", "J. R. Sample"),
    ("Ann", None, "Ann", None, "Ann"),
    # honorifics of six languages
    ("Mrs. Sample", "Mrs", None, "Sample", "Sample"),
    ("Mr John Sample", "Mr", "John", "Sample", "John Sample"),
    ("Herr Okafor", "Herr", None, "Okafor", "Okafor"),
    ("Herr Prof. Dr. Okafor", "Herr Prof Dr", None, "Okafor", "Okafor"),
    ("Okafor, Dr.", "Dr", None, "Okafor", "Okafor"),
    ("Prof. Dr. med. Jana Weiß", "Prof Dr", "Jana", "Weiß", "Jana Weiß"),
    ("Dipl.-Ing. (FH) Karl Muster", "Dipl.-Ing.", "Karl", "Muster", "Karl Muster"),
    ("Frau Mag. Eva Muster", "Frau Mag.", "Eva", "Muster", "Eva Muster"),
    ("Mme Claire Exemple", "Mme", "Claire", "Exemple", "Claire Exemple"),
    ("Monsieur Jean Exemple", "M.", "Jean", "Exemple", "Jean Exemple"),
    ("Sra. Ana Ejemplo", "Sra.", "Ana", "Ejemplo", "Ana Ejemplo"),
    ("Sig.ra Giulia Esempio", "Sig.ra", "Giulia", "Esempio", "Giulia Esempio"),
    ("Dott.ssa Giulia Esempio", "Dott.ssa", "Giulia", "Esempio", "Giulia Esempio"),
    ("Dhr. Jan Voorbeeld", "Dhr.", "Jan", "Voorbeeld", "Jan Voorbeeld"),
    ("Mevrouw J. van den Voorbeeld", "Mevr.", "J.", "van den Voorbeeld", "J. van den Voorbeeld"),
    ("Ing. Marco Esempio", "Ing.", "Marco", "Esempio", "Marco Esempio"),
    # and what only looks like one
    ("Ing-Marie Exempel", None, "Ing-Marie", "Exempel", "Ing-Marie Exempel"),
    ("Maj Exempel", None, "Maj", "Exempel", "Maj Exempel"),
    ("Herrmann Muster", None, "Herrmann", "Muster", "Herrmann Muster"),
    ("Drew Sample", None, "Drew", "Sample", "Drew Sample"),
    # degrees and generations
    ("Jane Sample MBA", None, "Jane", "Sample", "Jane Sample"),
    ("Jane Sample, M.D.", None, "Jane", "Sample", "Jane Sample"),
    ("Jane Sample Ph.D., CFA", None, "Jane", "Sample", "Jane Sample"),
    ("Jack Ma", None, "Jack", "Ma", "Jack Ma"),
    ("John Sample, Jr.", None, "John", "Sample", "John Sample Jr."),
    ("Sample Jr., John", None, "John", "Sample", "John Sample Jr."),
    ("John Sample III", None, "John", "Sample", "John Sample III"),
    ("JOHN SAMPLE III", None, "John", "Sample", "John Sample III"),
    # particles
    ("Anna van der Berg", None, "Anna", "van der Berg", "Anna van der Berg"),
    ("van der Berg, Anna", None, "Anna", "van der Berg", "Anna van der Berg"),
    ("Maria de la Cruz", None, "Maria", "de la Cruz", "Maria de la Cruz"),
    ("María del Carmen García", None, "María del Carmen", "García", "María del Carmen García"),
    ("José Ejemplo y García", None, "José", "Ejemplo y García", "José Ejemplo y García"),
    ("Hans-Peter von Muster", None, "Hans-Peter", "von Muster", "Hans-Peter von Muster"),
    ("Luiz da Silva", None, "Luiz", "da Silva", "Luiz da Silva"),
    ("Khalid al-Mithal", None, "Khalid", "al-Mithal", "Khalid al-Mithal"),
    ("Van Nguyen", None, "Van", "Nguyen", "Van Nguyen"),
    # capitals
    ("ANN LEE", None, "Ann", "Lee", "Ann Lee"),
    ("ann lee", None, "Ann", "Lee", "Ann Lee"),
    ("ANNA VAN DER BERG", None, "Anna", "van der Berg", "Anna van der Berg"),
    ("maria de la cruz", None, "Maria", "de la Cruz", "Maria de la Cruz"),
    ("MARIE LE BLANC", None, "Marie", "Le Blanc", "Marie Le Blanc"),
    ("RONALD MCDONALD", None, "Ronald", "McDonald", "Ronald McDonald"),
    ("angus macleod", None, "Angus", "MacLeod", "Angus MacLeod"),
    ("INES MACHADO", None, "Ines", "Machado", "Ines Machado"),
    ("O'NEILL, SHAUN", None, "Shaun", "O'Neill", "Shaun O'Neill"),
    ("shaun o’neill", None, "Shaun", "O'Neill", "Shaun O'Neill"),
    ("JEAN-LUC D'ANGELO", None, "Jean-Luc", "D'Angelo", "Jean-Luc D'Angelo"),
    ("khalid al-mithal", None, "Khalid", "al-Mithal", "Khalid al-Mithal"),
    ("ŁUKASZ WIŚNIEWSKI", None, "Łukasz", "Wiśniewski", "Łukasz Wiśniewski"),
    ("Ann deAngelo", None, "Ann", "deAngelo", "Ann deAngelo"),
    # scripts
    ("Łukasz Wiśniewski", None, "Łukasz", "Wiśniewski", "Łukasz Wiśniewski"),
    ("田中太郎", None, None, None, "田中太郎"),
    ("田中 太郎", None, "太郎", "田中", "田中 太郎"),
    ("김 민준", None, "민준", "김", "김 민준"),
    ("محمد المثال", None, "محمد", "المثال", "محمد المثال"),
    ("Мария Примерова", None, "Мария", "Примерова", "Мария Примерова"),
    ("Jose\u0301 Ejemplo", None, "Jos\u00e9", "Ejemplo", "Jos\u00e9 Ejemplo"),
    # what is dropped
    ('William "Bill" Sample', None, "William", "Sample", "William Sample"),
    ("William (Bill) Sample", None, "William", "Sample", "William Sample"),
    ("William 'Bill' Sample", None, "William", "Sample", "William Sample"),
    ("„Ann Lee“", None, "Ann", "Lee", "Ann Lee"),
    ("Ann 🚀 Lee", None, "Ann", "Lee", "Ann Lee"),
    ("Ann 👩\u200d💻 Lee ✨", None, "Ann", "Lee", "Ann Lee"),
    ("  Ann\u00a0 \tLee ", None, "Ann", "Lee", "Ann Lee"),
    ("Ann_Lee", None, "Ann", "Lee", "Ann Lee"),
    ("-", None, None, None, None),
    ("🚀", None, None, None, None),
    ("", None, None, None, None),
    ("Dr.", "Dr", None, None, None),
]


@pytest.fixture(scope="module")
def whole_names() -> dict[str, list[str | None]]:
    """All of them, read at once."""
    written = texts(*(name for name, *_ in WHOLE_NAMES))
    nothing = texts(*[None] * len(written))
    read = split_names(nothing, nothing, written).astype(object)
    return dict(zip(written, read.where(read.notna(), None).to_numpy().tolist(), strict=True))


@pytest.mark.parametrize(("written", "honorific", "first", "last", "full"), WHOLE_NAMES)
def test_a_whole_name(whole_names, written, honorific, first, last, full):
    assert whole_names[written] == [honorific, first, last, full]


@pytest.mark.parametrize(
    ("first", "last", "full", "expected"),
    [
        ("Ann", "Lee", None, [None, "Ann", "Lee", "Ann Lee"]),
        ("Dr. ANN", "MCDONALD", None, ["Dr", "Ann", "McDonald", "Ann McDonald"]),
        ("jean-luc", "VAN DER BERG", None, [None, "Jean-Luc", "van der Berg", "Jean-Luc van der Berg"]),
        ("John", "SAMPLE", None, [None, "John", "Sample", "John Sample"]),
        ("John", "Sample Jr.", None, [None, "John", "Sample", "John Sample Jr."]),
        ("Ann", "Dr. Lee, PhD", None, ["Dr", "Ann", "Lee", "Ann Lee"]),
        ("Maria", "Sample", "Dr. Maria Luise Sample", ["Dr", "Maria", "Sample", "Maria Luise Sample"]),
        ("Maria", None, "Maria Luise Sample", [None, "Maria", "Sample", "Maria Luise Sample"]),
        (None, "Sample", "Maria Luise Sample", [None, "Maria Luise", "Sample", "Maria Luise Sample"]),
        ("Ann Lee", None, "Ann Lee", [None, "Ann", "Lee", "Ann Lee"]),
        ("Ann", None, None, [None, "Ann", None, "Ann"]),
        (None, "Lee", None, [None, None, "Lee", "Lee"]),
        ("太郎", "田中", None, [None, "太郎", "田中", "田中 太郎"]),
        ("JD", "Sample", None, [None, "JD", "Sample", "JD Sample"]),
        (" ", "-", None, [None, None, None, None]),
        (None, None, None, [None, None, None, None]),
    ],
)
def test_parts_and_whole(first, last, full, expected):
    assert split(first, last, full) == expected


def test_index_and_order_are_kept():
    names = pd.Series(["Ann Lee", None, "Bo Sample", "Ann Lee"], index=[5, 5, 2, 9], dtype="str")
    nothing = pd.Series(pd.NA, index=names.index, dtype="str")
    read = split_names(nothing, nothing, names)
    assert read.index.tolist() == [5, 5, 2, 9]
    assert read["last_name"].fillna("-").tolist() == ["Lee", "-", "Sample", "Lee"]
    assert split_names(texts(), texts(), texts()).empty


words = st.sampled_from(
    ["Ann", "ANN", "lee", "van", "de la", "Dr.", "Prof", "PhD", "Jr.", "III", "McKay", "o'neill", "(Bo)", '"Bo"',
     "😀", "田中", "太郎", "x", "J.", ",", "-", "Łukasz", "e\u0301", "د", "\u200d", "Ltd"]
)  # fmt: skip
names = st.lists(words, max_size=6).map(" ".join) | st.text(max_size=12)


@settings(max_examples=8)
@given(st.lists(names, min_size=1, max_size=40), st.integers(0, 1000))
def test_a_name_is_read_alone_as_together_and_comes_out_clean(written, number):
    nothing = texts(*[None] * len(written))
    together = split_names(nothing, nothing, texts(*written))
    position = number % len(written)
    row = [None if pd.isna(value) else value for value in together.iloc[position]]
    assert split(full=written[position]) == row
    values = pd.concat([together[column] for column in together]).dropna()
    assert (values == values.map(lambda value: unicodedata.normalize("NFC", value))).all()
    assert (values == values.str.strip()).all()
    assert not values.str.contains("  ", regex=False).any()
    assert values.str.contains(r"\p{L}", regex=True).all()


WORDS = (
    "Ann", "Lee", "Jean-Luc", "Dr", "Herr", "Dipl-Ing", "Von", "Van", "La", "Phd", "Ma", "Junior", "Jr", "Öz", "Éva",
    "Sig", "Ra", "De", "Heer", "McDonald", "ANN", "lee", "X", "Łukasz", "Maria", "Al-Amin", "St", "Ii", "Sig-Ra",
)  # fmt: skip


def test_the_usual_shape_is_read_as_all_the_rules_would():
    """Every name of one, two or three of these words, and every word that the rules know, before and behind another."""
    known = [word.capitalize() for word in _SPECIAL_WORDS]
    written = [" ".join(words) for count in (1, 2) for words in itertools.product(WORDS, repeat=count)]
    written += [" ".join(words) for words in itertools.product(WORDS[::3], repeat=3)]
    written += [name for word in known for name in (word, f"{word} Lee", f"Ann {word}", f"Ann {word}-Lee")]
    names = texts(*dict.fromkeys(written))
    pd.testing.assert_frame_equal(
        read_parts(names), read_any_parts(names)[["name", "honorific", "generation"]]
    )
    pd.testing.assert_frame_equal(read_full_names(names), read_any_full_names(names))
