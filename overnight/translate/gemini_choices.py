"""Gemini's candidates as OpenAI's choices.

What OpenAI has no place for stands under `vertex` in the choice: the reason in Google's words where OpenAI's
says less, safety ratings of an answer that was withheld, sources, and what a tool of Google's did.
"""

from overnight.translate.chat_request import Json
from overnight.translate.completion import call_id, tool_call
from overnight.translate.gemini_answer import Candidate, FunctionCall, Logprob, Logprobs, Part, PromptFeedback
from overnight.translate.gemini_citations import annotations
from overnight.translate.result_rows import is_given

_FINISHED = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "CONTINUATION": "length",
}
_GONE_WRONG = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
        "NO_IMAGE",
        "IMAGE_OTHER",
    }
)
"""The model made something of no use, and nobody withheld it: OpenAI knows only that it stopped."""


def choices(candidates: list[Candidate], *, answer_id: str) -> list[Json]:
    """Return candidates as choices. `answer_id` is what ids of their calls are made of, if they have none."""
    # Google leaves out a zero, so that where any has an index, the one without is the first.
    numbered = any(candidate.index for candidate in candidates)
    return [
        _choice(candidate, index=candidate.index or (0 if numbered else place), answer_id=answer_id)
        for place, candidate in enumerate(candidates)
    ]


def _choice(candidate: Candidate, *, index: int, answer_id: str) -> Json:
    parts = (candidate.content.parts if candidate.content else None) or []
    calls = [
        _call(part, call_id(answer_id, index, number))
        for number, part in enumerate(part for part in parts if part.function_call)
    ]
    reason = candidate.finish_reason or "STOP"
    finished = _finish_reason(reason, calls=bool(calls))
    return {
        "index": index,
        "message": _message(candidate, parts, calls, finished),
        "finish_reason": finished,
        "logprobs": _logprobs(candidate.logprobs_result),
        **_beyond(candidate, parts, reason),
    }


def blocked_choice(feedback: PromptFeedback) -> Json:
    """Return the one choice there is when the prompt itself was refused."""
    reason = feedback.block_reason or "UNSPECIFIED"
    refusal = _in_words("The prompt was blocked", reason, feedback.block_reason_message)
    told: Json = {"block_reason": reason}
    if is_given(feedback.safety_ratings):
        told["safety_ratings"] = feedback.safety_ratings
    return {
        "index": 0,
        "message": {"role": "assistant", "content": None, "refusal": refusal},
        "finish_reason": "content_filter",
        "logprobs": None,
        "vertex": told,
    }


def _finish_reason(reason: str, *, calls: bool) -> str:
    if reason in _GONE_WRONG:
        return "stop"
    finished = _FINISHED.get(reason, "content_filter")
    return "tool_calls" if calls and finished == "stop" else finished


def _message(candidate: Candidate, parts: list[Part], calls: list[Json], finished: str) -> Json:
    said = [part for part in parts if part.text and not part.thought]
    message: Json = {
        "role": "assistant",
        "content": "".join(part.text or "" for part in said),
        "refusal": None,
    }
    reason = candidate.finish_reason or "STOP"
    if not said:
        if calls:
            message["content"] = None
        elif reason in _GONE_WRONG or finished == "content_filter":
            why = "The answer was withheld" if finished == "content_filter" else "The model made no answer"
            message["content"] = None
            message["refusal"] = _in_words(why, reason, candidate.finish_message)
    if calls:
        message["tool_calls"] = calls
    if thoughts := "".join(part.text or "" for part in parts if part.thought):
        message["reasoning_content"] = thoughts
    if images := [image for part in parts if (image := _image(part))]:
        message["images"] = images
    if is_given(candidate.grounding_metadata) and (cited := annotations(candidate.grounding_metadata, parts)):
        message["annotations"] = cited
    return message


def _call(part: Part, made_id: str) -> Json:
    called = part.function_call or FunctionCall()
    arguments = bytes(called.args).decode() if is_given(called.args) else "{}"
    call = tool_call(called.name or "", arguments, id_=called.id or made_id)
    if part.thought_signature:
        call["extra_content"] = {"google": {"thought_signature": part.thought_signature}}
    return call


def _image(part: Part) -> Json | None:
    made = part.inline_data
    if made is None or not made.data or part.thought:
        return None
    url = f"data:{made.mime_type or 'application/octet-stream'};base64,{made.data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _beyond(candidate: Candidate, parts: list[Part], reason: str) -> Json:
    """Return what OpenAI has no place for."""
    told: Json = {}
    if reason not in _FINISHED:
        told["finish_reason"] = reason
        if candidate.finish_message:
            told["finish_message"] = candidate.finish_message
        if is_given(candidate.safety_ratings):
            told["safety_ratings"] = candidate.safety_ratings
    for name in ("grounding_metadata", "citation_metadata", "url_context_metadata"):
        if is_given(metadata := getattr(candidate, name)):
            told[name] = metadata
    if ran := [step for part in parts for step in _code(part)]:
        told["code_execution"] = ran
    return {"vertex": told} if told else {}


def _code(part: Part) -> list[Json]:
    steps = {"executable_code": part.executable_code, "code_execution_result": part.code_execution_result}
    return [{name: step} for name, step in steps.items() if is_given(step)]


def _logprobs(result: Logprobs | None) -> Json | None:
    if result is None or not result.chosen_candidates:
        return None
    tops = result.top_candidates or []
    content = []
    for place, chosen in enumerate(result.chosen_candidates):
        others = (tops[place].candidates if place < len(tops) else None) or []
        content.append({**_logprob(chosen), "top_logprobs": [_logprob(other) for other in others]})
    return {"content": content, "refusal": None}


def _logprob(chosen: Logprob) -> Json:
    token = chosen.token or ""
    return {"token": token, "logprob": chosen.log_probability or 0.0, "bytes": [*token.encode()]}


def _in_words(what: str, reason: str, message: str | None) -> str:
    return f"{what} ({reason})" + (f": {message}" if message else ".")
