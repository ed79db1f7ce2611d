"""The `wirewatch` command in this process: arguments and standard input in, exit code, output and errors out."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from dataclasses import dataclass
from typing import Protocol

import structlog

from monitor.cli.main import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Command(Protocol):
    def __call__(self, *args: object, stdin: str | bytes = "") -> Done: ...


def wirewatch(*args: object, stdin: str | bytes = "") -> Done:
    """Run it as the shell would. What it sets up for logging is taken back."""
    given = stdin.encode("utf-8", "surrogatepass") if isinstance(stdin, str) else stdin
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    before, handlers, argv, keyboard = structlog.get_config(), logging.root.handlers[:], sys.argv, sys.stdin
    sys.argv, sys.stdin = ["wirewatch", *map(str, args)], io.TextIOWrapper(io.BytesIO(given), "utf-8")
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv, sys.stdin = argv, keyboard
        structlog.configure(**before)
        logging.captureWarnings(False)
        logging.root.handlers[:] = handlers
    return Done(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]
