"""The reader as a worker process serves it: documents in, readings out, both as JSON."""

from __future__ import annotations

from monitor.facts.extract import FactReader
from monitor.facts.parsing import Parser
from monitor.gazetteer import Gazetteer
from monitor.model import Document, Json, Reading, fact_to_json


class ReaderService:
    """Reads facts for `monitor.worker`. `model` names the parsing model. Raises `ModelUnavailable`."""

    def __init__(self, model: str | None = None) -> None:
        parser = Parser(model)
        self._info: Json = {"model": parser.model, "digest": parser.digest}
        self._reader = FactReader(parser, Gazetteer())

    def info(self) -> Json:
        """Which model serves, and the digest of its weights."""
        return self._info

    def read(self, documents: list[Json]) -> list[Json]:
        """A reading for each document (fields of `Document`), in order: language, facts, names, places, countries."""
        return [_to_json(reading) for reading in self._reader.read_all([Document(**document) for document in documents])]


def _to_json(reading: Reading) -> Json:
    return {
        "language": reading.language,
        "facts": [fact_to_json(fact) for fact in reading.facts],
        "names": list(reading.names),
        "places": list(reading.places),
        "countries": list(reading.countries),
    }
