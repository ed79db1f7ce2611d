"""What the demo shows: each message as its receiver got it, and a summary at the end."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_STYLES = {"New": "bold cyan", "Update": "bold blue", "Confirmed": "bold green", "Correction": "bold yellow"}
_STYLES |= {"Denied": "bold red", "Withdrawn": "bold red"}


class Screen:
    """Writes to a terminal, in colour where there is one."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self.messages = 0
        self.mails = 0

    def slack(self, message: Mapping[str, Any]) -> None:
        """A message as it reached Slack's webhook, block by block."""
        self.messages += 1
        parts: list[Text] = []
        style = "white"
        for block in message.get("blocks", ()):
            texts = [block["text"]["text"]] if "text" in block else [e["text"] for e in block.get("elements", ())]
            for text in texts:
                if block["type"] == "header":
                    style = _STYLES.get(text.partition(":")[0], style)
                parts.append(Text(_unescape(text), style if block["type"] == "header" else _STYLE_OF.get(block["type"], "")))
        self._console.print(Panel(Group(*parts), title="Slack  #desk", title_align="left", border_style=style))

    def mail(self, content: bytes) -> None:
        """A mail as it reached the mailbox: one line, since its words are those of the Slack message."""
        self.mails += 1
        message = email.message_from_bytes(content, policy=email.policy.default)
        self._console.print(f"[dim]Mail to {escape(str(message['To']))}:[/] {escape(str(message['Subject']))}")

    def say(self, text: str) -> None:
        self._console.print(text)

    def summary(self, counts: Mapping[str, int], alerts: Mapping[str, int], suppressed: Mapping[str, int]) -> None:
        """What went in, what came out, what was kept silent and why."""
        table = Table(title="The offensive in numbers", title_justify="left")
        for column in ("what", "how many"):
            table.add_column(column, justify="right" if column == "how many" else "left")
        for name, number in counts.items():
            table.add_row(name, f"{number:,}")
        for title, rows in (("alerts: ", alerts), ("kept silent: ", suppressed)):
            table.add_section()
            for name, number in sorted(rows.items(), key=lambda row: -row[1]):
                table.add_row(title + name, f"{number:,}")
        self._console.print(table)
        self._console.print(f"{self.messages} messages to Slack, {self.mails} mails")


_STYLE_OF = {"context": "dim", "section": ""}


def _unescape(text: str) -> str:
    """Slack's mrkdwn as plain text: `<address|words>` as words, no stars and ticks, entities resolved."""
    while (start := text.find("<http")) >= 0 and (end := text.find(">", start)) > 0:
        text = text[:start] + text[start + 1 : end].partition("|")[2] + text[end + 1 :]
    text = re.sub(r"(?m)^\*([^*\n]+)\*", r"\1", text).replace("`", "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
