"""Finds activation patterns that keep on whole sets around the samples (see `robust_cones`), where few random ones do.

A surviving pattern is one of X itself, by a direction strictly inside its robust cone, so patterns of moved samples
bring nothing more. Directions from many starts are moved away from the sets that they cut, all at once; a bias goes
into gaps between the sets along a direction; and patterns next to known ones differ in the nearest samples. All
functions are plain NumPy, so that they can stand word for word in generated code. Masks are boolean (n, P), one pattern
a column; directions are (d, P).
"""

from __future__ import annotations

import numpy as np

from reludsl.lowering.patterns import pattern_keys, sample_patterns
from reludsl.lowering.robust_cones import Reach, farthest_inside, inside, open_features, surviving


def robust_patterns(
    X: np.ndarray,
    count: int,
    seed: int,
    reach: Reach,
    slope: float = 0.0,
    draws: bool = False,
    pulls: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Distinct surviving patterns of samples X (n, d), at most `count`, a direction strictly inside the robust cone of
    each, how many random directions were drawn first, and how many of their patterns survive.

    The survivors among the patterns of `sample_patterns` come first, with their own directions where these are inside,
    so sets {0} change nothing. With `draws` there are no others; else they are searched until there are `count`, or the
    search brings no more. Of these, half are those that promise the most where `pulls` (n, c) says how each sample
    pulls at the outputs of the network without neurons, by minus the gradient of its loss. Fewer, or none, do not prove
    that there are no more. `slope` is as in `patterns`.
    """
    masks, directions, drawn = sample_patterns(X, count, seed, slope, draws)
    alive = inside(X, directions, reach)
    others = np.flatnonzero(~alive)
    alive[others], directions[:, others] = surviving(X, masks[:, others], reach)
    found = Found(X, reach, slope, count)
    found.add(masks[:, alive], directions[:, alive])
    survived = len(found.directions)
    if not draws:
        search_starts(found, seed)
        search_neighbours(found)
        if pulls is not None and len(found.masks) > survived:
            found = with_promising(found, survived, pulls, seed)
    return *found.arrays(), drawn, survived


def with_promising(found: Found, survived: int, pulls: np.ndarray, seed: int) -> Found:
    """The first `survived` patterns that were found, then the most promising ones, then others that were found."""
    X, reach, slope = found.X, found.reach, found.slope
    masks, directions = found.arrays()
    share = (masks.shape[1] - survived + 1) // 2
    parts = [
        improving_patterns(X, sign * pull[:, None] * X, reach, 0.0, share, seed, slope, directions, rounds=1)
        for pull in pulls.T
        for sign in (1.0, -1.0)
    ]
    best = np.argsort(-np.concatenate([values for *_, values in parts]), kind="stable")
    promising = np.hstack([part[0] for part in parts])[:, best]
    alive, inner = surviving(X, promising, reach)
    chosen = Found(X, reach, slope, survived + share)
    chosen.add(masks[:, :survived], directions[:, :survived])
    chosen.add(promising[:, alive], inner[:, alive])
    chosen.count = found.count
    chosen.add(masks[:, survived:], directions[:, survived:])
    return chosen


class Found:
    """Patterns found so far, distinct, in their order, until there are `count`."""

    def __init__(self, X: np.ndarray, reach: Reach, slope: float, count: int) -> None:
        self.X, self.reach, self.slope, self.count = X, reach.scaled(np.ones(X.shape[1])), slope, count
        self.keys: set[bytes | None] = {None}
        self.masks: list[np.ndarray] = []
        self.directions: list[np.ndarray] = []

    def full(self) -> bool:
        return len(self.masks) >= self.count

    def add(self, masks: np.ndarray, directions: np.ndarray) -> int:
        """Takes patterns (n, k) that survive by these directions (d, k); says how many of them are new. Samples without
        a side along a direction are active."""
        before = len(self.masks)
        masks = masks | (self.X @ directions == 0)
        for k, key in enumerate(pattern_keys(self.X, masks, self.slope)):
            if key not in self.keys and not self.full():
                self.keys.add(key)
                self.masks.append(masks[:, k])
                self.directions.append(directions[:, k])
        return len(self.masks) - before

    def add_directions(self, directions: np.ndarray) -> int:
        """Takes the patterns of those directions that are inside their robust cones."""
        directions = directions[:, inside(self.X, directions, self.reach)]
        return self.add(self.X @ directions >= 0, directions / np.linalg.norm(directions, axis=0))

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        n, d = self.X.shape
        masks = np.array(self.masks, dtype=bool).reshape(-1, n)
        return np.ascontiguousarray(masks.T), np.ascontiguousarray(np.array(self.directions).reshape(-1, d).T)


def improving_patterns(
    X: np.ndarray,
    Z: np.ndarray,
    reach: Reach,
    threshold: float,
    count: int,
    seed: int = 0,
    slope: float = 0.0,
    starts: np.ndarray | None = None,
    rounds: int = 8,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patterns of X (n, d), at most `count`, whose robust cones hold a unit u with Σ_k d_k z_kᵀu > threshold, d the
    gates of the pattern and z_k the rows of Z (n, d): columns that lower the objective, where Z is of the dual and the
    threshold is the penalty's strength (for columns that subtract, call it with -Z). Greatest values first.

    Returns masks, a u (d, q) for each, inside its robust cone up to rounding, and the values (q,), each at least 0.999
    of the largest in its cone. Found by ascent from random directions and from `starts` (d, k), such as those of the
    patterns at hand, then in `rounds` from the best ones to their neighbours: none found does not prove that there is
    none.
    """
    space = SearchSpace(X, reach)
    n, d = X.shape
    found = Found(X, reach, slope, n * 100 + 10_000)
    if space.X.any():
        generator = np.random.default_rng([seed, 0])
        given = np.zeros((d, 0)) if starts is None else starts[:, inside(X, starts, reach)]
        found.add_directions(given)
        U = starting_directions(space.X, space.batch, generator, space.biased)
        U = np.hstack([U, (given[space.features] * space.scale[:, None])])
        U = ascended(space.X, space.reach, U, generator, rows=Z[:, space.features] / space.scale, slope=slope)
        found.add_directions(space.directions(U))
        if space.biased:
            found.add_directions(space.directions(into_gaps(space.X, space.reach, U, 0)))
    masks, inner = found.arrays()
    reached = ((Z @ inner) * np.where(masks, 1.0, slope)).sum(axis=0)
    masks = masks[:, np.argsort(-reached, kind="stable")[: max(16, 2 * count)]]
    values, directions = farthest_inside(X, masks, reach, Z.T @ np.where(masks, 1.0, slope))
    equal, seen, climbed = equal_rows(X), set(found.keys), np.zeros(len(values), dtype=bool)
    for _ in range(rounds):
        best = np.argsort(-np.where(climbed, -1.0, values), kind="stable")[:8]
        best = best[~climbed[best] & (values[best] > 0)]
        if not len(best):
            break
        climbed[best] = True
        fresh = unseen(X, neighbours(X, masks[:, best], directions[:, best], reach, equal, 8), slope, seen)
        more, further = farthest_inside(X, fresh, reach, Z.T @ np.where(fresh, 1.0, slope))
        masks, directions = np.hstack([masks, fresh]), np.hstack([directions, further])
        values, climbed = np.concatenate([values, more]), np.concatenate([climbed, more == 0])
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > max(threshold, 0.0)][:count]
    return masks[:, order], directions[:, order], values[order]


