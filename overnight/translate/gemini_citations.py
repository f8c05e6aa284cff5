"""What a Gemini's answer stands on, as OpenAI's url citations."""

import msgspec

from overnight.translate.chat_request import Json
from overnight.translate.completion import url_citation
from overnight.translate.gemini_answer import Grounding, GroundingSupport, Part

_decode = msgspec.json.Decoder(Grounding).decode


def annotations(metadata: msgspec.Raw, parts: list[Part]) -> list[Json]:
    """Return the pages that pieces of the content stand on; metadata that can't be read has none."""
    try:
        grounding = _decode(metadata)
    except msgspec.DecodeError:
        return []
    cited: list[Json] = []
    pages = [chunk.web for chunk in grounding.grounding_chunks or []]
    for support in grounding.grounding_supports or []:
        start, end = _place(support, parts)
        numbers = (number for number in support.grounding_chunk_indices or [] if 0 <= number < len(pages))
        found = [page for number in numbers if (page := pages[number]) is not None]
        cited.extend(url_citation(page.uri or "", page.title or "", start=start, end=end) for page in found)
    return cited


def _place(support: GroundingSupport, parts: list[Part]) -> tuple[int, int]:
    """Return where a segment begins and ends, in characters of the whole content."""
    segment = support.segment
    if segment is None:
        return 0, 0
    number = segment.part_index or 0
    before = sum(len(part.text or "") for part in parts[:number] if not part.thought)
    text = (parts[number].text or "" if number < len(parts) else "").encode()
    start, end = (_characters(text, place) for place in (segment.start_index, segment.end_index))
    return before + start, before + end


def _characters(text: bytes, place: int | None) -> int:
    return len(text[: max(0, place or 0)].decode(errors="ignore"))
