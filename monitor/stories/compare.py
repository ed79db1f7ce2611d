"""New items beside the live ones, and beside their stories: a batch at a time, with what it takes to know later whether a look
at a story still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from operator import itemgetter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.stories.features import FEATURES, Board, Compared, Numbers, Rows, pair_features, story_features
from monitor.stories.homes import NOWHERE
from monitor.stories.index import Index, Member
from monitor.stories.scorer import Weights, score_pairs, score_stories
from monitor.stories.sketch import Sketch

_DAY = 86400.0
_SECOND_LOOK, _BEHIND = 4, 3.0  # so many stories are looked at whole: those whose best pair is this close to the best of all
_HOPELESS = -4.0  # log-odds of the best pair: what fits no better is not looked at whole
FAR = 8.0
"""Log-odds against what was not even compared."""
_LOCAL = 10  # nearest neighbours that say how crowded an item's surroundings are
_DIGITS = 5  # the last bits of a product depend on the row's place in the matrix
THRESHOLD = 0.6
"""The packaged model's cosine from which a pair of the learned days is rather one event than two."""
_COPY_COLUMNS = [FEATURES.index(name) for name in ("same_link", "title_cos", "lead_contained")]
_LIKENESS = [FEATURES.index(name) for name in ("same_link", "title_cos")]
_COPY_LIKELY = 0.5  # below this in all of them nothing was reprinted
_T = TypeVar("_T", float, NDArray[np.float32])


@dataclass(frozen=True, slots=True)
class Settings:
    """How far grouping looks. A story that was silent for `horizon` seconds is over; where more than `max_items` are live,
    the longest silent stories leave first. `near` and `worded` are how many items are compared, by cosine and by shared
    rare words."""

    horizon: float = 400 * _DAY
    max_items: int = 30_000
    near: int = 40
    worded: int = 20
    copies_within: float = 4 * _DAY
    tidy_every: float = 3600.0
    leaves_below: float = -3.0  # log-odds at which an edited item is no longer what it was
    merges_above: float = 0.0  # log-odds beyond those to join, of an item in two stories and of these in one another
    merges_within: float = _DAY  # the age of a story that still may merge by itself
    exact_up_to: int = 150_000  # of more items the nearest are looked up in a graph, where `usearch` is installed
    settles: int = 512  # so many items are settled at once, however short the time in which they came


