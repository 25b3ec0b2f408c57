"""How a rep is called where figures are shown: pure.

Reps are employees, and a leaderboard is about persons: it cannot do without telling who is who. It does with their ids,
the words by which commands and campaign files name them, and never with names, addresses or pictures. Where the ids are
email addresses the part before the @ is shown. Dagster's event log keeps what is shown for as long as it is kept, and
whoever may open its web interface reads it; who wants no word of a person there gives reps slugs as ids. In JSON for
scripts the id is whole, as in every other table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def shown_names(reps: Iterable[str]) -> dict[str, str]:
    """Id -> what is shown of it: as short as told above, and different for each."""
    ids = sorted(set(reps))
    short = {rep: rep.partition("@")[0] for rep in ids}
    sharing = Counter(short.values())
    seen: Counter[str] = Counter()
    shown = {}
    for rep in ids:
        word = short[rep]
        seen[word] += 1
        shown[rep] = word if sharing[word] == 1 else f"{word} ({seen[word]})"
    return shown
