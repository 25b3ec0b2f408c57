"""What makes companies alike: pure."""

from __future__ import annotations

import pandas as pd
import pytest

from leadflow_pipeline.insight.similar_accounts import vectors
from leadflow_pipeline.insight.similar_accounts.companies import COMPARED, Companies, find_companies
from leadflow_pipeline.insight.similar_accounts.grams import BUCKETS, grams
from leadflow_pipeline.insight.similar_accounts.rules import SimilarityRules, SimilarityWeights
from leadflow_pipeline.insight.similar_accounts.vectors import Vectoriser, learn
from leadflow_pipeline_tests.benchmarks.invented_companies import invented_companies, nothing_happened

WEIGHTS = SimilarityWeights()


def companies(
    *leads: dict[str, object], outcomes: pd.DataFrame | None = None, words: tuple[str, ...] = ()
) -> Companies:
    rows = [
        {
            "lead_id": str(number),
            "received_at": pd.Timestamp("2026-03-02", tz="UTC") + pd.Timedelta(hours=number),
            "custom": "{}",
            **dict.fromkeys(COMPARED),
            **lead,
        }
        for number, lead in enumerate(leads)
    ]
    frame = pd.DataFrame(rows, columns=["lead_id", "received_at", "custom", *COMPARED]).astype(
        {name: "str" for name in COMPARED if name != "company_size"}
    )
    return find_companies(frame, nothing_happened() if outcomes is None else outcomes, words)


def of(domain: str | None, **fields: object) -> dict[str, object]:
    return {"company_domain": domain, "company": domain, "company_key": domain, **fields}


def likeness(found: Companies, weights: SimilarityWeights = WEIGHTS) -> pd.DataFrame:
    _, rows = learn(found.texts, len(found.accounts), weights)
    names = found.accounts["domain"]
    return pd.DataFrame(rows @ rows.T, index=names, columns=names)


def test_companies_are_alike_by_all_that_is_known_of_them():
    found = companies(
        of(
            "a.example",
            industry="medical equipment",
            company_size=120,
            city="Berlin",
            job_title="Head of Sales",
        ),
        of(
            "b.example",
            industry="medical supplies",
            company_size=90,
            city="Berlin",
            job_title="Head of Sales",
        ),
        of("c.example", industry="medical equipment", company_size=9000, city="Lisbon", job_title="Nurse"),
        of("d.example", industry="truck leasing", company_size=9500, city="Lisbon", job_title="Driver"),
    )
    alike = likeness(found)
    assert (
        alike.loc["a.example", "b.example"]
        > alike.loc["a.example", "c.example"]
        > alike.loc["a.example", "d.example"]
    )
    assert alike.loc["c.example", "d.example"] > alike.loc["b.example", "d.example"]
    by_industry = likeness(found, SimilarityWeights(size=0, place=0, titles=0, name=0))
    assert by_industry.loc["a.example", "c.example"] == pytest.approx(1, abs=1e-2)


def test_a_size_is_nearer_to_the_next_than_to_the_one_after():
    sizes = [of(f"{size}.example", company_size=size) for size in (20, 100, 800, 30_000)]
    alike = likeness(companies(*sizes), SimilarityWeights(name=0))
    assert alike.loc[
        "20.example", [f"{size}.example" for size in (20, 100, 800, 30_000)]
    ].is_monotonic_decreasing


def test_own_words_count_where_the_campaign_names_them():
    leads = [
        of("a.example", custom='{"product": "steel pipes"}'),
        of("b.example", custom='{"product": "pipes"}'),
        of("c.example", custom='{"product": "garden chairs"}'),
    ]
    alike = likeness(companies(*leads, words=("custom.product",)), SimilarityWeights(name=0))
    assert alike.loc["a.example", "b.example"] > 0.3 > alike.loc["a.example", "c.example"]
    assert companies(*leads).texts["kind"].unique().tolist() == ["company"]


