"""Draw the pictures of an alert that the documentation shows: `python benchmarks/alert_picture.py docs/alert.png`.

The mail's own HTML, in a headless Chromium; `--dark` is a mailbox at night. `--slack` draws the blocks that Slack gets, in
simple HTML.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

from monitor.model import AlertEdge, Bounds, CasualtyFigure, EdgeName, Evidence, Json
from notifiers import render, slack, slack_actions

_DAY = 1_732_838_400.0  # 29 November 2024, 00:00 UTC
_MINUTE = 60.0
_WIDE, _PHONE, _TALL, _MARGIN = 720, 390, 2400, 24
_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def example() -> AlertEdge:
    """A toll that rose, as the desk is told of it. The outlets are made up."""
    said = "At least 242 people have been killed in the fighting around Aleppo since Wednesday, the Syrian Observatory said."
    again = "Hospital officials in Idlib said that 242 bodies had been brought in by Friday morning, most of them combatants."
    figure = CasualtyFigure(
        id="1",
        start=0,
        end=35,
        evidence="At least 242 people have been killed",
        status="claimed",
        source="Syrian Observatory",
        source_kind="ngo",
        metric="killed",
        low=242,
        high=None,
        qualifier="at_least",
        place="Aleppo",
    )
    published = _DAY + 9 * 3600 + 5 * _MINUTE
    return AlertEdge(
        alert="9b1f0c37d2a84e65",
        n=2,
        edge=EdgeName.UPDATED,
        at=published + 2 * _MINUTE,
        rule="toll-updated",
        severity="high",
        events=("INCREASED",),
        key="killed/aleppo",
        story_id="5c27",
        story_title="Rebels reach the edge of Aleppo",
        title="Death toll in Aleppo rises to at least 242 (was at least 130)",
        old=Bounds(130, None, "at_least"),
        new=Bounds(242, None, "at_least"),
        items=("a", "b"),
        facts=(figure,),
        evidence=(
            Evidence("a", "Meridian World", published, "https://meridian.example/aleppo-toll", said, "Syrian Observatory"),
            Evidence(
                "b", "Levant Wire", published - 11 * _MINUTE, "https://levant.example/live/3", again, "hospital officials"
            ),
        ),
        place="Aleppo",
        lat=36.20214,
        lon=37.13426,
        origins=2,
        spread=Bounds(200, 255),
        published=published,
        seen=published + 2 * _MINUTE,
        why="more than before",
    )


_STYLE = """
body { margin: 0; padding: 22px 26px; font: 15px/1.46 Slack-Lato, Lato, "Helvetica Neue", Arial, sans-serif; color: #1d1c1d; }
.who { display: flex; gap: 10px; align-items: center; font-weight: 900; } .who i { font: 11px Arial; color: #616061; }
.icon { width: 36px; height: 36px; border-radius: 6px; background: #bc4c00; color: #fff; text-align: center;
  line-height: 36px; }
.blocks { margin-left: 46px; } .header { font-size: 18px; font-weight: 900; margin: 4px 0 8px; } .section { margin: 8px 0; }
.context { font-size: 12px; color: #616061; margin: 8px 0; } a { color: #1264a3; text-decoration: none; }
q { display: block; border-left: 4px solid #ddd; padding-left: 12px; quotes: none; }
button { font: 700 13px Arial; color: #1d1c1d; background: #fff; border: 1px solid #bbb; border-radius: 4px; padding: 6px 12px;
  margin: 4px 8px 4px 0; }
code { font: 11px monospace; color: #e01e5a; background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px;
  padding: 1px 3px; }
"""


def slack_page(edge: AlertEdge) -> str:
    """The blocks of a Slack message as a page that looks like one."""
    told = "".join(_block(b) for b in slack.blocks(render.message((edge,)), slack.Room(buttons=slack_actions.buttons)))
    who = '<div class="who"><span class="icon">W</span><span>Wirewatch</span><i>APP&ensp;09:07</i></div>'
    return f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style>{who}<div class="blocks">{told}</div>'


def _block(block: Json) -> str:
    if block["type"] == "header":
        return f'<div class="header">{html.escape(block["text"]["text"])}</div>'
    if block["type"] == "actions":
        return "".join(f"<button>{html.escape(button['text']['text'])}</button>" for button in block["elements"])
    texts = [block["text"], *block.get("elements", ())] if "text" in block else block.get("elements", ())
    return f'<div class="{block["type"]}">{"".join(_mrkdwn(t["text"]) for t in texts)}</div>'


def _mrkdwn(text: str) -> str:
    """Slack's markup as HTML: links, bold, code, quotations. Its three entities are HTML's."""
    text = re.sub(r"<(https?:[^|>]*)\|([^>]*)>", r'<a href="\1">\2</a>', text)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", text))
    return re.sub(r"(?m)^> (.*)$\n?", r"<q>\1</q>", text).replace("\n", "<br>")


def draw(page: str, picture: Path, dark: bool, wide: int = _WIDE) -> None:
    """The page as a PNG, as tall as it is. Raises SystemExit without a Chromium."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium, chromium-browser or google-chrome on this machine")
    with tempfile.TemporaryDirectory() as folder:
        source, tall = Path(folder, "alert.html"), Path(folder, "tall.png")
        source.write_text(page, "utf-8")
        night = ["--blink-settings=preferredColorScheme=0"] if dark else []
        window = [f"--window-size={wide},{_TALL}", f"--screenshot={tall}", f"--user-data-dir={folder}/profile"]
        subprocess.run([browser, *_QUIET, *night, *window, source.as_uri()], check=True, capture_output=True, timeout=120)
        picture.write_bytes(_without_tail(tall.read_bytes()))


def _without_tail(png: bytes) -> bytes:
    """An 8-bit PNG without the rows at its end that are all alike."""
    chunks, at = [], 8
    while at < len(png):
        size, name = struct.unpack(">I4s", png[at : at + 8])
        chunks.append((name, png[at + 8 : at + 8 + size]))
        at += size + 12
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[0][1])
    assert depth == 8, "a picture of 8 bits"
    raw = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    step = 1 + width * {2: 3, 6: 4}[colour]
    rows = [raw[i * step : (i + 1) * step] for i in range(height)]
    # A row that repeats the one above is all zeros behind the filter Up, or the same bytes behind any other.
    while len(rows) > 2 and (rows[-1] == rows[-2] or not any(rows[-1][1:])):
        rows.pop()
    rows += [b"\x02" + bytes(step - 1)] * _MARGIN  # the filter Up and nothing: the same row again
    header = struct.pack(">II", width, len(rows)) + chunks[0][1][8:]
    packed = zlib.compress(b"".join(rows), 9)
    return png[:8] + b"".join(_chunk(n, b) for n, b in ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--slack", action="store_true")
    parser.add_argument("--phone", action="store_true", help="in a frame that is as wide as a phone")
    given = parser.parse_args()
    page = slack_page(example()) if given.slack else render.html((example(),))
    if given.phone:  # Chromium's own windows are never as narrow
        page = (
            f'<body style="margin:0"><iframe style="border:0;width:{_PHONE}px;height:{_TALL}px" srcdoc="{html.escape(page)}">'
        )
    draw(page, given.picture, given.dark, _PHONE if given.phone else _WIDE)


if __name__ == "__main__":
    main()
