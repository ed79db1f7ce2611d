"""Structured logs on standard error: one JSON object a line, or coloured text where a person looks on. What libraries log
goes the same way. Under systemd's journal each line carries its priority, and nothing that a line is given can forge another
line, a colour, or show a password that stands in an address."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO, cast

import structlog

# Local variables may hold addresses that are secrets: they stay out of tracebacks.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_OURS = "wirewatch"
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]{1,500}@")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

Event = structlog.typing.EventDict
Logger = structlog.typing.WrappedLogger


def configure(level: str = "info", *, json: bool | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Set up logging for a process: our lines from `level` on, those of libraries from warnings on. `json` None: text on a
    terminal, JSON elsewhere."""
    as_json = not sys.stderr.isatty() if json is None else json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        conceal,
    ]
    last: list[structlog.typing.Processor] = (
        [_TRACEBACKS, conceal, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if as_json
        else [
            one_line,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback),
        ]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _name_part, *shared],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Prioritized(formatter) if "JOURNAL_STREAM" in environ else formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger(_OURS).setLevel(number)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


class _Prioritized(logging.Formatter):
    """Puts the priority in front of a line, as sd-daemon(3) has it; the journal takes it off."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelname.lower(), 6)}>{self._inner.format(record)}"


def _traceback(out: TextIO, error: structlog.typing.ExcInfo) -> None:
    """A traceback as text, without the passwords of addresses."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    out.write(_IN_ADDRESS.sub("***@", text.getvalue()))


def conceal(logger: Logger, method: str, event: Event) -> Event:
    """Take user and password out of every address in a line."""
    return cast(Event, _each(event, lambda text: _IN_ADDRESS.sub("***@", text)))


def one_line(logger: Logger, method: str, event: Event) -> Event:
    """Take control and direction characters out of a line that a terminal shows."""
    return cast(Event, _each(event, lambda text: _CONTROLS.sub(" ", text)))


def _each(value: Any, change: Any) -> Any:
    match value:
        case str():
            return change(value)
        case dict():
            return {key: _each(one, change) for key, one in value.items()}
        case list() | tuple():
            return [_each(one, change) for one in value]
    return value


def _name_part(logger: Logger, method: str, event: Event) -> Event:
    """A library's line carries its logger's name where ours carry `part`."""
    event["part"] = event["_record"].name
    return event


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines carry `part=name`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(_OURS, part=name))
