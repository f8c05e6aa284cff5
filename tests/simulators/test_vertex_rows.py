"""What the simulated Vertex AI makes of each kind of row."""

import hashlib
import json
from typing import Any

import pytest

from tests.simulators.vertexing import BUCKET, CLAUDE, GEMINI, JOBS, VertexRehearsal, ask, order

CALL = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}
RESPONSE = {"functionResponse": {"name": "weather", "response": {"degrees": 3}}}
WEATHER = {
    "name": "weather",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER"}},
        "required": ["city"],
    },
}
EMBEDDING = "publishers/google/models/gemini-embedding-001"
OLD_EMBEDDING = "publishers/google/models/text-embedding-005"


async def _answer(vertex: VertexRehearsal, row: Any, *, model: str = GEMINI, **order: Any) -> Any:
    """Return what becomes of one row."""
    job = await vertex.finish([row], model=model, **order)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    rows = await vertex.rows(job)
    assert len(rows) == 1
    return rows[0]


def _text(row: Any) -> str:
    return str(row["response"]["candidates"][0]["content"]["parts"][0]["text"])


def _claude(text: str = "hello", **request: Any) -> dict[str, Any]:
    said = {
        "anthropic_version": "vertex-2023-10-16",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 50,
    }
    return {"custom_id": "r-1", "request": {**said, **request}}


# --- Gemini ------------------------------------------------------------------------------------


async def test_a_response_has_geminis_shape_and_is_derived_from_the_request(vertex: VertexRehearsal) -> None:
    sent = ask("what is new", labels={"line": "r-1"})
    row = await _answer(vertex, sent)
    response = row["response"]
    identity = hashlib.sha256(json.dumps(sent["request"]).encode()).hexdigest()
    assert _text(row) == f"echo {identity[:16]}: what is new"
    assert response["candidates"][0]["finishReason"] == "STOP"
    assert response["candidates"][0]["content"]["role"] == "model"
    assert response["modelVersion"] == "gemini-2.5-flash-lite"
    assert response["responseId"]
    assert response["createTime"].endswith("Z")
    assert response["usageMetadata"] == {
        "candidatesTokenCount": 5,
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 5}],
        "promptTokenCount": 3,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
        "totalTokenCount": 8,
        "trafficType": "ON_DEMAND",
    }
    assert row["processed_time"].endswith("+00:00")


async def test_what_a_row_has_beside_its_request_comes_back(vertex: VertexRehearsal) -> None:
    row = await _answer(vertex, {**ask("hello"), "key": "r-1", "custom_id": "000"})
    assert (row["key"], row["custom_id"]) == ("r-1", "000")


async def test_the_request_comes_back_byte_by_byte(vertex: VertexRehearsal) -> None:
    raw = b'{"request": {"contents":[{"parts":[{"text":"h\\u00e9 \\/ 1.0"}],  "role":"user"}]}}'
    uri = await vertex.put("in/raw.jsonl", raw)
    created = await vertex.said(await vertex.http.post(JOBS, json=order(uri)))
    await vertex.wait(100)
    job = await vertex.get(created)
    folder = job["outputInfo"]["gcsOutputDirectory"].split("/", 3)[3]
    written = (await vertex.http.get(f"{vertex.gcs}/{BUCKET}/{folder}/predictions.jsonl")).content
    assert raw[len(b'{"request": ') : -1] in written


async def test_an_answer_is_cut_where_it_is_told_to_be(vertex: VertexRehearsal) -> None:
    row = await _answer(vertex, ask("a b c d", generation_config={"max_output_tokens": 3}))
    assert row["response"]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert _text(row).endswith(": a")


async def test_several_candidates_can_be_asked_for(vertex: VertexRehearsal) -> None:
    row = await _answer(vertex, ask("hello", generationConfig={"candidateCount": 2}))
    assert [each.get("index") for each in row["response"]["candidates"]] == [None, 1]


