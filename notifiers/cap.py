"""Alerts as messages of the Common Alerting Protocol 1.2 (OASIS): what emergency systems read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from lxml import etree

from monitor.model import AlertEdge, EdgeName, Kind
from notifiers import render
from notifiers.base import Notice
from notifiers.digest import since_last

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
CONTENT_TYPE = "application/cap+xml"
_SENDER = "wirewatch"
_RADIUS_KM = 5.0
_TYPES: Mapping[EdgeName, str] = {
    EdgeName.OPENED: "Alert",
    EdgeName.UPDATED: "Update",
    EdgeName.CONFIRMED: "Update",
    EdgeName.CORRECTED: "Update",
    EdgeName.DENIED: "Cancel",
    EdgeName.WITHDRAWN: "Cancel",
}
_SEVERITIES = {"critical": "Extreme", "high": "Severe", "medium": "Moderate", "low": "Minor"}
_CERTAINTIES = {EdgeName.CONFIRMED: "Observed", EdgeName.DENIED: "Unlikely", EdgeName.WITHDRAWN: "Unlikely"}


def alert(edges: Sequence[AlertEdge], earlier: Sequence[str] = ()) -> str:
    """One message: it is the first edge's, and has an `info` for each. `earlier` are the names of the messages in which these
    alerts were told before; where they are not known, what is not the first of its alert refers to the one that opened it."""
    edges = since_last(edges)
    first = edges[0]
    kind = _TYPES[first.edge] if first.opened_at is not None else "Alert"
    root = _message(f"{_token(first.alert)}.{first.n}", first.at, "Actual", kind)
    opening = () if first.opened_at is None else (f"{_SENDER},{_token(first.alert)}.1,{_sent(first.opened_at)}",)
    if references := earlier or opening:
        _add(root, "references", " ".join(references))
    _add(root, "incidents", _token(first.story_id))
    for edge in edges:
        _info(root, edge)
    return _written(root)


def name_of(edges: Sequence[AlertEdge]) -> str:
    """By what later messages refer to the one about these edges: sender, identifier and instant."""
    first = since_last(edges)[0]
    return f"{_SENDER},{_token(first.alert)}.{first.n},{_sent(first.at)}"


def notice(told: Notice, ident: str) -> str:
    """A notice to the operator, as a message of the system about itself."""
    root = _message(ident, told.at, "System", "Alert")
    info = etree.SubElement(root, _name("info"))
    _fill(info, (("category", "Infra"), ("event", "Wirewatch"), ("urgency", "Unknown"), ("severity", "Unknown")))
    _fill(info, (("certainty", "Observed"), ("headline", render.plain(told.subject, 160))))
    _add(info, "description", "\n".join(render.plain(line, 500) for line in told.lines))
    return _written(root)


def _message(ident: str, at: float, status: str, kind: str) -> etree._Element:
    root = etree.Element(_name("alert"), nsmap={None: NAMESPACE})
    _fill(root, (("identifier", ident), ("sender", _SENDER), ("sent", _sent(at)), ("status", status)))
    _fill(root, (("msgType", kind), ("scope", "Private"), ("addresses", _SENDER)))
    return root


def _info(root: etree._Element, edge: AlertEdge) -> None:
    """The elements in the order that the schema asks for."""
    card = render.card(edge)
    information = any(fact.kind is Kind.STATEMENT for fact in edge.facts) or not edge.facts
    certainty = _CERTAINTIES.get(edge.edge, "Possible" if edge.unconfirmed else "Likely")
    info = etree.SubElement(root, _name("info"))
    _fill(info, (("category", "Other" if information else "Security"), ("event", render.plain(edge.rule, 100) or "alert")))
    _fill(info, (("urgency", "Unknown"), ("severity", _SEVERITIES.get(edge.severity, "Unknown")), ("certainty", certainty)))
    _fill(info, (("senderName", "Wirewatch"), ("headline", render.plain(card.heading, 160))))
    _add(info, "description", render.text((edge,)))
    if (link := next((proof.link for proof in card.proofs if proof.link), None)) is not None:
        _add(info, "web", link)
    for name, value in (("wirewatch-events", " ".join(edge.events)), ("wirewatch-origins", str(edge.origins))):
        _fill(etree.SubElement(info, _name("parameter")), (("valueName", name), ("value", value)))
    if card.place:
        area = etree.SubElement(info, _name("area"))
        _add(area, "areaDesc", card.place)
        if card.map is not None:
            _add(area, "circle", f"{edge.lat:.4f},{edge.lon:.4f} {_RADIUS_KM}")


def _fill(parent: etree._Element, pairs: Sequence[tuple[str, str]]) -> None:
    for name, text in pairs:
        _add(parent, name, text)


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, _name(name)).text = text


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


def _token(text: str) -> str:
    """Without what an identifier may not hold: white space, commas, `<` and `&`."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in text)[:80]


def _sent(at: float) -> str:
    """As the protocol writes an instant: UTC is `-00:00`, never `Z`."""
    return datetime.fromtimestamp(render.real(at), UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")


def _written(root: etree._Element) -> str:
    written: str = etree.tostring(root, encoding="unicode", pretty_print=True)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{written}'
