"""Which record is the same record, and which lead is the same lead.

What belongs here: the content key of a record and the id of a lead. What does not: finding out that two leads
are the same person by anything but an exact key.

Keys are BLAKE2b hashes of 16 bytes, in hexadecimal.
"""

from __future__ import annotations

from hashlib import blake2b

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadflow_pipeline.harvest.normalise import TEXT, digits_of

KEY_BYTES = 16
_SEPARATOR = "\x1f"

USABLE_EMAIL = r"^[^@\s]+@[^@\s]+$"
MIN_PHONE_DIGITS = 5


def hash_texts(texts: pd.Series) -> pd.Series:
    """The key of each text; missing where the text is."""
    keys = [
        None if text is None else blake2b(text.encode(), digest_size=KEY_BYTES).hexdigest()
        for text in pa.array(texts, TEXT).to_pylist()
    ]
    return pd.Series(keys, index=texts.index, dtype="str")


def content_keys(payloads: pd.Series) -> pd.Series:
    """Key of each readable record, from its canonical payload: sorted columns, text as read, empty cells left
    out.

    So it does not depend on the file's name, encoding, delimiter or order of columns, or on the row's number.
    """
    return hash_texts(payloads)


def unreadable_keys(raw: pd.Series) -> pd.Series:
    """Key of each unreadable record, from its text. It never equals a readable record's: once the rules are
    mended and the file is imported again, the record comes in."""
    return hash_texts("unreadable" + _SEPARATOR + raw)


def lead_ids(campaign: str, source: str, fields: pd.DataFrame) -> pd.Series:
    """The id of each record's lead: from its email, else its phone, else its source key; missing without any.

    `fields` has the normalised columns email, phone and source_key. An email counts if it has something on
    both sides of an @, a phone if it has 5 digits or more. A source key is known within its source only. The
    id is a hash of the campaign and the key, nothing else: it stays the same in every file and on every day.
    """
    email, phone, source_key = (pa.array(fields[name], TEXT) for name in ("email", "phone", "source_key"))
    digits = digits_of(phone)
    keys = [
        pc.binary_join_element_wise(
            pa.scalar(f"{campaign}{_SEPARATOR}{kind}:", TEXT),
            pc.if_else(usable, key, None),
            pa.scalar("", TEXT),
        )
        for kind, key, usable in (
            ("email", email, pc.match_substring_regex(email, USABLE_EMAIL)),
            ("phone", digits, pc.greater_equal(pc.utf8_length(digits), MIN_PHONE_DIGITS)),
            (f"key:{source}", source_key, True),
        )
    ]
    return hash_texts(pc.coalesce(*keys).to_pandas().astype("str").set_axis(fields.index))
