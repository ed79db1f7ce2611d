"""Inputs that `benchmarks/fuzz_collect.py` found, kept as tests."""

from __future__ import annotations

from monitor.collect import websub
from monitor.collect.websub import Offer

URL = "https://news.example/rss"


def test_a_hub_that_a_feed_names_by_a_relative_address_is_made_absolute() -> None:
    """hub, 86400\\nc: the second line is the feed's hub, and was given on as it stood."""
    assert websub.offer({"link": "86400"}, ("c",), "c", URL) == Offer("https://news.example/c", "https://news.example/c")