class SearchSpace:
    """Samples, and how far they reach, in the features in which a direction may move, scaled to columns about 1; how
    many starts are moved at once."""

    def __init__(self, X: np.ndarray, reach: Reach) -> None:
        reach = reach.scaled(np.ones(X.shape[1]))
        self.features = max((open_features(X, part)[0] for part in reach.parts()), key=np.count_nonzero)
        self.X = X[:, self.features]
        self.scale = np.sqrt((self.X**2).mean(axis=0))
        self.scale[self.scale == 0] = 1.0
        self.X = self.X / self.scale
        self.reach = reach.within(np.ones(len(X), dtype=bool), self.features).scaled(self.scale)
        self.batch = max(16, min(128, 2_000_000 // len(X)))
        self.biased = bool(self.X.any()) and has_bias(self.X, self.reach)

    def directions(self, U: np.ndarray) -> np.ndarray:
        """The directions of X for directions of this space."""
        directions = np.zeros((len(self.features), U.shape[1]))
        directions[self.features] = U / self.scale[:, None]
        return directions


def search_starts(found: Found, seed: int) -> None:
    """Rounds of starts that move away from what they cut, until two of them in a row bring less than a new pattern in
    16 starts. If these are too few, biases go into the gaps nearest to where they are, then into the widest gaps."""
    space = SearchSpace(found.X, found.reach)
    if not space.X.any():
        return
    ends: list[np.ndarray] = []
    poor = rounds = 0
    while not found.full() and poor < 2:
        generator = np.random.default_rng([seed, rounds])
        U = starting_directions(space.X, space.batch, generator, space.biased)
        ends.append(ascended(space.X, space.reach, U, generator))
        new = found.add_directions(space.directions(ends[-1]))
        poor = poor + 1 if new < space.batch / 16 else 0
        rounds += 1
    for widest in (0, 8):
        for U in ends:
            if space.biased and not found.full():
                found.add_directions(space.directions(into_gaps(space.X, space.reach, U, widest)))


def search_neighbours(found: Found, batch: int = 16) -> None:
    """Patterns that differ from a known one in one of its nearest samples and survive, and their neighbours again.
    Ends when there are enough, or when 40 patterns were tried for each one asked for."""
    equal, seen = equal_rows(found.X), set(found.keys)
    tried = done = 0
    while done < len(found.masks) and not found.full() and tried < 40 * found.count:
        masks, directions = (np.array(part[done : done + batch]).T for part in (found.masks, found.directions))
        done += masks.shape[1]
        fresh = unseen(found.X, neighbours(found.X, masks, directions, found.reach, equal, 8), found.slope, seen)
        tried += fresh.shape[1]
        alive, inner = surviving(found.X, fresh, found.reach)
        found.add(fresh[:, alive], inner[:, alive])


def equal_rows(X: np.ndarray) -> np.ndarray:
    """For each row the number of the group of rows equal to it, (n,)."""
    groups: np.ndarray = np.unique(X, axis=0, return_inverse=True)[1].reshape(-1)
    return groups


def unseen(X: np.ndarray, masks: np.ndarray, slope: float, seen: set[bytes | None]) -> np.ndarray:
    """The patterns (n, k) whose keys are not in `seen`, each once; their keys are in it then."""
    fresh = []
    for k, key in enumerate(pattern_keys(X, masks, slope)):
        if key not in seen:
            seen.add(key)
            fresh.append(k)
    new: np.ndarray = masks[:, fresh]
    return new


def neighbours(
    X: np.ndarray, masks: np.ndarray, directions: np.ndarray, reach: Reach, equal: np.ndarray, nearest: int
) -> np.ndarray:
    """The patterns (n, k) that differ from given ones in one of the samples nearest to their direction's hyperplane,
    and in the samples that are equal to it, by the number of their group in `equal` (n,)."""
    sizes = np.linalg.norm(X, axis=1)
    room = (np.abs(X @ directions) - reach.of(directions)) / np.where(sizes > 0, sizes, 1.0)[:, None]
    room[sizes == 0] = np.inf
    near = np.argsort(room, axis=0, kind="stable")[: min(nearest, np.count_nonzero(sizes))]
    flips = equal[near].T.reshape(-1)  # the neighbours of a pattern follow each other
    result: np.ndarray = np.repeat(masks, len(near), axis=1) ^ ((equal[:, None] == flips) & (sizes > 0)[:, None])
    return result


def has_bias(X: np.ndarray, reach: Reach) -> bool:
    """Whether the last column is a constant that never moves."""
    still = reach.half_widths is None or not reach.half_widths[:, -1].any()
    still = still and (reach.radii is None or not reach.radii[-1])
    return bool(still and X[0, -1] != 0 and (X[:, -1] == X[0, -1]).all())


def starting_directions(X: np.ndarray, count: int, generator: np.random.Generator, biased: bool) -> np.ndarray:
    """Directions (d, count): a third are Gaussian, a third have few features, a third go from one sample to another,
    halfway between them if there is a bias."""
    n, d = X.shape
    directions = generator.standard_normal((d, count))
    kinds = np.arange(count) % 3
    few = np.flatnonzero(kinds == 1)
    kept = generator.random((d, len(few))) < 3 / d
    kept[generator.integers(d, size=len(few)), np.arange(len(few))] = True
    directions[:, few] *= kept
    between = np.flatnonzero(kinds == 2)
    first = generator.integers(n, size=len(between))
    second = (first + generator.integers(1, max(n, 2), size=len(between))) % n
    apart = (X[first] - X[second]).T
    if biased:
        apart[-1] = -((X[first] + X[second]) / 2 * apart.T)[:, :-1].sum(axis=1) / X[0, -1]
    different = apart.any(axis=0)
    directions[:, between[different]] = apart[:, different]
    return directions


def ascended(
    X: np.ndarray,
    reach: Reach,
    directions: np.ndarray,
    generator: np.random.Generator,
    steps: int = 150,
    rows: np.ndarray | None = None,
    slope: float = 0.0,
) -> np.ndarray:
    """Unit directions (d, P) after steps that raise their least margin |x_kᵀu| - h_k(u), the best on each way.

    The minimum over the samples is smoothed, with a temperature that falls and is higher for some starts than for
    others: from high ones a direction leaves its pattern far behind, from low ones it stays near. The columns of X are
    about 1. With `rows` Z (n, d), the first half of the steps also goes along Σ_k d_k Z_k, d the gates of the pattern.
    """
    U = directions / np.linalg.norm(directions, axis=0)
    lowest, strides = 10 ** generator.uniform([[-1.5], [-1.5]], [[-0.5], [-1.0]], (2, U.shape[1]))
    best, best_margins = U, np.full(U.shape[1], -np.inf)
    for step in range(steps):
        falling = 0.03 ** (step / (steps - 1))
        products = X @ U
        margins = np.abs(products) - reach.of(U)
        least = margins.min(axis=0)
        if rows is None or step >= steps // 2:
            better = least > best_margins
            best_margins = np.where(better, least, best_margins)
            best = np.where(better, U, best)
        weights = np.exp((least - margins) / (lowest * falling))
        weights /= weights.sum(axis=0)
        upward = X.T @ (weights * np.sign(products)) - reach.gradient(U, weights)
        upward -= U * (U * upward).sum(axis=0)
        upward /= np.maximum(np.linalg.norm(upward, axis=0), 1e-12)
        if rows is not None and step < steps // 2:
            along = rows.T @ np.where(products >= 0, 1.0, slope)
            along -= U * (U * along).sum(axis=0)
            upward += along / np.maximum(np.linalg.norm(along, axis=0), 1e-12)
        U = U + strides * np.sqrt(falling) * upward
        U /= np.linalg.norm(U, axis=0)
    result: np.ndarray = best
    return result


def into_gaps(X: np.ndarray, reach: Reach, directions: np.ndarray, widest: int) -> np.ndarray:
    """Directions with a bias, the last row, in the middle of a gap between the sets along the rest of the direction:
    first the gap nearest to the bias that is there, for every direction (d, P); then for each the widest gaps. What
    has no such gap keeps its bias."""
    level = X[0, -1]
    slopes = directions.copy()
    slopes[-1] = 0.0
    products, widths = X @ slopes, reach.of(slopes)
    order = np.argsort(products - widths, axis=0, kind="stable")
    lower = np.take_along_axis(products - widths, order, axis=0)[1:]
    upper = np.maximum.accumulate(np.take_along_axis(products + widths, order, axis=0), axis=0)[:-1]
    if not len(lower):
        return directions
    gaps, middles = lower - upper, (lower + upper) / 2
    distances = np.where(gaps > 0, np.abs(middles + directions[-1] * level), np.inf)
    chosen = np.concatenate([distances.argmin(axis=0)[None], np.argsort(-gaps, axis=0, kind="stable")[:widest]])
    open_ones = np.take_along_axis(gaps, chosen, axis=0) > 0
    biases = np.where(open_ones, -np.take_along_axis(middles, chosen, axis=0) / level, directions[-1])
    placed: np.ndarray = np.tile(directions, (1, len(chosen)))
    placed[-1] = biases.reshape(-1)
    return placed
