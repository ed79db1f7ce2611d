"""A bill of materials of what is installed: `python deploy/sbom.py > wirewatch.cdx.json`. CycloneDX 1.6, JSON.

The same installation gives the same bytes: it carries no time, and its serial number is made from its content.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Mapping
from importlib.metadata import Distribution
from typing import Any

from distributions import ROOT, canonical, installed, licence, needed

_SPDX = re.compile(r"[A-Za-z0-9.+()-]+( (AND|OR|WITH) [A-Za-z0-9.+()-]+)*")


def _hashes() -> dict[str, list[str]]:
    """By name, the SHA-256 of every file that requirements.lock allows."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines():
        if head := re.match(r"([A-Za-z0-9._-]+)==", line):
            name = canonical(head[1])
        if digest := re.search(r"--hash=sha256:([0-9a-f]{64})", line):
            found.setdefault(name, []).append(digest[1])
    return found


def _walk(root: str) -> dict[str, Distribution]:
    """What is needed, and what that needs."""
    found: dict[str, Distribution] = {}
    wanted = [root]
    while wanted:
        name = wanted.pop()
        if name not in found and (one := installed(name)) is not None:
            found[name] = one
            wanted += needed(one)
    return found


def _purl(name: str, found: Distribution) -> str:
    return f"pkg:pypi/{name}@{found.version}"


def _component(name: str, found: Distribution, hashes: list[str]) -> dict[str, Any]:
    said = licence(found)
    licences = [{"expression": said}] if _SPDX.fullmatch(said) else [{"license": {"name": said}}] if said else []
    row: dict[str, Any] = {"type": "library", "bom-ref": _purl(name, found), "name": name, "version": found.version}
    row |= {"purl": _purl(name, found), "licenses": licences}
    if hashes:
        # One of these is the file that was installed: which one depends on the platform.
        row["properties"] = [{"name": "wirewatch:allowed-sha256", "value": digest} for digest in hashes]
    return row


def bill() -> Mapping[str, Any]:
    """The whole bill. Raises SystemExit where Wirewatch is not installed."""
    found = _walk("wirewatch")
    if not found:
        raise SystemExit("wirewatch is not installed here; run `make install` or `make demo` first")
    hashes = _hashes()
    components = {name: _component(name, one, hashes.get(name, [])) for name, one in sorted(found.items())}
    main = components.pop("wirewatch") | {"type": "application"}
    depends = [
        {"ref": _purl(name, one), "dependsOn": sorted(_purl(n, found[n]) for n in {*needed(one)} if n in found)}
        for name, one in sorted(found.items())
    ]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": main},
        "components": list(components.values()),
        "dependencies": depends,
    }
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))}"} | content


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=1)
    sys.stdout.write("\n")
