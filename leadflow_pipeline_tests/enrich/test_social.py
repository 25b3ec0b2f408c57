"""Profiles on social networks: written one way, and nothing that is none."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.social import NETWORKS, tidy_linkedin_urls, tidy_profiles, tidy_social_urls


def texts(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


def profile(network: str, written: str) -> str | None:
    found = tidy_profiles(texts(written, None), network)[0]
    return None if pd.isna(found) else found


@pytest.mark.parametrize(
    ("written", "page"),
    [
        ("https://www.linkedin.com/in/ann-lee", "in/ann-lee"),
        ("http://de.LinkedIn.com/in/Ann-Lee/?trk=x", "in/ann-lee"),
        ("https://www.linkedin.com/in/ann-lee/de", "in/ann-lee"),
        ("https://www.linkedin.com/in/ann-lee/?originalSubdomain=de#about", "in/ann-lee"),
        ("https://www.linkedin.com/in/ann-lee/details/experience/", "in/ann-lee"),
        ("https://www.linkedin.com/in/j%C3%B6rg-mu%cc%88ster-12", "in/jörg-müster-12"),
        ("https://www.linkedin.com/in/田中", "in/田中"),
        ("https://www.linkedin.com/pub/ann-lee/12/345/67a", "pub/ann-lee/12/345/67a"),
        ("linkedin.com/company/acme/about/", "company/acme"),
        ("www.linkedin.com/mwlite/in/ann", "in/ann"),
        ("/in/ann-lee", "in/ann-lee"),
        ("company/12345", "company/12345"),
        ("https://www.linkedin.com/school/acme-university/", "school/acme-university"),
        ("https://www.linkedin.com/", None),
        ("https://www.linkedin.com/in/", None),
        ("https://www.linkedin.com/feed/", None),
        ("https://www.linkedin.com/posts/ann-lee_news", None),
        ("https://www.linkedin.com/sales/lead/ACw", None),
        ("https://www.linkedin.com/in/ann%20lee", None),
        ("https://lnkd.in/abc", None),
        ("https://acme.example/in/ann", None),
        ("https://notlinkedin.com/in/ann", None),
        ("ann-lee", None),
        ("ann lee", None),
        ("none", None),
    ],
)
def test_linkedin(written, page):
    found = tidy_linkedin_urls(texts(written))[0]
    assert (None if pd.isna(found) else found) == (page and f"https://www.linkedin.com/{page}")


@pytest.mark.parametrize(
    ("network", "written", "address"),
    [
        ("x", "https://twitter.com/AnnLee?s=20", "https://x.com/annlee"),
        ("x", "https://mobile.twitter.com/annlee/status/12", "https://x.com/annlee"),
        ("x", "https://twitter.com/#!/annlee", "https://x.com/annlee"),
        ("x", "@annlee", "https://x.com/annlee"),
        ("x", "annlee", None),
        ("x", "https://twitter.com/intent/tweet?text=x", None),
        ("x", "https://x.com/", None),
        ("x", "https://netflix.com/annlee", None),
        ("github", "github.com/Acme/tool", "https://github.com/acme"),
        ("github", "https://github.com/features", None),
        ("github", "n/a", None),
        ("facebook", "https://de-de.facebook.com/Acme/?ref=br", "https://www.facebook.com/acme"),
        (
            "facebook",
            "https://www.facebook.com/profile.php?id=1234&sk=about",
            "https://www.facebook.com/1234",
        ),
        (
            "facebook",
            "https://www.facebook.com/pages/Acme/123456",
            "https://www.facebook.com/pages/acme/123456",
        ),
        ("facebook", "https://www.facebook.com/sharer/sharer.php?u=x", None),
        ("facebook", "https://www.facebook.com/groups/acme", None),
        ("instagram", "https://www.instagram.com/acme.tools/?hl=de", "https://www.instagram.com/acme.tools"),
        ("instagram", "https://www.instagram.com/p/Cabc/", None),
        ("xing", "https://www.xing.com/profile/Ann_Lee2/cv?sc=1", "https://www.xing.com/profile/ann_lee2"),
        ("xing", "xing.com/jobs/x", None),
        ("youtube", "https://www.youtube.com/@AcmeTools/videos", "https://www.youtube.com/@acmetools"),
        (
            "youtube",
            "https://m.youtube.com/channel/UCabcdefghijklmnopqrstuV",
            "https://www.youtube.com/channel/UCabcdefghijklmnopqrstuV",
        ),
        ("youtube", "https://www.youtube.com/watch?v=abc", None),
    ],
)
def test_profile(network, written, address):
    assert profile(network, written) == address


def test_profiles_are_found_in_the_campaigns_own_fields_and_what_is_given_wins():
    custom = texts(
        "{}",
        '{"twitter": "@ann", "plan": "gold", "linkedin_url": "linkedin.com/in/ann"}',
        '{"Xing Profile": "xing.com/profile/Ann_Lee", "github": 5, "facebook": null}',
        '{"note": "met on facebook"}',
        None,
    )
    given_ = {"linkedin": texts("in/bo", "in/bo", None, None, None)}
    found = [json.loads(text) for text in tidy_social_urls(custom, given_)]
    assert found == [
        {"linkedin": "https://www.linkedin.com/in/bo"},
        {"linkedin": "https://www.linkedin.com/in/bo", "x": "https://x.com/ann"},
        {"xing": "https://www.xing.com/profile/ann_lee"},
        {},
        {},
    ]
    assert tidy_social_urls(texts()).empty


paths = st.text(alphabet='aÀ%2C0.-_/?#&=@" \\!i', max_size=14)
addresses = st.builds(
    lambda host, path: f"https://{host}/{path}",
    st.sampled_from(
        ["linkedin.com", "de.linkedin.com", "x.com", "www.facebook.com", "youtube.com", "xing.com"]
    ),
    st.builds(
        lambda start, path: start + path, st.sampled_from(["", "in/", "@", "profile/", "pages/a/"]), paths
    ),
)


@settings(max_examples=25)
@given(addresses | paths, st.sampled_from(sorted(NETWORKS)))
def test_a_tidy_address_is_its_own_tidy_address_and_safe_in_json(written, network):
    found = profile(network, written)
    assert found is None or profile(network, found) == found
    collected = tidy_social_urls(texts("{}"), {network: texts(written)})[0]
    assert json.loads(collected) == ({} if found is None else {network: found})
