"""The command's entry, and the explicit table of its commands."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click

from monitor.cli.problems import tell
from monitor.errors import ConfigError, Exit, WirewatchError

_COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("monitor.cli.setup:init", "Make a starter configuration and a first rule."),
    "run": ("monitor.cli.service:run", "Run the daemon."),
    "check": ("monitor.cli.setup:check", "Check the configuration and all rule files; every problem at once."),
    "demo": ("monitor.cli.demo:demo", "Watch a recorded offensive in little more than a minute."),
    "extract": ("monitor.cli.reading:extract", "Read facts out of text."),
    "replay": ("monitor.cli.reading:replay", "Run recorded items through the daemon's pipeline."),
    "test": ("monitor.cli.reading:test", "Run the tests inside rule files."),
    "backtest": ("monitor.cli.backtest:backtest", "Show what rules would have sent, and what an edit adds and removes."),
    "explain": ("monitor.cli.explain:explain", "Say why a rule told of an item, or why not."),
    "schema": ("monitor.cli.setup:schema", "Print the JSON Schema of rule files, for editors."),
    "rules": ("monitor.cli.rules:rules", "List rules, accept an edit that waits."),
    "feeds": ("monitor.cli.feeds:feeds", "List feeds and how they fare; add, import and export them."),
    "stories": ("monitor.cli.stories:stories", "List stories; merge, split and pin them."),
    "alerts": ("monitor.cli.alerts:alerts", "List alerts, show and acknowledge one, count what rules told."),
    "silence": ("monitor.cli.silence:silence", "Silence alerts for a while, list and end silences."),
    "outbox": ("monitor.cli.outbox:outbox", "List, show, retry and cancel deliveries."),
    "notify": ("monitor.cli.notify:notify", "Test a notifier, see what it would send."),
    "status": ("monitor.cli.status:status", "Say how the daemon and its feeds fare."),
    "doctor": ("monitor.cli.doctor:doctor", "Look at everything that a daemon needs here."),
    "config": ("monitor.cli.configuration:group", "Show the configuration, without secrets."),
    "backup": ("monitor.cli.data:backup", "Copy the store, also while the daemon runs."),
    "restore": ("monitor.cli.data:restore", "Put a backup back."),
    "migrate": ("monitor.cli.migrate:migrate", "Move a SQLite store to PostgreSQL."),
    "db": ("monitor.cli.data:db", "Check the store's file."),
    "export": ("monitor.cli.export:export", "Write items, stories, facts or alerts as JSON lines, CSV or Parquet."),
    "search": ("monitor.cli.looking:search", "Find items by their words."),
}


class _Lazy(click.Group):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="wirewatch")
def cli() -> None:
    """Wirewatch watches news feeds and tells you, with the sentence that proves it, when a place changes hands, a toll moves or
    a watched person speaks.

    Try it: wirewatch demo. Start: wirewatch init, then wirewatch run.
    """


def main() -> NoReturn:
    """Run the command line; expected errors end with their message and exit code."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.USAGE)
    except ConfigError as error:
        if error.problems:
            tell(error.problems, err=True)
        else:
            click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except WirewatchError as error:
        click.echo(f"wirewatch: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(Exit.OK)
    sys.exit(Exit.OK)
