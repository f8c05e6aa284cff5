"""How fast a provider's rows are written and read.

    .venv/bin/python benchmarks/translate.py --rows 50000

A request is a chat with a system message, a prompt of about 1,500 characters, one tool and a schema for the
answer; a result holds that request again, as Vertex AI's does, and an answer of about 600 characters.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

from overnight.translate import ClaudeChat, GeminiChat, Shape, TextEmbeddings, VertexEmbeddings, line_key

PROMPT = "The quick brown fox said “jumps” over the lazy dog. " * 29
ANSWER = "It rested, and then it said so. " * 19
KEY = line_key("request-00000001")
VECTOR = [number / 1_000 for number in range(768)]
FIELDS = {f"field_{number}": {"type": "string", "description": "What it is."} for number in range(10)}
SCHEMA = {"type": "object", "properties": FIELDS, "required": [*FIELDS], "additionalProperties": False}
CHAT = {
    "model": "any",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}],
    "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
    "max_tokens": 500,
}
EMBED = {"model": "any", "input": PROMPT}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": ANSWER}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 300, "candidatesTokenCount": 120, "totalTokenCount": 420},
    "modelVersion": "gemini-2.5-flash",
    "createTime": "2026-09-19T21:29:47.484619Z",
    "responseId": "S8vNaIvKHdvshMIP_aOtuAg",
}
CLAUDE = {
    "id": "msg_vrtx_01",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": ANSWER}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 300, "output_tokens": 120},
}
SIDES: dict[str, tuple[Shape, dict[str, object], dict[str, object]]] = {
    "Gemini": (GeminiChat(model="gemini-2.5-flash"), CHAT, {"response": GEMINI}),
    "Claude": (ClaudeChat(model="claude-sonnet-4-6"), CHAT, {"response": CLAUDE}),
    "embeddings": (
        VertexEmbeddings(model="gemini-embedding-001"),
        EMBED,
        {"response": {"tokenCount": "300", "embedding": {"values": VECTOR}}},
    ),
    "text embeddings": (
        TextEmbeddings(model="text-embedding-005"),
        EMBED,
        {"predictions": [{"embeddings": {"values": VECTOR}}]},
    ),
}


def rate(work: Callable[[], object], *, rows: int, rounds: int) -> float:
    """Return how many rows `work` does in a second of CPU, in the middle round."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(rows):
            work()
        found.append(rows / (time.process_time() - started))
    return statistics.median(found)


def main() -> None:
    """Measure every shape, both ways."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=50_000)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    for name, (shape, request, result) in SIDES.items():
        body = json.dumps(request).encode()
        row = shape.row(body, key=KEY)
        answered = json.dumps({**json.loads(row), **result, "key": KEY, "status": ""}).encode()
        reply = shape.reply(answered)
        assert reply is not None
        assert reply.status == 200
        written = rate(lambda s=shape, b=body: s.row(b, key=KEY), rows=options.rows, rounds=options.rounds)
        read = rate(lambda s=shape, a=answered: s.reply(a), rows=options.rows, rounds=options.rounds)
        print(f"  {name:16} {written:9,.0f} rows written, {read:9,.0f} rows read in a second of CPU")


if __name__ == "__main__":
    main()
