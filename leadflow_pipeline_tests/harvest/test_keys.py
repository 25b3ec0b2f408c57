"""Which lead a record is of: what people share makes no lead of two of them."""

from __future__ import annotations

import pandas as pd
import pytest

from leadflow_pipeline.harvest.keys import lead_ids

FIELDS = ("email", "phone", "source_key", "first_name", "last_name", "full_name")


def lead_id(**given: str) -> str | None:
    fields = pd.DataFrame([dict.fromkeys(FIELDS) | given], dtype="str")
    found = lead_ids("spring", "website", fields).iloc[0]
    return None if pd.isna(found) else found


@pytest.mark.parametrize("shared", [{"email": "info@acme.example"}, {"phone": "+49 30 23125 100"}])
def test_a_role_address_or_a_phone_is_not_a_person(shared) -> None:
    ada = lead_id(**shared, first_name="Ada", last_name="Bérg")
    assert ada == lead_id(**shared, full_name="ADA BERG")
    assert len({ada, lead_id(**shared, first_name="Hugo", last_name="Berg"), lead_id(**shared)}) == 3


def test_a_persons_own_address_is_the_key_alone() -> None:
    ada = lead_id(email="ada@acme.example", first_name="Ada", phone="030 23125100")
    assert ada == lead_id(email="ada@acme.example", first_name="Adda") == lead_id(email="ada@acme.example")
    assert ada == lead_id_of_the_first_release("email:ada@acme.example")


def test_without_a_name_phones_and_source_keys_are_what_they_were() -> None:
    assert lead_id(phone="030 23125100") == lead_id_of_the_first_release("phone:03023125100")
    key = lead_id_of_the_first_release("key:website:17")
    assert key == lead_id(source_key="17", first_name="Ada") == lead_id(source_key="17")
    assert lead_id(first_name="Ada") is None


def test_names_may_be_no_columns_at_all() -> None:
    fields = pd.DataFrame(
        {"email": ["info@acme.example"], "phone": [None], "source_key": [None]}, dtype="str"
    )
    assert lead_ids("spring", "", fields).iloc[0] == lead_id(email="info@acme.example")


def lead_id_of_the_first_release(key: str) -> str:
    """Ids that are stored must be found again for ever."""
    from hashlib import blake2b

    return blake2b(f"spring\x1f{key}".encode(), digest_size=16).hexdigest()
