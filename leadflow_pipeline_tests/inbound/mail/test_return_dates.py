"""Until when somebody is away: dates as people write them, beside the words that they write them with."""

from __future__ import annotations

from datetime import date, time

import pytest

from leadflow_pipeline.inbound.mail.return_dates import away_until

WRITTEN = date(2026, 2, 25)  # a Wednesday

CASES = """
I will return on March 3rd, 2026. | 2026-03-03
I'm away from 1st to 5th March. | 2026-03-05
I am out of office from March 1-5 and will respond when I return. | 2026-03-05
I will be out starting 02/26/2026 and will not return until 03/09/2026. | 2026-03-09
I'll be out Thursday 2/26 through Tuesday 3/3 | 2026-03-03
I'm on holiday until 13/3. | 2026-03-13
I'm out until Friday | 2026-02-27
I'm away from the 2nd to the 6th. | 2026-03-06
I'm out of the office today. | 2026-02-25
I will be back tomorrow | 2026-02-26
Back 2026-03-04. | 2026-03-04
Back in two weeks | 2026-03-11
I am on maternity leave until September 2026. | 2026-09-01
I'm out until the end of March. | 2026-03-31
returning Jan 5 | 2027-01-05
I was to return on 20 February. | none
Thank you for your message of 25 Feb 2026 09:10. Call +44 20 7946 0000. | none
Please contact my colleague in my absence. | none
Ich bin bis zum 12.05. nicht im Büro. | 2026-05-12
Vom 1.-5.3. bin ich nicht erreichbar | 2026-03-05
Ich bin vom 01.03. bis 08.03.2026 im Urlaub und ab dem 09.03. wieder erreichbar. | 2026-03-09
Wir haben vom 24.12. bis 02.01. geschlossen | 2027-01-02
Absente jusqu'au 1er mars 2026 | 2026-03-01
Je suis absent du 2 au 6 mars inclus. | 2026-03-06
Estoy de vacaciones del 2 al 6 de marzo, ambos inclusive | 2026-03-06
Estou de férias de 2 a 6 de março, retornando no dia 9 de março. | 2026-03-09
Sarò assente dal 2 al 6 marzo. Rientro il 9 marzo. | 2026-03-09
Ik ben met vakantie van 2/3 t/m 6/3. | 2026-03-06
Jag är på semester till och med 6 mars och är åter den 9 mars. | 2026-03-09
Jeg er tilbage mandag d. 9. marts. | 2026-03-09
Jsem na dovolené do 6. 3. 2026. | 2026-03-06
2026年3月2日～6日は不在です | 2026-03-06
3월 9일에 복귀합니다. | 2026-03-09
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_the_date_is_found(case: str) -> None:
    text, _, day = case.partition(" | ")
    language = "de" if " bin " in text else "nl" if text.startswith("Ik") else ""
    until = away_until(text, WRITTEN, language=language)
    assert str(until.date() if until else "none") == day


def test_a_last_day_is_away_to_its_end_and_a_day_of_return_not_at_all() -> None:
    last, back = away_until("Away until 3 March.", WRITTEN), away_until("Back on 3 March.", WRITTEN)
    assert last is not None
    assert back is not None
    assert (last.date(), last.time()) == (back.date(), time(23, 59, 59))
    assert back.time() == time()


def test_a_clock_in_america_settles_what_the_text_leaves_open() -> None:
    text = "I will be back on 4/3/2026."
    days = [away_until(text, WRITTEN, language="en", is_month_first=is_first) for is_first in (True, False)]
    assert [str(day and day.date()) for day in days] == ["2026-04-03", "2026-03-04"]