@dataclass(frozen=True, slots=True)
class Ahead:
    """An item version compared with what it may belong to: the rows, the features and log-odds of each pair, how crowded its
    surroundings are, and the numbers of the pairs that may be one text."""

    member: Member
    rows: NDArray[np.int64]
    features: Rows
    scores: NDArray[np.float64]
    local: float
    reprinted: Sequence[int]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a look rests on: the hour whose words counted, the homes as they were when their clock stood at `clock`, and those
    stories met whose best member has log-odds of `floor` and more. Whatever has less, and comes or goes elsewhere, is neither
    looked at whole nor the closest rival of one that is. The longest silent story met was last heard of at `oldest`."""

    hour: float
    clock: int
    weighed: Numbers
    floor: float
    oldest: float


@dataclass(frozen=True, slots=True)
class Looked:
    """An item version as compared with the live items: log-odds that it is what its item was, if that is live, and by story
    less those needed to join."""

    ahead: Ahead
    same: float
    stories: Mapping[str, float]
    story_rows: Rows
    grounds: Grounds


@dataclass(frozen=True, slots=True)
class _Met:
    """The stories of which members were compared, by item and story: the item's number, the story's, the highest and the
    blended log-odds of those members. They are `pairs[begin : begin + size]`, of the pairs of all items."""

    items: Numbers
    stories: Numbers
    best: NDArray[np.float64]
    blended: NDArray[np.float64]
    pairs: Numbers
    begin: Numbers
    size: Numbers

    def rows(self, chosen: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, float]]:
        """Number, item, story and highest log-odds of those chosen."""
        at = np.flatnonzero(chosen)
        return zip(at.tolist(), self.items[at].tolist(), self.stories[at].tolist(), self.best[at].tolist(), strict=True)


class Comparer:
    """Compares items with those of an index, and with their stories."""

    def __init__(self, index: Index, weights: Weights, settings: Settings) -> None:
        self._index, self.weights, self._settings = index, weights, settings
        self._stretch = 1.0

    def calibrate(self, threshold: float | None) -> None:
        """See `Grouper.calibrate`."""
        self._stretch = 1.0 if threshold is None else (1 - THRESHOLD) / (1 - threshold)

    def _like(self, cosine: _T) -> _T:
        return 1 - self._stretch * (1 - cosine)

    # -- items ------------------------------------------------------------------------------------------------------------

    def compare(self, members: Sequence[Member]) -> list[Ahead]:
        """Each of these items, which have rows, with what it may belong to."""
        sketches, own = [m.sketch for m in members], np.asarray([m.row for m in members])
        near, cosines = self._index.near(sketches, self._settings.near + 1)
        which, rows = self._candidates(sketches, own, near)
        old, at = np.unique(rows, return_inverse=True)
        found = self._index.cosines(sketches, old)[which, at] if cosines is None else cosines[which, rows]
        likeness = np.round(self._like(found), _DIGITS)
        likeness[self._index.bare(own)[which] | self._index.bare(rows)] = np.nan
        ends = np.searchsorted(which, np.arange(1, len(members)))
        local = np.asarray([_crowding(c) for c in np.split(likeness, ends)], np.float32)
        table = self._index.weights.table()
        sides = self._index.side(own, which), self._index.side(old, at)
        features = pair_features(*sides, Board(sketches, len(table)), likeness, local[which], table)
        scores = self.score(members, which, features).astype(np.float64)
        alike = features[:, _COPY_COLUMNS].max(axis=1, initial=0) >= _COPY_LIKELY
        reprinted = [np.flatnonzero(a).tolist() for a in np.split(alike, ends)]
        parts = members, np.split(rows, ends), np.split(features, ends), np.split(scores, ends), local.tolist(), reprinted
        return [Ahead(*one) for one in zip(*parts, strict=True)]

    def _candidates(self, new: Sequence[Sketch], own: Numbers, near: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
        """The rows that each item is compared with: the nearest, those that share rare words, those with its link. By item and
        row in ascending order."""
        most = self._settings
        worded = self._index.by_words(new, [(most.worded if len(rows) else most.near) + 1 for rows in near])
        linked = [np.asarray(self._index.by_link(s.link), np.int64) for s in new]
        lengths = [len(rows) for rows in (*near, *worded, *linked)]
        which = np.repeat(np.tile(np.arange(len(new)), 3), lengths)
        found = np.unique(which << 32 | np.concatenate((*near, *worded, *linked)))
        which, rows = found >> 32, found & 0xFFFFFFFF
        kept = self._index.used(rows) & (rows != own[which])
        return which[kept], rows[kept]

    def score(self, members: Sequence[Member], which: Numbers, features: Rows) -> NDArray[np.float32]:
        """The log-odds of pairs of these new items, numbered by `which`, with others. Training scores each by a model that has
        not seen it."""
        return score_pairs(self.weights, features)

    # -- stories ----------------------------------------------------------------------------------------------------------

    def look(self, aheads: Sequence[Ahead], now: float) -> list[Looked]:
        """Each of these items beside the live stories, as they are now."""
        index, homes, count = self._index, self._index.homes, len(aheads)
        which = np.repeat(np.arange(count), [len(a.rows) for a in aheads])
        rows, scores = np.concatenate([a.rows for a in aheads]), np.concatenate([a.scores for a in aheads])
        live = [index.member(a.member.item_id) for a in aheads]
        own = rows == np.asarray([m.row if m else NOWHERE for m in live])[which]
        same = np.full(count, -FAR)
        same[which[own]] = scores[own]
        home = homes.of[rows]
        placed = np.flatnonzero((home != NOWHERE) & ~own)
        seen = homes.seen[home[placed]]
        oldest = np.full(count, np.inf)
        np.minimum.at(oldest, which[placed], seen)
        placed = placed[seen >= now - self._settings.horizon]
        met = _met(which[placed], home[placed], scores[placed], placed)
        weighing = _weighing(met, count)
        stories = self._stories(aheads, met, self._chosen(met, weighing.close), weighing.rivals, scores)
        bounds = np.searchsorted(met.items, np.arange(count + 1)).tolist()
        looked = []
        for n, (ahead, floor, at) in enumerate(zip(aheads, weighing.floor.tolist(), pairwise(bounds), strict=True)):
            weighed = met.stories[slice(*at)][met.best[slice(*at)] >= floor]
            clock = homes.clock if live[n] is None else -1
            looked.append(
                Looked(ahead, float(same[n]), *stories[n], Grounds(index.hour, clock, weighed, floor, float(oldest[n])))
            )
        return looked

    def holds(self, looked: Looked, now: float) -> bool:
        """Whether another look would show the same. One at an item that is live already is never kept."""
        index, ahead, grounds = self._index, looked.ahead, looked.grounds
        known = grounds.clock < 0 or index.member(ahead.member.item_id) is not None
        if known or grounds.hour != index.hour or grounds.oldest < now - self._settings.horizon:
            return False
        moved = index.homes.moved(ahead.rows, grounds.clock)
        return not (ahead.scores[moved] >= grounds.floor).any() and not index.homes.told(grounds.weighed, grounds.clock)

    def _chosen(self, met: _Met, close: NDArray[np.bool_]) -> list[int]:
        """The stories to look at whole, by item: some of those that are close, the best first."""
        name = self._index.homes.story
        ranked = sorted((item, -best, name(story), n) for n, item, story, best in met.rows(close))
        return [n for _, found in groupby(ranked, key=itemgetter(0)) for *_, n in islice(found, _SECOND_LOOK)]

    def _stories(
        self, aheads: Sequence[Ahead], met: _Met, chosen: list[int], rivals: NDArray[np.float64], scores: NDArray[np.float64]
    ) -> list[tuple[dict[str, float], Rows]]:
        """For each item the log-odds of its chosen stories, less those needed to join, and their features."""
        index, items = self._index, met.items[chosen]
        names = [index.homes.story(story) for story in met.stories[chosen].tolist()]
        of = [aheads[n] for n in items.tolist()]
        gists = index.gists([(name, ahead.member.item_id) for name, ahead in zip(names, of, strict=True)])
        alike = np.concatenate([a.features[:, _LIKENESS] for a in aheads])
        compared = []
        for n, name, ahead, gist in zip(chosen, names, of, gists, strict=True):
            pairs = met.pairs[met.begin[n] : met.begin[n] + met.size[n]]
            cosine, vector = float("nan"), ahead.member.sketch.vector
            if vector is not None and gist.centre is not None:
                cosine = self._like(float(gist.centre @ vector))
            same_link, title_cosine = alike[pairs].max(axis=0).tolist()
            compared.append(
                Compared(
                    gist, len(index.members_of(name)), scores[pairs].tolist(), same_link, title_cosine, round(cosine, _DIGITS),
                    ahead.member.sketch.plain, ahead.local, float(rivals[n]),
                )
            )  # fmt: skip
        members = [a.member for a in aheads]
        board = Board([m.sketch for m in members], index.weights.known)
        rows = story_features(compared, index.side(np.asarray([m.row for m in members]), items), board)
        fits = self.fits(members, items, rows).tolist()
        bounds = np.searchsorted(items, np.arange(len(aheads) + 1)).tolist()
        return [(dict(zip(names[a:b], fits[a:b], strict=True)), rows[a:b]) for a, b in pairwise(bounds)]

    def fits(self, members: Sequence[Member], which: Numbers, features: Rows) -> NDArray[np.float32]:
        """As `score`, of these items with stories: log-odds less those needed to join."""
        return score_stories(self.weights, features)


@dataclass(frozen=True, slots=True)
class _Weighing:
    """By story met, whether its best member is close to the item's best, and the highest blended log-odds of the item's other
    stories; by item, the log-odds below which a story changes nothing."""

    close: NDArray[np.bool_]
    rivals: NDArray[np.float64]
    floor: NDArray[np.float64]


def _met(which: Numbers, home: Numbers, scores: NDArray[np.float64], pairs: Numbers) -> _Met:
    """The stories met by these pairs: item, story and log-odds of each."""
    key = which << 32 | home
    order = np.argsort(key, kind="stable")
    key, scores = key[order], scores[order]
    begin = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1]))[: len(key)])
    size = np.concatenate((begin[1:], [len(key)]))[: len(begin)] - begin
    best = np.maximum.reduceat(scores, begin) if len(begin) else scores
    total = np.bincount(np.repeat(np.arange(len(begin)), size), scores, len(begin))
    blended = np.where(size == 1, best, (best + total / size) / 2)
    return _Met(key[begin] >> 32, key[begin] & 0xFFFFFFFF, best, blended, pairs[order], begin, size)


def _weighing(met: _Met, count: int) -> _Weighing:
    """Of the stories that so many items met."""
    least = np.maximum(_highest(met.items, met.best, count) - _BEHIND, _HOPELESS)
    close = met.best >= least[met.items]
    first = _highest(met.items, met.blended, count)
    leads = met.blended == first[met.items]
    second = _highest(met.items[~leads], met.blended[~leads], count)
    second = np.where(np.bincount(met.items[leads], minlength=count) > 1, first, second)
    rivals = np.where(leads, second[met.items], first[met.items])
    hopeful = np.bincount(met.items[close], minlength=count) > 0
    floor = np.where(hopeful, np.minimum(least, second), _HOPELESS)
    return _Weighing(close, np.where(np.isinf(rivals), -FAR, rivals), floor)


def _highest(of: Numbers, values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The highest of each one's values, -inf where it has none."""
    out = np.full(count, -np.inf)
    np.maximum.at(out, of, values)
    return out


def _crowding(cosines: NDArray[np.float32]) -> float:
    """The mean cosine of the nearest neighbours: in a crowd of look-alikes a high cosine says less."""
    known = np.sort(cosines[~np.isnan(cosines)])[-_LOCAL:]
    return float(np.add.reduce(known) / len(known)) if len(known) else 0.0
