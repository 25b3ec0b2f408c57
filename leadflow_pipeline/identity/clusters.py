"""From pairs to people: connected components, and decisions that keep some apart.

What belongs here: who belongs together, given pairs. What does not: how pairs are found.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy

Positions = npt.NDArray[np.int64]


def components(
    count: int,
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    apart: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> Positions:
    """For each of `count` positions the smallest position of its component.

    `left` and `right` are pairs of positions that belong together, `apart` pairs that a person said are different.
    Two that are apart never end in one component: pairs are taken in the order given, and one that would bring them
    together is left out. So give the pairs in total order of the later one, and those known earlier keep their
    components when more arrive.
    """
    one, other = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
    smallest = _joined(count, one, other)
    if apart is None:
        return smallest
    first, second = (np.asarray(positions, dtype=np.int64) for positions in apart)
    broken = np.unique(smallest[first[smallest[first] == smallest[second]]])
    if not len(broken):
        return smallest
    is_broken = np.isin(smallest, broken)
    smallest[is_broken] = np.flatnonzero(is_broken)
    concerned, kept_apart = is_broken[one], is_broken[first] & is_broken[second]
    _join_in_order(smallest, (one[concerned], other[concerned]), (first[kept_apart], second[kept_apart]))
    return smallest


def _joined(count: int, left: Positions, right: Positions) -> Positions:
    links = scipy.sparse.coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(count, count))
    _, label = scipy.sparse.csgraph.connected_components(links, directed=False)
    _, first = np.unique(label, return_index=True)
    smallest: Positions = first.astype(np.int64)[label]
    return smallest


def _join_in_order(
    smallest: Positions, pairs: tuple[Positions, Positions], apart: tuple[Positions, Positions]
) -> None:
    """Joins pairs one after the other, in place, but for those that would break a decision.

    One by one, because whether a pair may be joined depends on those before it; only the components in which a
    decision stands come here, and people decide a few hundred times.
    """
    members = {int(position): [int(position)] for position in np.unique(np.concatenate(pairs))}
    enemies: dict[int, set[int]] = {}
    for one, other in zip(*(side.tolist() for side in apart), strict=True):
        enemies.setdefault(one, set()).add(other)
        enemies.setdefault(other, set()).add(one)
    for one, other in zip(*(side.tolist() for side in pairs), strict=True):
        root, joining = sorted((int(smallest[one]), int(smallest[other])))
        if root == joining or joining in enemies.get(root, ()):
            continue
        smallest[members[joining]] = root
        members[root] += members.pop(joining)
        for enemy in enemies.pop(joining, set()):
            enemies.setdefault(root, set()).add(enemy)
            enemies[enemy] = (enemies[enemy] - {joining}) | {root}