async def test_models_that_think_count_their_thoughts_and_show_them_when_asked(
    vertex: VertexRehearsal,
) -> None:
    thinking = "publishers/google/models/gemini-2.5-pro"
    usage = (await _answer(vertex, ask("a b"), model=thinking))["response"]["usageMetadata"]
    assert usage["thoughtsTokenCount"] == 3
    told = usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
    assert usage["totalTokenCount"] == told
    config = {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 100}}
    row = await _answer(vertex, ask("a b", generationConfig=config))
    parts = row["response"]["candidates"][0]["content"]["parts"]
    assert [part.get("thought", False) for part in parts] == [True, False]
    silent = {"thinkingConfig": {"thinkingBudget": 0}}
    row = await _answer(vertex, ask("a b", generationConfig=silent), model=thinking)
    assert "thoughtsTokenCount" not in row["response"]["usageMetadata"]


async def test_a_function_is_called_when_there_is_no_choice(vertex: VertexRehearsal) -> None:
    tools = {"tools": [{"functionDeclarations": [{**WEATHER, "name": "other"}, WEATHER]}]}
    assert "echo" in _text(await _answer(vertex, ask("rain?", **tools)))
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}
    row = await _answer(vertex, ask("rain?", **tools, toolConfig=config))
    call = row["response"]["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert (call["name"], call["args"].keys()) == ("weather", {"city", "days"})
    assert call["args"]["city"].endswith("rain?")


async def test_a_conversation_with_functions_goes_on(vertex: VertexRehearsal) -> None:
    contents = [
        {"role": "user", "parts": [{"text": "rain?"}]},
        {"role": "model", "parts": [CALL]},
        {"role": "user", "parts": [RESPONSE]},
    ]
    assert (await _answer(vertex, {"request": {"contents": contents}}))["status"] == ""


async def test_json_comes_when_it_is_asked_for_and_fits_its_schema(vertex: VertexRehearsal) -> None:
    config: dict[str, Any] = {"responseMimeType": "application/json"}
    assert json.loads(_text(await _answer(vertex, ask("hello", generationConfig=config))))
    config["responseSchema"] = {
        "type": "OBJECT",
        "properties": {
            "name": {"type": "STRING"},
            "kind": {"type": "STRING", "enum": ["a", "b"]},
            "scores": {"type": "ARRAY", "items": {"type": "NUMBER"}},
        },
    }
    value = json.loads(_text(await _answer(vertex, ask("hello", generationConfig=config))))
    assert value["name"].endswith(": hello")
    assert (value["kind"], value["scores"]) == ("a", [1.5])


async def test_log_probabilities_come_when_they_are_asked_for(vertex: VertexRehearsal) -> None:
    config = {"responseLogprobs": True, "logprobs": 1}
    row = await _answer(vertex, ask("hello", generationConfig=config))
    logprobs = row["response"]["candidates"][0]["logprobsResult"]
    assert " ".join(each["token"] for each in logprobs["chosenCandidates"]) == _text(row)
    assert len(logprobs["topCandidates"]) == len(logprobs["chosenCandidates"])


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"contents": []}, "at least one contents field"),
        ({"labels": {"a": "b"}}, "at least one contents field"),
        ({"contents": [{"role": "tester", "parts": [{"text": "a"}]}]}, "valid role: user, model"),
        ({"contents": [{"parts": [{"text": "a"}]}]}, "valid role: user, model"),
        ({"contents": [{"role": "user"}]}, "at least one parts field"),
        ({"contents": [{"role": "user", "parts": [{"thought": True}]}]}, "parts must not be empty"),
        ({"contents": [{"role": "user", "parts": [{"text": ""}]}]}, "empty text parameter"),
        ({"contents": [{"role": "user", "parts": [{"text": "a", **CALL}]}]}, "oneof field 'data'"),
        ({"contents": [{"role": "user", "parts": [{"txt": "a"}]}]}, 'Unknown name "txt"'),
        ({"contents": [{"role": "user", "parts": [RESPONSE]}]}, "immediately after a function call turn"),
        (
            {
                "contents": [
                    {"role": "model", "parts": [CALL, CALL]},
                    {"role": "user", "parts": [RESPONSE]},
                ]
            },
            "number of function response parts",
        ),
        (ask("a", temperature=1)["request"], 'Unknown name "temperature"'),
        (ask("a", generationConfig={"max_tokens": 1})["request"], 'Unknown name "max_tokens"'),
        (ask("a", generationConfig={"temperature": 3})["request"], "temperature value of 3"),
        (ask("a", generationConfig={"maxOutputTokens": 0})["request"], "maxOutputTokens value of 0"),
        (ask("a", generationConfig={"stopSequences": ["a"] * 6})["request"], "stop sequences"),
        (ask("a", generationConfig={"responseSchema": {"type": "STRING"}})["request"], "response mime type"),
        (ask("a", tools=[{"functionDeclarations": [{"name": "get it"}]}])["request"], "[FIELD_INVALID]"),
        (ask("a", labels={"Line": "r"})["request"], "Label keys"),
        (ask("a", labels={"line": "R.1"})["request"], "Label keys"),
        (ask("a", systemInstruction={"parts": [{"text": ""}]})["request"], "empty text parameter"),
    ],
)
async def test_a_malformed_row_fails_alone_and_says_why_in_its_status(
    vertex: VertexRehearsal, request_: dict[str, Any], words: str
) -> None:
    job = await vertex.finish([{"request": request_}, ask("fine")])
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["completionStats"] == {"successfulCount": "1", "failedCount": "1"}
    failed, fine = await vertex.rows(job)
    assert (failed["request"], failed["response"], fine["status"]) == (request_, {}, "")
    prefix, _, body = failed["status"].partition(": ")
    error = json.loads(body)["error"]
    assert (prefix, error["code"], error["status"]) == ("Bad Request", 400, "INVALID_ARGUMENT")
    assert words in error["message"]


