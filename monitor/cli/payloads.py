"""What a person would read of a message that is kept, or would be sent. Payloads hold no secret."""

from __future__ import annotations

import json

from monitor.model import Json
from notifiers.slack import as_text


def payload_text(payload: Json) -> str:
    """The payload of any channel as text; as JSON where it is made for programs."""
    message = payload.get("message", payload)
    if "xml" in payload:
        return str(payload["xml"])
    if "blocks" in message:
        plain = as_text(message)
        return str(message["text"] if plain is None else plain["text"])
    if "text" in message:
        subject = f"Subject: {payload['subject']}\n\n" if "html" in payload else ""
        return f"{subject}{message['text']}"
    if "body" in payload:
        return f"{payload['title']}\n\n{payload['body']}"
    return json.dumps(payload, indent=2, ensure_ascii=False, default=str)
