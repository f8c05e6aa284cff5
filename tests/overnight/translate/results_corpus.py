"""A Gemini's answers as prediction files hold them, by name: those that went well, and those that did not."""

import json
from typing import Any

from overnight.translate import line_key

KEY = line_key("r-1")
Row = dict[str, Any]


def row(response: Any = None, *, key: str | None = KEY, **fields: Any) -> Row:
    """Return a row as Vertex AI writes it, null columns of other rows and all."""
    labels = {"team": None, "overnight_key": key}
    parts = [{"fileData": None, "text": "Hello!"}]
    return {
        "status": "",
        "processed_time": "2026-09-19T21:29:47.352+00:00",
        "request": {"contents": [{"parts": parts, "role": "user"}], "labels": labels},
        "response": {} if response is None else response,
        **fields,
    }


def candidate(*parts: Row, reason: str | None = "STOP", **fields: Any) -> Row:
    found: Row = {"content": {"parts": [*parts], "role": "model"}, "avgLogprobs": -0.48, **fields}
    return {**found, "finishReason": reason} if reason else found


def text(value: str, **fields: Any) -> Row:
    return {"text": value, **fields}


def call(name: str, args: Any = None, **fields: Any) -> Row:
    called = {"name": name} if args is None else {"name": name, "args": args}
    return {"functionCall": called, **fields}


def answer(*candidates: Row, **fields: Any) -> Row:
    return {
        "candidates": [*candidates],
        "createTime": "2026-09-19T21:29:47.484619Z",
        "modelVersion": "gemini-2.5-flash-lite",
        "responseId": "S8vNaIvKHdvshMIP_aOtuAg",
        "usageMetadata": {
            "promptTokenCount": 9,
            "candidatesTokenCount": 10,
            "totalTokenCount": 19,
            "trafficType": "ON_DEMAND",
        },
        **fields,
    }


GROUNDING = {
    "webSearchQueries": ["naïve café"],
    "searchEntryPoint": {"renderedContent": "<div/>"},
    "groundingChunks": [
        {"web": {"uri": "https://example.com/a", "title": "A"}},
        {"retrievedContext": {"uri": "gs://b/c"}},
        {"web": {"uri": "https://example.com/b"}},
    ],
    "groundingSupports": [
        # "Le café est" is 11 characters, and 12 bytes.
        {"segment": {"endIndex": 12, "text": "Le café est"}, "groundingChunkIndices": [0, 1, 2]},
        {"segment": {"partIndex": 1, "startIndex": 1, "endIndex": 5}, "groundingChunkIndices": [2, 9]},
    ],
}
USED = {
    "promptTokenCount": 1_200,
    "candidatesTokenCount": 59,
    "thoughtsTokenCount": 406,
    "toolUsePromptTokenCount": 73,
    "cachedContentTokenCount": 1_000,
    "totalTokenCount": 1_738,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 200},
        {"modality": "IMAGE", "tokenCount": 258},
        {"modality": "AUDIO", "tokenCount": 742},
    ],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 59}],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 1_000}],
}
LOGPROBS = {
    "chosenCandidates": [
        {"token": "é", "tokenId": 1, "logProbability": -0.25},
        {"token": "!", "tokenId": 2, "logProbability": -1},
    ],
    "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.25}, {"token": "e"}]}],
}

ANSWERED: dict[str, Row] = {
    "a word": row(answer(candidate(text("Hello there!")))),
    "a word cut short": row(answer(candidate(text("Hello th"), reason="MAX_TOKENS"))),
    "no word for all the thinking": row(answer(candidate(reason="MAX_TOKENS"))),
    "no content at all": row(answer({"finishReason": "STOP"})),
    "pieces": row(answer(candidate(text("Hello "), text(""), text("there!")))),
    "no reason": row(answer(candidate(text("Hi"), reason=None))),
    "thoughts": row(answer(candidate(text("Let me see.", thought=True), text("42")), usageMetadata=USED)),
    "a signed word": row(answer(candidate(text("42", thoughtSignature="c2ln")))),
    "a call": row(answer(candidate(call("get_weather", {"city": "Paris", "big": 12345678901234567890})))),
    "a call with words": row(answer(candidate(text("I look."), call("get_time")))),
    "calls": row(
        answer(
            candidate(
                call("get_weather", {"city": "é\n"}, thoughtSignature="c2ln"),
                {"functionCall": {"id": "given", "name": "get_time", "args": {}}},
            )
        )
    ),
    "several answers": row(
        answer(candidate(text("two"), index=1), candidate(text("one")), candidate(text("three"), index=2))
    ),
    "several answers without numbers": row(answer(candidate(text("one")), candidate(text("two")))),
    "sources": row(answer(candidate(text("Le café est"), text(" fermé."), groundingMetadata=GROUNDING))),
    "citations": row(
        answer(
            candidate(
                text("To be"),
                citationMetadata={"citations": [{"startIndex": 0, "endIndex": 5, "uri": "https://h.org"}]},
            )
        )
    ),
    "logprobs": row(answer(candidate(text("é!"), logprobsResult=LOGPROBS))),
    "an image": row(
        answer(candidate(text("Here:"), {"inlineData": {"mimeType": "image/png", "data": "iVBORw0K"}}))
    ),
    "code": row(
        answer(
            candidate(
                {"executableCode": {"language": "PYTHON", "code": "print(6*7)"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}},
                text("It is 42."),
            )
        )
    ),
    "no usage": row(answer(candidate(text("Hi")), usageMetadata=None)),
    "no total": row(
        answer(candidate(text("Hi")), usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 4})
    ),
    "no id and no times": row(
        {"candidates": [candidate(text("Hi"))], "modelVersion": "gemini-2.0-flash-001@default"},
        processed_time=None,
    ),
    "the time it was written only": row({"candidates": [candidate(text("Hi"))]}),
    "nulls for what is not there": row(
        answer(
            {
                "content": {"parts": [text("Hi", functionCall=None, thought=None)], "role": "model"},
                "finishReason": "STOP",
                "groundingMetadata": None,
                "citationMetadata": None,
                "index": None,
            },
            promptFeedback=None,
        )
    ),
    "a blocked prompt": row(
        {
            "promptFeedback": {
                "blockReason": "PROHIBITED_CONTENT",
                "blockReasonMessage": "The prompt can't be processed.",
                "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"}],
            },
            "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "x",
        }
    ),
    "a withheld answer": row(
        answer(
            candidate(
                reason="SAFETY",
                safetyRatings=[
                    {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "HIGH", "blocked": True}
                ],
            )
        )
    ),
    "an answer withheld half-way": row(answer(candidate(text("First, you"), reason="PROHIBITED_CONTENT"))),
    "a call gone wrong": row(
        answer(candidate(reason="MALFORMED_FUNCTION_CALL", finishMessage="Malformed function call: f("))
    ),
}


def encoded(found: Row) -> bytes:
    return json.dumps(found, ensure_ascii=False).encode()