# --- Claude ------------------------------------------------------------------------------------


async def test_a_row_for_claude_is_answered_with_a_message(vertex: VertexRehearsal) -> None:
    sent = _claude("what is new")
    row = await _answer(vertex, sent, model=CLAUDE)
    assert (row["custom_id"], row["request"], row["status"]) == ("r-1", sent["request"], "")
    message = row["response"]
    assert message["id"].startswith("msg_vrtx_")
    assert (message["type"], message["role"], message["stop_reason"]) == ("message", "assistant", "end_turn")
    assert message["content"][0]["text"].endswith(": what is new")
    assert message["model"] == "claude-sonnet-4-5-20250929"
    assert message["usage"]["input_tokens"] == 3
    assert message["usage"]["output_tokens"] == 5


async def test_claude_uses_a_tool_when_there_is_no_choice_and_stops_where_it_is_told_to(
    vertex: VertexRehearsal,
) -> None:
    tool = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    row = await _answer(vertex, _claude(tools=[tool], tool_choice={"type": "any"}), model=CLAUDE)
    use = row["response"]["content"][0]
    assert (use["type"], use["name"], row["response"]["stop_reason"]) == ("tool_use", "weather", "tool_use")
    assert use["input"]["city"].endswith(": hello")
    cut = await _answer(vertex, _claude("a b c", max_tokens=3), model=CLAUDE)
    assert cut["response"]["stop_reason"] == "max_tokens"


