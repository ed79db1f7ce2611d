"""What is wrong in a PostgreSQL store. Its pages are the server's business; what belongs together is ours."""

from __future__ import annotations

import asyncpg

from storage.postgres_partitions import TABLES
from storage.postgres_pool import Server, blocking, explain

_READ_WHOLE = "SELECT count(t.*) FROM {} t"
_UNSENT = "state IN ('pending', 'sending')"
_WRONG = {
    "items without the version that they show": """
        SELECT count(*) FROM items i LEFT JOIN item_versions v ON v.item_id = i.id AND v.version = i.version
        WHERE v.seq IS NULL""",
    "versions of no item": """
        SELECT count(*) FROM item_versions v WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.id = v.item_id)""",
    "items in a story that is not there": """
        SELECT count(*) FROM story_items l WHERE NOT EXISTS (SELECT 1 FROM stories s WHERE s.id = l.story_id)""",
    "stories that count other items than they have": """
        SELECT count(*) FROM stories s WHERE s.merged_into IS NULL
        AND s.items < (SELECT count(*) FROM story_items l WHERE l.story_id = s.id)""",
    "deliveries of no lane's turn": f"""
        SELECT count(*) FROM (
          SELECT lane FROM deliveries WHERE {_UNSENT} GROUP BY lane
          HAVING count(*) FILTER (WHERE ready IS NOT NULL) <> 1 AND NOT bool_or(folded_into IS NOT NULL)) lanes""",
    "deliveries that are finished and would be sent": f"""
        SELECT count(*) FROM deliveries WHERE NOT {_UNSENT} AND ready IS NOT NULL""",
}


def check(url: str, password: str | None) -> list[str]:
    """One finding a line, none where the store is sound. Reads every page, which the server checks by its sums where it has
    them. Raises StoreUnavailable, StoreCorrupt."""
    return blocking(_check(Server(url, password)))


async def _check(server: Server) -> list[str]:
    try:
        connection = await server.connect()
        try:
            for (table,) in await connection.fetch(TABLES):
                await connection.fetchval(_READ_WHOLE.format(table), timeout=None)
            counts = {what: await connection.fetchval(sql, timeout=None) for what, sql in _WRONG.items()}
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise explain(error, server.dsn) from error
    return [f"{count} {what}" for what, count in counts.items() if count]
