"""docs/licences.md, from what the installed distributions say: `python deploy/licences.py > docs/licences.md`."""

from __future__ import annotations

import sys

from distributions import installed, licence, pinned

_HEAD = """# Licences

What Wirewatch is made, tested and measured with, in the versions of `constraints.txt`, and the licence that each says it has.
Wirewatch is Apache-2.0; the places are GeoNames' (CC BY 4.0). Made by `make licences`.

| distribution | version | licence |
|---|---|---|
"""


def page() -> str:
    """The whole page. Raises SystemExit for what is not installed or says nothing."""
    rows, silent = [], []
    for name, version in sorted(pinned().items()):
        found = installed(name)
        said = "" if found is None else licence(found)
        if not said:
            silent.append(name)
        rows.append(f"| {name} | {version} | {said.replace('|', '/')} |\n")
    if silent:
        raise SystemExit(
            f"no licence known of {', '.join(silent)}: install them, or add what their files say to distributions.py"
        )
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page())