async def test_claude_shows_its_thoughts_when_it_is_told_to_think(vertex: VertexRehearsal) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    row = await _answer(vertex, _claude(thinking=thinking), model=CLAUDE)
    assert [block["type"] for block in row["response"]["content"]] == ["thinking", "text"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"request": _claude()["request"]}, "custom_id: Field required"),
        (_claude(messages=[]), "at least one message"),
        (_claude(anthropic_version="2023-06-01"), "anthropic_version"),
        (_claude(max_tokens=0), "max_tokens"),
        (_claude(model="claude-sonnet-4-5"), "model: Extra inputs are not permitted"),
        (_claude(messages=[{"role": "system", "content": "a"}]), "messages.0.role"),
        (_claude(messages=[{"role": "assistant", "content": "a"}]), "first message"),
        (_claude(messages=[{"role": "user", "content": [{"type": "text", "text": ""}]}]), "non-empty"),
        (
            _claude(
                messages=[{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1"}]}]
            ),
            "unexpected `tool_use_id`",
        ),
    ],
)
async def test_a_malformed_row_for_claude_fails_alone(
    vertex: VertexRehearsal, row: dict[str, Any], words: str
) -> None:
    # Contents are a string in some rows and a list in others, which no one table holds.
    await vertex.order("/rules", {"imports_strictly": False})
    job = await vertex.finish([row, _claude()], model=CLAUDE)
    failed, fine = await vertex.rows(job)
    assert (failed["response"], fine["status"]) == ({}, "")
    assert words in failed["status"]
    assert json.loads(failed["status"].removeprefix("Bad Request: "))["type"] == "error"


# --- embeddings --------------------------------------------------------------------------------


async def test_a_row_for_geminis_embeddings(vertex: VertexRehearsal) -> None:
    request = {
        "content": {"parts": [{"text": "hello world"}]},
        "embed_content_config": {"output_dimensionality": 3},
    }
    row = await _answer(vertex, {"key": "r-1", "request": request}, model=EMBEDDING)
    assert (row["key"], row["request"]) == ("r-1", request)
    assert row["response"]["tokenCount"] == "2"
    assert len(row["response"]["embedding"]["values"]) == 3
    newer = await _answer(
        vertex,
        {"key": "r-1", "request": {"content": {"parts": [{"text": "hello"}]}}},
        model="publishers/google/models/gemini-embedding-2",
    )
    assert newer["response"]["usageMetadata"] == {"promptTokenCount": 1}


async def test_a_row_for_geminis_embeddings_fails_with_a_bare_status(vertex: VertexRehearsal) -> None:
    sent = {"key": "r-1", "request": {"content": {"parts": [{"text": " "}]}}}
    row = await _answer(vertex, sent, model=EMBEDDING)
    assert json.loads(row["status"])["code"] == 3
    assert "response" not in row


async def test_a_row_for_the_older_embeddings_comes_back_with_what_the_model_took_of_it(
    vertex: VertexRehearsal,
) -> None:
    sent = {"content": "hello world", "task_type": "RETRIEVAL_DOCUMENT", "title": "a", "key": "r-1"}
    order = {"instanceConfig": {"keyField": "key"}, "modelParameters": {"outputDimensionality": "4"}}
    row = await _answer(vertex, sent, model=OLD_EMBEDDING, **order)
    assert row["instance"] == {"content": "hello world", "task_type": "RETRIEVAL_DOCUMENT", "title": "a"}
    assert row["status"] == ""
    embeddings = row["predictions"][0]["embeddings"]
    assert embeddings["statistics"] == {"token_count": 2, "truncated": False}
    assert len(embeddings["values"]) == 4
    assert "key" not in row


async def test_the_older_embeddings_can_keep_the_key_field_as_documented(vertex: VertexRehearsal) -> None:
    await vertex.order("/rules", {"keeps_key_field": True})
    sent = {"content": "hello", "key": "r-1"}
    row = await _answer(vertex, sent, model=OLD_EMBEDDING, instanceConfig={"keyField": "key"})
    assert row["key"] == "r-1"
    assert "instance" not in row


async def test_a_row_for_the_older_embeddings_without_content_fails_alone(vertex: VertexRehearsal) -> None:
    job = await vertex.finish([{"text": "hello"}, {"content": "hello"}], model=OLD_EMBEDDING)
    failed, fine = await vertex.rows(job)
    assert (failed["predictions"], fine["status"]) == ([], "")
    assert "must have a content field" in failed["status"]


async def test_different_texts_have_different_numbers(vertex: VertexRehearsal) -> None:
    job = await vertex.finish([{"content": "a"}, {"content": "b"}], model=OLD_EMBEDDING)
    first, second = (row["predictions"][0]["embeddings"]["values"] for row in await vertex.rows(job))
    assert first != second
