"""How long a daemon takes from its start to READY=1, and to its first poll; the models load behind it.

    python benchmarks/daemon_start.py [--runs 3] [--feeds 500] [--json FILE]

The first run makes the store and compiles what it loads, and is left out. CPU is what the daemon itself had used when it was
ready.
"""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

from daemon_common import cost, daemon, folder, options, tell

_RULES = "rules: [{name: any, fact: casualty, notify: [console]}]\n"


async def start(home: Path, feeds: int) -> dict[str, float]:
    """Seconds by the wall to READY=1 and to the first request of a feed, and CPU seconds to READY=1."""
    first = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rows = "\n".join(f"  - {{url: 'http://127.0.0.1:{port}/{n}.xml', name: 'Feed {n}', family: f{n}}}" for n in range(feeds))
    configuration = (
        f"storage: sqlite:w.db\nrules: rules/\nnet: {{allow: [127.0.0.0/8]}}\nfeeds:\n{rows}\n"
        "notifiers:\n  console: {type: console}\n"
    )
    (home / "notify").unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(home / "notify"))
        notify.setblocking(False)
        began = time.perf_counter()
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(home / "compiled")}
        with daemon(home, configuration, _RULES, NOTIFY_SOCKET=str(home / "notify"), **compiled) as process:
            while b"READY=1" not in await asyncio.get_running_loop().sock_recv(notify, 4096):
                pass
            ready, used = time.perf_counter() - began, cost(process.pid).cpu
            await asyncio.wait_for(first.wait(), 120)
            polled = time.perf_counter() - began
    server.close()
    return {"to READY=1, s": round(ready, 2), "CPU to READY=1, s": round(used, 2), "to the first poll, s": round(polled, 2)}


async def measure(runs: int, feeds: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    with folder() as home:
        for run in range(runs + 1):
            found = await start(home, feeds)
            if run:
                rows.append({"run": run} | found)
    return rows


def main() -> None:
    asked = options(__doc__)
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--feeds", type=int, default=500)
    given = asked.parse_args()
    tell(asyncio.run(measure(given.runs, given.feeds)), given.json)


if __name__ == "__main__":
    main()
