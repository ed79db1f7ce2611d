"""wirewatch stories, search: what the store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from monitor.cli.common import config_option, copy_of, json_option, run, show, when

limit_option = click.option("--limit", default=50, show_default=True, help="At most so many rows.")


@click.command()
@click.argument("query", nargs=-1, required=True)
@config_option
@limit_option
@json_option
def search(query: tuple[str, ...], config_path: Path, limit: int, as_json: bool) -> None:
    """Find items that have all these words, the best first.

    Example: wirewatch search aleppo airport
    """

    async def rows() -> list[dict[str, Any]]:
        async with copy_of(config_path) as store:
            found = await store.search(" ".join(query), limit)
        return [
            {
                "id": i.id,
                "outlet": i.outlet,
                "published": when(i.published),
                "title": i.title,
                "summary": i.summary,
                "link": i.link,
            }
            for i in found
        ]

    columns = {
        "published": lambda r: r["published"],
        "outlet": lambda r: r["outlet"],
        "title": lambda r: r["title"],
        "link": lambda r: r["link"] or "",
    }
    show(run(rows()), as_json, columns)
