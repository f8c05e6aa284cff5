"""Requests that only a Gemini, or only a Claude, can be asked."""

from tests.overnight.translate.writing import (
    CLOCK,
    HELLO,
    HUGE,
    PERSON,
    PIXEL,
    WEATHER,
    Body,
    assistant,
    call,
    chat,
    form,
    image,
    schema,
    system,
    text,
    tool,
    user,
)

GEMINI: dict[str, Body] = {
    "an image in a bucket": chat(user([image("gs://bucket/a/picture.PNG")])),
    "an image on the web": chat(user([image("https://example.com/picture?size=large")])),
    "an image whose type is told": chat(user([image("https://example.com/picture", format="image/heic")])),
    "a document in a bucket": chat(user([image("gs://bucket/report.pdf"), text("Sum it up.")])),
    "a film": chat(user([image("gs://bucket/film.mp4"), image("https://www.youtube.com/watch?v=abc")])),
    "sound": chat(user([{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}])),
    "any JSON": chat(HELLO, response_format={"type": "json_object"}),
    "JSON of a form": chat(HELLO, response_format=form(PERSON, strict=True)),
    "JSON of a huge form": chat(HELLO, response_format=form(HUGE)),
    "JSON of no form": chat(HELLO, response_format={"type": "json_schema", "json_schema": {"name": "x"}}),
    "all there is to set": chat(
        HELLO,
        temperature=1.5,
        n=3,
        seed=42,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        logprobs=True,
        top_logprobs=5,
    ),
    "logprobs alone": chat(HELLO, logprobs=True, top_logprobs=0),
    "little thought": chat(HELLO, reasoning_effort="low"),
    "much thought": chat(HELLO, reasoning_effort="high"),
    "no thought": chat(HELLO, reasoning_effort="none"),
    "thought in Gemini's words": chat(
        HELLO, thinking_config={"thinking_budget": 0, "include_thoughts": False}
    ),
    "safety": chat(
        HELLO,
        safety_settings=[{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_ONLY_HIGH"}],
        cached_content="projects/p/locations/l/cachedContents/1",
        labels={"team": "a", "overnight_key": "theirs"},
    ),
    "Google's way": chat(
        HELLO, extra_body={"google": {"thinking_config": {"thinking_level": "low", "include_thoughts": True}}}
    ),
    "a search": chat(HELLO, web_search_options={}),
    "a search of middling size": chat(HELLO, web_search_options={"search_context_size": "medium"}),
    "Gemini's own search": chat(HELLO, tools=[{"google_search": {}}]),
    "a search that leaves pages out": chat(
        HELLO, tools=[{"googleSearch": {"excludeDomains": ["example.com"]}}]
    ),
    "signed calls": chat(
        HELLO,
        assistant(
            None,
            tool_calls=[
                call("a", "get_time", extra_content={"google": {"thought_signature": "c2lnbmVk"}}),
                call("b", "get_time"),
            ],
        ),
        tool("a", "noon"),
        tool("b", "noon"),
        tools=[CLOCK],
    ),
}

CLAUDE: dict[str, Body] = {
    "JSON of a form": chat(HELLO, response_format=form(PERSON, strict=True)),
    "JSON of an open form": chat(
        HELLO, response_format=form(schema({"a": schema({"b": {"type": "string"}})}))
    ),
    "one call at a time": chat(HELLO, tools=[WEATHER], parallel_tool_calls=False),
    "one call, any": chat(HELLO, tools=[WEATHER], parallel_tool_calls=False, tool_choice="required"),
    "one call at a time, or none": chat(
        HELLO, tools=[WEATHER], parallel_tool_calls=False, tool_choice="none"
    ),
    "little thought": chat(HELLO, reasoning_effort="minimal"),
    "much thought": chat(HELLO, reasoning_effort="high", temperature=1),
    "thought in a bounded answer": chat(HELLO, reasoning_effort="high", max_completion_tokens=4_000),
    "thought that may call": chat(HELLO, reasoning_effort="medium", tools=[WEATHER], tool_choice="auto"),
    "no thought": chat(HELLO, reasoning_effort="none"),
    "thought in Claude's words": chat(HELLO, thinking={"type": "enabled", "budget_tokens": 2_000}),
    "effort in Claude's words": chat(HELLO, output_config={"effort": "low"}),
    "a cached beginning": chat(
        system([{**text("A long law."), "cache_control": {"type": "ephemeral"}}]),
        user([{**image(f"data:image/png;base64,{PIXEL}"), "cache_control": {"type": "ephemeral"}}]),
        tools=[{**WEATHER, "cache_control": {"type": "ephemeral"}}],
    ),
    "thoughts given back": chat(
        HELLO,
        assistant(
            None,
            thinking_blocks=[{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}],
            tool_calls=[call("a", "get_time")],
        ),
        tool("a", "noon"),
        tools=[CLOCK],
        reasoning_effort="low",
    ),
    "Claude's own search": chat(
        HELLO, tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]
    ),
    "a beta": chat(HELLO, anthropic_beta=["context-1m-2025-08-07"]),
}
