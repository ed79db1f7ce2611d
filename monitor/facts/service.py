"""The reader as a worker process serves it: documents in, readings out, both as JSON."""

from __future__ import annotations

from monitor.facts.extract import FactReader
from monitor.facts.parsing import Parser
from monitor.gazetteer import Gazetteer
from monitor.model import Document, Json, fact_to_json


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
        return [self._read(Document(**document)) for document in documents]

    def _read(self, document: Document) -> Json:
        reading = self._reader.read(document)
        return {
            "language": reading.language,
            "facts": [fact_to_json(fact) for fact in reading.facts],
            "names": list(reading.names),
            "places": list(reading.places),
            "countries": list(reading.countries),
        }
