"""wirewatch alerts: what was told, why, and what people say of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from monitor import requests
from monitor.cli.common import change, config_option, copy_of, json_option, run, seconds, show, since_option, when
from monitor.cli.looking import limit_option
from monitor.cli.silence import by_option
from monitor.model import AlertEdge, Gate


@click.group(invoke_without_command=True)
@config_option
@since_option
@limit_option
@json_option
@click.pass_context
def alerts(ctx: click.Context, config_path: Path, since: str, limit: int, as_json: bool) -> None:
    """List the edges of alerts, the latest first; show one, say what you think of it.

    Example: wirewatch alerts --since 24h --json
    """
    if ctx.invoked_subcommand is None:
        _list(config_path, since, limit, as_json)


@alerts.command("list")
@config_option
@since_option
@limit_option
@json_option
def list_edges(config_path: Path, since: str, limit: int, as_json: bool) -> None:
    """List the edges of alerts, the latest first.

    Example: wirewatch alerts list --since 24h
    """
    _list(config_path, since, limit, as_json)


def _list(config_path: Path, since: str, limit: int, as_json: bool) -> None:
    from notifiers.render import as_json as edge_json
    from notifiers.render import value

    async def rows() -> list[dict[str, Any]]:
        async with copy_of(config_path) as store:
            found = await store.edges(time.time() - seconds(since), limit)
        return [edge_json(e) | {"change": f"{value(e.old) or ''} → {value(e.new) or ''}".strip(" →")} for e in found]

    columns = {
        "at": lambda r: r["at"],
        "alert": lambda r: f"{r['alert']}/{r['n']}",
        "edge": lambda r: r["edge"],
        "rule": lambda r: r["rule"],
        "title": lambda r: r["title"],
        "value": lambda r: r["change"],
    }
    show(run(rows()), as_json, columns)


@alerts.command("show")
@click.argument("alert")
@config_option
@json_option
def show_alert(alert: str, config_path: Path, as_json: bool) -> None:
    """Show the life of an alert: its edges with every gate they passed, and what people said of it.

    Example: wirewatch alerts show 5f0c2a9d11c3e7b4
    """

    async def found() -> list[dict[str, Any]]:
        async with copy_of(config_path) as store:
            edges = await store.edges(0.0, 1000, alert)
            said = (await store.acknowledgements([alert])).get(alert, ())
        told = [(e.at, _edge_row(e)) for e in edges]
        told += [(s.at, {"by": s.by, "at": when(s.at), "relevant": s.relevant, "note": s.note}) for s in said]
        return [row for _, row in sorted(told, key=lambda pair: pair[0])]

    rows = run(found())
    if not rows:
        raise click.ClickException(f"no alert {alert}; `wirewatch alerts` lists them")
    columns = {
        "at": lambda r: r["at"],
        "what": lambda r: r.get("edge", "acknowledged"),
        "detail": lambda r: r["title"] if "edge" in r else f"{r['by']}: {_judgement(r['relevant'])} {r['note']}".rstrip(),
        "gates": lambda r: "; ".join(f"{g['gate']}: {g['seen']}" for g in r.get("gates", ())),
    }
    show(rows, as_json, columns)


def _edge_row(edge: AlertEdge) -> dict[str, Any]:
    from notifiers.render import full_json

    return full_json(edge) | {"gates": [gate_row(gate) for gate in edge.gates]}


def gate_row(gate: Gate) -> dict[str, Any]:
    """A gate as JSON: `passed` null is held."""
    return {"gate": gate.name, "passed": gate.passed, "seen": gate.seen}


def _judgement(relevant: bool) -> str:
    return "relevant." if relevant else "not relevant."


@alerts.command()
@click.argument("alert")
@by_option
@click.option("--note", default="", help="What to remember of it.")
@click.option("--not-relevant", is_flag=True, help="It was not worth being told: counts against its rule's precision.")
@config_option
def ack(alert: str, by: str, note: str, not_relevant: bool, config_path: Path) -> None:
    """Say that you have seen an alert, and whether it was worth being told.

    Example: wirewatch alerts ack 5f0c2a9d11c3e7b4 --by ada --not-relevant --note "an anniversary"
    """
    said = {"alert": alert, "by": by, "relevant": not not_relevant, "note": note}
    answer = run(change(config_path, requests.ACKNOWLEDGE, said))
    if answer is None:
        click.echo(f"asked the running daemon: {alert} was acknowledged by {by}", err=True)
    elif not answer["ok"]:
        raise click.ClickException(f"no alert {alert}; `wirewatch alerts` lists them")


@alerts.command()
@config_option
@since_option
@json_option
def stats(config_path: Path, since: str, as_json: bool) -> None:
    """Show what each rule told, and how much of it was found relevant.

    Precision is the share of relevant alerts among those that somebody acknowledged; of several words the last counts.

    Example: wirewatch alerts stats --since 30d
    """

    async def rows() -> list[dict[str, Any]]:
        now = time.time()
        async with copy_of(config_path) as store:
            counts = await store.rule_counts(now - seconds(since), now + 1.0)
        return [
            {
                "rule": c.rule,
                "alerts": c.alerts,
                "edges": c.edges,
                "relevant": c.relevant,
                "not_relevant": c.not_relevant,
                "precision": c.precision,
            }
            for c in counts
        ]

    columns = {
        "rule": lambda r: r["rule"],
        "alerts": lambda r: str(r["alerts"]),
        "edges": lambda r: str(r["edges"]),
        "acknowledged": lambda r: str(r["relevant"] + r["not_relevant"]),
        "precision": lambda r: "-" if r["precision"] is None else f"{r['precision']:.0%}",
    }
    show(run(rows()), as_json, columns)
