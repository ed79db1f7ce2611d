"""wirewatch config: the configuration as the daemon understands it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from monitor import config
from monitor.cli.common import config_option
from monitor.config import Config

_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


@click.group(name="config")
def group() -> None:
    """The configuration."""


@group.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
def show(config_path: Path, as_json: bool) -> None:
    """Show the configuration with all defaults filled in, and no secret: only where each secret is read from.

    Durations are seconds.

    Example: wirewatch config show --json
    """
    shown = without_secrets(config.require(config_path))
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = False
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # the attribute is untyped in ruamel
        yaml.dump(shown, sys.stdout)


def without_secrets(settings: Config) -> dict[str, Any]:
    """All settings as plain values. Logins inside addresses are hidden, and so is a webhook's path, which may be one."""
    values = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    del values["folder"]
    for notifier in values["notifiers"].values():
        if isinstance(notifier.get("url"), str):
            notifier["url"] = re.sub(r"(?<=[^/:])/.*", "/***", notifier["url"], count=1)
    hidden: dict[str, Any] = _hidden(values)
    return hidden


def _hidden(value: Any) -> Any:
    match value:
        case dict():
            return {key: _hidden(inner) for key, inner in value.items()}
        case list():
            return [_hidden(inner) for inner in value]
        case str():
            return _LOGIN.sub("***@", value)
    return value
