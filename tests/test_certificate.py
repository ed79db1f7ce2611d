"""A webhook whose certificate nobody vouches for: asking again mends nothing, so the operator is told."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from monitor.net import Door
from notifiers.base import Fate
from notifiers.webhook import WebhookNotifier


@pytest.fixture
def context(tmp_path) -> ssl.SSLContext:
    """With a certificate of its own."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so no certificate can be made")
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"), "-subj", "/CN=localhost"]
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *made, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


async def test_a_bad_certificate_pauses(context, make):
    server = TestServer(web.Application(), scheme="https")
    await server.start_server(ssl=context)
    async with Door("", ["127.0.0.0/8"]) as door:
        notifier = WebhookNotifier("hook", SecretStr(str(server.make_url("/secret-path"))), None, door)
        result = await notifier.send(notifier.render((make.edge(),), "hook"), "hook", "k")
    await server.close()
    assert result.fate is Fate.PAUSE
    assert "certificate" in result.detail
    assert "secret-path" not in result.detail