def test_how_a_company_ended():
    happened = pd.DataFrame(
        [("0", "lost", 9, None), ("1", "won", 5, 100.0), ("2", "won", 3, 50.0), ("3", "meeting", 4, None)],
        columns=["lead_id", "outcome", "day", "value"],
    )
    happened["occurred_at"] = pd.Timestamp("2026-03-01T23:30", tz="UTC") + pd.to_timedelta(
        happened["day"], unit="D"
    )
    found = companies(
        of("a.example"), of("a.example"), of("a.example"), of("b.example"), of(None), outcomes=happened
    ).accounts
    assert found["leads"].tolist() == [3, 1]
    assert found["outcome"].tolist() == ["won", "open"]
    assert found.loc[0, "ended_on"] == pd.Timestamp("2026-03-06")
    assert found.loc[0, "value"] == 150
    assert found.loc[1, ["ended_on", "value"]].isna().all()


def test_a_company_of_which_nothing_is_known_that_others_share_has_no_vector():
    found = companies(of("a.example", industry="mining"), of("b.example", industry="mining"), of("qqq.test"))
    _, rows = learn(found.texts, 3, SimilarityWeights(name=0))
    assert rows.any(axis=1).tolist() == [True, True, False]


@pytest.mark.parametrize("leads", [(), (of("a.example", industry="mining"),)])
def test_no_company_and_a_lonely_one_make_a_model_too(leads):
    found = companies(*leads)
    model, rows = learn(found.texts, len(found.accounts), WEIGHTS)
    assert rows.shape == (len(leads), vectors.DIMENSIONS)
    again = Vectoriser.from_bytes(model.to_bytes())
    assert not again.vectors(found.texts, len(leads), WEIGHTS).any()


def test_a_model_is_its_bytes_and_the_same_companies_give_the_same():
    found = find_companies(invented_companies(300), nothing_happened())
    model, rows = learn(found.texts, 300, WEIGHTS)
    again, _ = learn(found.texts, 300, WEIGHTS)
    assert model.to_bytes() == again.to_bytes()
    stored = Vectoriser.from_bytes(model.to_bytes())
    assert abs(stored.vectors(found.texts, 300, WEIGHTS) - rows).max() < 1e-6
    one = found.texts[found.texts["account"].eq(7)].assign(account=0)
    assert abs(stored.vectors(one, 1, WEIGHTS)[0] - rows[7]).max() < 1e-6


def test_in_many_cells_nearly_all_neighbours_are_found(monkeypatch):
    monkeypatch.setattr(vectors, "MOST_COMPARED_WHOLE", 1000)
    found = find_companies(invented_companies(4000), nothing_happened())
    model, rows = learn(found.texts, 4000, WEIGHTS)
    cell = model.cell_of(rows)
    assert len(model.cells) == 63
    hits = 0
    for place in range(0, 4000, 100):
        alike = rows @ rows[place]
        looked_at = pd.Series(cell).isin(model.cells_near(rows[place])).to_numpy()
        hits += (alike[looked_at] >= pd.Series(alike).nlargest(10).min() - 1e-6).sum()
    assert hits >= 0.9 * 40 * 10


def test_grams_are_the_texts_own_and_each_kind_has_others():
    text, bucket = grams(pd.Series(["abc", "", "日本語"]), "industry")
    assert (text == 0).sum() == 3 + 2, "of _abc_: three of three letters, two of four"
    assert (text == 2).sum() == 3 + 2
    assert not (text == 1).any()
    assert ((bucket >= 0) & (bucket < BUCKETS)).all()
    assert set(bucket) != set(grams(pd.Series(["abc", "", "日本語"]), "city")[1])


def test_weights_that_make_all_the_same_are_refused():
    with pytest.raises(ValueError, match="at least one weight must be above 0"):
        SimilarityRules.model_validate({"weights": dict.fromkeys(SimilarityWeights.model_fields, 0)})
