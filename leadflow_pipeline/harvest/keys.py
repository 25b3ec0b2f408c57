"""Which record is the same record, and which lead is the same lead.

What belongs here: the content key of a record and the id of a lead. What does not: finding out that two leads
are the same person by anything but an exact key.

Keys are BLAKE2b hashes of 16 bytes, in hexadecimal.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadflow_pipeline.folding import folded
from leadflow_pipeline.harvest.normalise import TEXT, digits_of
from leadflow_pipeline.mailboxes import is_role_address

KEY_BYTES = 16
_SEPARATOR = "\x1f"

USABLE_EMAIL = r"^[^@\s]+@[^@\s]+$"
MIN_PHONE_DIGITS = 5
NAME_FIELDS = ("first_name", "last_name", "full_name")


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

    `fields` has the normalised columns email, phone and source_key, and perhaps first_name, last_name, full_name. An
    email counts if it has something on both sides of an @, a phone if it has 5 digits or more. A source key is known
    within its source only. The id is a hash of the campaign and the key, nothing else: it stays the same in every
    file and on every day.

    Colleagues share the mailbox of a role (`info@`) and a phone, so there the person's name, where it is known, is
    part of the key: two names are two leads. Whoever is told of by such an address or number alone is the lead
    without a name.
    """
    email, phone, source_key = (pa.array(fields[name], TEXT) for name in ("email", "phone", "source_key"))
    digits = digits_of(phone)
    has_email = pc.fill_null(pc.match_substring_regex(email, USABLE_EMAIL), False)
    has_phone = pc.fill_null(pc.greater_equal(pc.utf8_length(digits), MIN_PHONE_DIGITS), False)
    name = pa.array(_names_of_shared(fields, email, has_email, has_phone), TEXT)
    keys = [
        pc.binary_join_element_wise(
            pa.scalar(f"{campaign}{_SEPARATOR}{kind}:", TEXT),
            pc.if_else(usable, key, None),
            named,
            pa.scalar("", TEXT),
        )
        for kind, key, usable, named in (
            ("email", email, has_email, name),
            ("phone", digits, has_phone, name),
            (f"key:{source}", source_key, True, pa.scalar("", TEXT)),
        )
    ]
    return hash_texts(pc.coalesce(*keys).to_pandas().astype("str").set_axis(fields.index))


def _names_of_shared(
    fields: pd.DataFrame, email: pa.Array, has_email: pa.Array, has_phone: pa.Array
) -> pd.Series:
    """What a record's key needs beside an address or number that colleagues share: its folded name, else nothing."""
    by_email, by_phone = (usable.to_numpy(zero_copy_only=False) for usable in (has_email, has_phone))
    addresses = pd.Series(email.to_pandas(), dtype="str").set_axis(fields.index)
    is_shared = np.where(by_email, is_role_address(addresses), by_phone)
    names = pd.Series("", index=fields.index, dtype="str")
    if is_shared.any():
        shared = folded(full_names(fields[is_shared]))
        names[is_shared] = (_SEPARATOR + shared).where(shared != "").fillna("")
    return names


def full_names(fields: pd.DataFrame) -> pd.Series:
    """First and last name of each record as one text, else its full name; missing where no name is known."""
    first, last, full = (
        fields[name] if name in fields.columns else pd.Series(None, index=fields.index, dtype="str")
        for name in NAME_FIELDS
    )
    return (first + " " + last).fillna(full).fillna(first).fillna(last)
