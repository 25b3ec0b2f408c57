"""Words in and around names that are not the name itself.

What belongs here: honorifics, degrees, generations, particles, and names written with a capital inside. What does
not: how they are looked for (`names.py`). All are written in lower case; a space stands for any mix of spaces, dots
and hyphens.
"""

from __future__ import annotations

HONORIFICS: dict[str, tuple[str, ...]] = {
    # English
    "Mr": ("mr", "mister"),
    "Mrs": ("mrs",),
    "Ms": ("ms",),
    "Miss": ("miss",),
    "Mx": ("mx",),
    "Sir": ("sir",),
    "Capt": ("capt", "captain"),
    "Lt": ("lt", "lieutenant"),
    "Sgt": ("sgt", "sergeant"),
    "Dr": (
        "dr", "ddr", "doctor", "doktor", "dra", "drin", "dr med", "dr med dent", "dr med vet", "dr phil",
        "dr rer nat", "dr rer pol", "dr rer oec", "dr oec", "dr jur", "dr iur", "dr ing", "dr h c",
        "dr habil", "dr techn", "dr sc", "dr agr", "dr theol",
    ),
    "Prof": ("prof", "professor", "professorin", "univ prof", "professeur", "profesor", "profesora", "professore"),
    # German
    "Herr": ("herr", "herrn"),
    "Frau": ("frau", "fräulein"),
    "Dipl.-Ing.": ("dipl ing", "diplom ing", "diplomingenieur", "dipl inform"),
    "Dipl.-Kfm.": ("dipl kfm", "dipl kffr", "dipl kaufmann", "dipl kauffrau", "dipl betriebsw", "dipl bw"),
    "PD": ("priv doz", "privatdozent", "privatdozentin"),
    # French
    "M.": ("monsieur", "mr le"),
    "Mme": ("mme", "madame"),
    "Mlle": ("mlle", "mademoiselle"),
    # Spanish and Portuguese
    "Sr.": ("sr", "señor", "senhor"),
    "Sra.": ("sra", "señora", "senhora"),
    "Srta.": ("srta", "señorita"),
    "D.ª": ("doña", "dña"),
    # Italian
    "Sig.": ("signor", "signore"),
    "Sig.ra": ("sig ra", "signora"),
    "Sig.na": ("sig na", "signorina"),
    "Dott.": ("dott", "dottor", "dottore"),
    "Dott.ssa": ("dott ssa", "dottoressa"),
    # Dutch
    "Dhr.": ("dhr", "de heer", "meneer"),
    "Mevr.": ("mevr", "mevrouw", "mw"),
    "Drs.": ("drs",),
}  # fmt: skip
"""How an honorific is shown, and how it is written."""

DOTTED_HONORIFICS: dict[str, tuple[str, ...]] = {
    "Herr": ("hr",), "Frau": ("fr",), "Ing.": ("ing",), "Mag.": ("mag", "mag a"), "Rev": ("rev",),
    "Hon": ("hon",), "Gen": ("gen",), "Col": ("col",),
    "Maj": ("maj",), "Prof": ("pr",), "Sig.": ("sig",), "Lic.": ("lic",), "Arq.": ("arq",), "Arch.": ("arch",),
    "Avv.": ("avv",), "Eng.": ("eng",), "Ir.": ("ir",),
}  # fmt: skip
"""Honorifics only where a dot follows: without it, they are somebody's name."""

DEGREES: tuple[str, ...] = (
    "phd", "dphil", "mba", "emba", "msc", "bsc", "meng", "beng", "mphil", "mph", "mpa", "mfa", "bba", "bcom",
    "mcom", "llm", "llb", "edd", "dds", "dmd", "dvm", "pharmd", "psyd", "cpa", "cfa", "cfp", "pmp", "cissp",
    "acca", "fca", "fcca", "sphr", "phr", "esq", "obe", "mbe", "cbe", "frcs", "dipl ing", "dipl kfm",
)  # fmt: skip
"""Behind a name, with or without a comma and dots."""
SHORT_DEGREES: tuple[str, ...] = (
    "md", "ma", "ba", "ms", "bs", "rn", "pe", "jd", "do", "np", "pa", "ra", "od", "pt", "dc",
)  # fmt: skip
"""Behind a comma and in capitals only: else they are names (Jack Ma)."""
GENERATIONS: dict[str, str] = {"jr": "Jr.", "sr": "Sr.", "ii": "II", "iii": "III", "iv": "IV"}

PARTICLES: tuple[str, ...] = (
    "van", "von", "vom", "de", "der", "den", "del", "della", "dello", "delle", "degli", "dei", "dalla", "dal",
    "di", "da", "das", "do", "dos", "du", "des", "ter", "ten", "te", "zu", "zur", "zum", "af", "av", "bin",
    "ibn", "bint",
)  # fmt: skip
"""Begin a last name and are in lower case."""
CAPITAL_PARTICLES: tuple[str, ...] = (
    "la", "le", "las", "los", "el", "al", "abu", "san", "santa", "santo", "saint", "sainte", "st", "sankt",
)  # fmt: skip
"""Begin a last name, and are in lower case only behind `de`."""

MAC_NAMES: tuple[str, ...] = (
    "macalister", "macallister", "macarthur", "macaskill", "macaulay", "maccallum", "maccormack", "macdonald",
    "macdonnell", "macdougall", "macdowell", "macfarlane", "macgowan", "macgregor", "macinnes", "macintosh",
    "macintyre", "mackay", "mackenzie", "mackinnon", "maclachlan", "maclean", "maclellan", "macleod",
    "macmahon", "macmillan", "macnamara", "macneil", "macneill", "macphail", "macpherson", "macqueen",
    "macrae", "mactaggart", "mactavish",
)  # fmt: skip
"""Names with a capital behind Mac. Of all others that begin so (Macias, Mackey, Machado) it is not known."""
