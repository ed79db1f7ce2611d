"""Logs: one line each whatever is logged, no secret, no forged line, priorities for the journal."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from monitor import log

HOSTILE = "Title\n<0>forged\r\x1b[2Jcleared\x00 \u202eesrever"
ADDRESS = "https://user:hunter2@feeds.example/rss?x=1"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Configures logs as given, logs hostile lines, and returns what was written."""
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level

    def write(as_json: bool, environ: dict[str, str], minimum: str = "info") -> str:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        log.configure(minimum, json=as_json, environ=environ)
        logger = log.get("collect")
        logger.debug("not wanted")
        logger.warning("poll failed", feed=HOSTILE, url=ADDRESS, tried=[{"at": ADDRESS}])
        logging.getLogger("a.library").warning("cannot reach %s", ADDRESS)
        try:
            raise ValueError(f"bad answer of {ADDRESS}")
        except ValueError:
            logger.exception("a run failed")
        return stream.getvalue()

    yield write
    structlog.configure(**before)
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_json_lines_hold_no_secret_and_stay_one_line_each(written: Callable[..., str]) -> None:
    text = written(True, {})
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == [
        "poll failed",
        f"cannot reach {ADDRESS.replace('user:hunter2', '***')}",
        "a run failed",
    ]
    assert "hunter2" not in text and lines[0]["feed"] == HOSTILE, "JSON escapes what would break a line"
    assert lines[1]["part"] == "a.library" and "locals" not in text


def test_text_shows_no_control_characters_of_others(written: Callable[..., str]) -> None:
    text = written(False, {})
    first = text.splitlines()[0]
    assert "poll failed" in first and "forged" in first and "cleared" in first, "one line"
    assert not set("\x1b\x00\r\u202e") & set(text) and "hunter2" not in text


def test_under_the_journal_lines_carry_their_priority(written: Callable[..., str]) -> None:
    lines = written(True, {"JOURNAL_STREAM": "8:1"}).splitlines()
    assert [line[:4] for line in lines] == ["<4>{", "<4>{", "<3>{"]
    assert written(True, {}, "error").count("\n") == 2, "libraries warn, ours keep to the level"
