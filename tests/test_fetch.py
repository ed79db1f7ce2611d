"""What a feed is asked with, and what the status of its answer means."""

from __future__ import annotations

import pytest

from monitor.collect.fetch import HostWaits, Verdict, request_headers, validators, verdict
from monitor.errors import FetchError
from monitor.model import FeedState
from monitor.net import Response


def response(status: int, **headers: str) -> Response:
    return Response(status, {k.replace("_", "-"): v for k, v in headers.items()}, b"", "https://news.example/rss")


def test_the_first_request_is_unconditional_and_later_ones_carry_the_validators_as_they_were() -> None:
    assert set(request_headers(FeedState("f"))) == {"Accept"}
    headers = request_headers(FeedState("f", etag='W/"a b"', last_modified="Tue, 14 Nov 2023 20:00:00 GMT"))
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('W/"a b"', "Tue, 14 Nov 2023 20:00:00 GMT")


@pytest.mark.parametrize(
    ("etag", "kept"),
    [('"a"', '"a"'), ('W/"ä"', 'W/"ä"'), (None, None), ("", None), ("a\udcff", None), ("a\nb", None), ("x" * 2000, None)],
)
def test_validators_that_cannot_be_sent_back_exactly_are_not_kept(etag: str | None, kept: str | None) -> None:
    assert validators({"etag": etag} if etag is not None else {}) == (kept, None)


@pytest.mark.parametrize(
    ("status", "meaning"), [(200, Verdict.BODY), (203, Verdict.BODY), (304, Verdict.UNCHANGED), (410, Verdict.GONE)]
)
def test_statuses_that_mean_something(status: int, meaning: Verdict) -> None:
    assert verdict(response(status), 0.0) is meaning


@pytest.mark.parametrize(
    ("status", "kind"),
    [(204, "status"), (206, "status"), (400, "status"), (401, "blocked"), (403, "blocked"), (404, "status"), (429, "throttled"),
     (451, "blocked"), (500, "status"), (503, "status"), (599, "status")],
)  # fmt: skip
def test_statuses_that_bring_nothing(status: int, kind: str) -> None:
    with pytest.raises(FetchError) as caught:
        verdict(response(status), 0.0)
    assert caught.value.kind == kind and str(status) in caught.value.detail


@pytest.mark.parametrize(("status", "value", "seconds"), [(429, "120", 120.0), (503, "5", 60.0), (429, "9999999", 86400.0)])
def test_a_server_may_ask_to_wait(status: int, value: str, seconds: float) -> None:
    with pytest.raises(HostWaits) as caught:
        verdict(response(status, retry_after=value), 0.0)
    assert caught.value.seconds == seconds
