"""Company names: one tidy for showing, one folded for matching.

What belongs here: spelling and legal forms. What does not: whether two companies are one. Pure. Stages share it, so
that a company means the same wherever it is named.
"""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.folding import folded

LEGAL_FORMS: tuple[str, ...] = (
    # English-speaking countries
    "inc", "incorporated", "corp", "corporation", "co", "company", "llc", "llp", "lllp", "lp", "ltd",
    "limited", "plc", "pllc", "pty", "pty ltd", "pte", "pte ltd", "pvt", "pvt ltd", "private limited",
    "public limited company", "proprietary limited", "cic", "dac", "ulc", "ltee", "limitee",
    # German-speaking countries
    "gmbh", "ggmbh", "g gmbh", "mbh", "gesmbh", "ges mbh", "gesellschaft mbh",
    "gesellschaft mit beschrankter haftung", "ag", "aktiengesellschaft", "kg", "kgaa",
    "kommanditgesellschaft", "ohg", "gbr", "ug", "haftungsbeschrankt", "eg", "ek", "e kfm", "e kfr", "og",
    "partg", "partg mbb", "partgmbb", "mbb", "se", "stiftung",
    # France, Belgium, Luxembourg, Switzerland
    "sa", "sas", "sasu", "sarl", "eurl", "snc", "sca", "scs", "sci", "scop", "scrl", "srl", "sprl", "asbl",
    "gie", "societe anonyme",
    # Netherlands, Flanders
    "bv", "nv", "bvba", "cv", "cvba", "vof", "vzw", "besloten vennootschap", "naamloze vennootschap",
    # Italy, Spain, Portugal, Latin America
    "spa", "srls", "sapa", "scarl", "sl", "slu", "sll", "sau", "sal", "sc", "scp", "coop", "lda", "limitada",
    "ltda", "eireli", "epp", "sociedad anonima", "sociedad limitada", "societa per azioni", "sgps",
    "sa de cv", "sab de cv", "sapi de cv", "s de rl", "s de rl de cv", "sac", "saa", "saic", "saci", "sacif",
    "cia", "cia ltda", "sa esp", "sab",
    # Nordic and Baltic countries
    "ab", "aktiebolag", "publ", "hb", "as", "asa", "ans", "aps", "ivs", "ks", "oy", "oyj", "abp", "ky", "ehf",
    "hf", "ou", "sia", "uab",
    # Central, eastern and south-eastern Europe
    "sp z o o", "sp zoo", "spolka z o o", "spolka akcyjna", "sp j", "sp k", "spol s r o", "sro", "zrt",
    "nyrt", "kft", "bt", "doo", "dd", "jdoo", "ood", "eood", "ead", "ooo", "oao", "pao", "zao", "tov", "jsc",
    "ojsc", "pjsc", "cjsc", "epe", "ike",
    # Turkey, Middle East, Asia
    "ltd sti", "anonim sirketi", "ltd co", "co ltd", "wll", "psc", "fze", "fzco", "fz llc", "saog", "bsc",
    "kk", "kabushiki kaisha", "gk", "bhd", "sdn", "sdn bhd", "berhad", "tbk", "pcl", "tnhh",
    "limited liability company",
)  # fmt: skip
"""Legal forms, folded. Those of up to four letters are also found with spaces for their dots (`S.A.`, `G m b
H`)."""

FIRST_LEGAL_FORMS: tuple[str, ...] = ("ооо", "оао", "зао", "пао", "ао", "тов")
"""Written before the name (Russia, Ukraine)."""
UNSPACED_LEGAL_FORMS: tuple[str, ...] = (
    "株式会社", "有限会社", "合同会社", "股份有限公司", "有限责任公司", "有限公司", "주식회사", "유한회사",
)  # fmt: skip
"""Written before or behind the name, mostly without a space (Japan, China, Korea)."""

DOTTED_LEGAL_FORMS = ("a c", "a d", "a e", "c a", "d a", "e i", "e u", "e v")
"""Found only where each letter stands alone: run together they are words or initials too often."""

TIDY_ENDS = " \t,;|-–—_"


def tidied(names: pd.Series) -> pd.DataFrame:
    """Columns `company` (as written, single spaces, no quotes around it) and `company_key` (folded, without
    legal forms at the end), indexed as `names`. A name that is nothing but a legal form keeps it; one
    without a letter or digit has no key. It looks at each name by itself: of many leads give the distinct names."""
    tidy = names.str.replace(r"[\s\p{Cc}\p{Z}]+", " ", regex=True).str.strip(TIDY_ENDS)
    is_quoted = tidy.str.match(r'["„“«]')
    if is_quoted.any():
        bare = tidy[is_quoted].str.replace(
            r'^"([^"]*)"$|^[„“]([^“”]*)[“”]$|^«([^»]*)»$', r"\1\2\3", regex=True
        )
        tidy[is_quoted] = bare.str.strip(TIDY_ENDS)
    tidy = tidy.mask(tidy == "")
    key = folded(tidy)
    # Forms without a space before them need a pattern that takes three times as long.
    is_plain = key.str.isascii().fillna(True).astype(bool)
    plain = key[is_plain].str.replace(_LEGAL_ENDS, "", regex=True)
    others = key[~is_plain].str.replace(_ANY_LEGAL_ENDS, r"\1", regex=True)
    key = pd.concat([plain, others.str.replace(_LEGAL_BEGINNINGS, r"\1", regex=True)]).reindex(key.index)
    return pd.DataFrame({"company": tidy, "company_key": key.mask(key == "")})


def _written_apart(form: str) -> str:
    return " ".join(" ?".join(word) if len(word) <= 4 else word for word in form.split())


# A form needs a space before it, or else some of the name, so that something is left
_SPACED = rf"(?: and)? (?:{'|'.join([*map(_written_apart, LEGAL_FORMS), *DOTTED_LEGAL_FORMS])})"
_UNSPACED = rf"(?:{'|'.join(UNSPACED_LEGAL_FORMS)})"
_LEGAL_ENDS = rf"(?:{_SPACED})+$"
_ANY_LEGAL_ENDS = rf"^(.+?)(?:{_SPACED}| ?{_UNSPACED})+$"
_LEGAL_BEGINNINGS = rf"^(?:(?:{'|'.join(FIRST_LEGAL_FORMS)}) |{_UNSPACED} ?)+(.+)$"
