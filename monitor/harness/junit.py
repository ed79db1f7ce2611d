"""Results of rule tests as a build server reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from monitor.harness.ruletests import Result

_UNWRITABLE = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(results: Sequence[Result]) -> bytes:
    """One suite for each file, one case for each test, as JUnit's XML in UTF-8."""
    root = ElementTree.Element("testsuites", tests=str(len(results)), failures=str(_failed(results)))
    for file, of_file in groupby(results, key=lambda result: result.file):
        cases = list(of_file)
        suite = ElementTree.SubElement(root, "testsuite", name=_text(file), tests=str(len(cases)), failures=str(_failed(cases)))
        for one in cases:
            at = {
                "classname": _text(one.rule),
                "name": _text(one.test.name),
                "file": _text(one.file),
                "line": str(one.test.line),
            }
            case = ElementTree.SubElement(suite, "testcase", at, line=str(one.test.line))
            if not one.passed:
                told = f"{len(one.missing)} expected did not fire, {len(one.surplus)} fired that were not expected"
                ElementTree.SubElement(case, "failure", message=told).text = _text(one.text())
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _failed(results: Sequence[Result]) -> int:
    return sum(not result.passed for result in results)


def _text(text: str) -> str:
    """Without what XML has no way to write."""
    return _UNWRITABLE.sub("\ufffd", text)
