"""The pieces of a message as Claude's blocks.

Vertex AI's Claude takes images and documents in base64 only: it fetches nothing.
Source: platform.claude.com, vision ("Google managed: base64 image sources only").
"""

import base64

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import (
    AudioPart,
    CacheControl,
    FileContent,
    FilePart,
    ImagePart,
    ImageUrl,
    Json,
    RefusalPart,
    TextPart,
    UserPart,
)
from overnight.translate.media import Blob, read_data_url, read_file_data

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"


def text_blocks(content: str | list[TextPart] | list[TextPart | RefusalPart] | None) -> list[Json]:
    """Return a content that is text only. Claude takes no empty text, and is given none."""
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = []
    for part in content:
        text, cache = (part.text, part.cache_control) if isinstance(part, TextPart) else (part.refusal, None)
        if text:
            blocks.append(_cached({"type": "text", "text": text}, cache))
    return blocks


def user_blocks(content: str | list[UserPart], *, param: str) -> list[Json]:
    """Return what the user says and shows. Raises Untranslatable."""
    if isinstance(content, str):
        return text_blocks(content)
    blocks = []
    for place, part in enumerate(content):
        blocks.extend(_blocks(part, f"{param}[{place}]"))
    return blocks


def _blocks(part: UserPart, param: str) -> list[Json]:
    match part:
        case TextPart():
            return text_blocks([part])
        case ImagePart():
            return [_cached(_image(part.image_url, f"{param}.image_url.url"), part.cache_control)]
        case FilePart():
            return [_cached(_document(part.file, f"{param}.file"), part.cache_control)]
        case AudioPart():
            raise Untranslatable(f"{param}.type: Claude hears nothing.", param=f"{param}.type")


def _image(image: ImageUrl, param: str) -> Json:
    if not image.url.startswith("data:"):
        why = f"{param}: Claude on Vertex AI fetches nothing; give the image as data:image/…;base64,…"
        raise Untranslatable(why, param=param)
    blob = read_data_url(image.url, param=param)
    if blob.media_type not in _IMAGES:
        why = f"{param}: Claude sees JPEG, PNG, GIF and WebP, and no {blob.media_type}."
        raise Untranslatable(why, param=param)
    return {"type": "image", "source": _source(blob)}


def _document(file: FileContent, param: str) -> Json:
    if file.file_id is not None or not file.file_data:
        named = "file_id" if file.file_id is not None else "file_data"
        why = f"{param}.{named}: Give the content itself, as `file_data`."
        raise Untranslatable(why, param=f"{param}.{named}")
    param = f"{param}.file_data"
    blob = read_file_data(file.file_data, file.filename, param=param)
    document: Json = {"type": "document", "source": _document_source(blob, param)}
    return {**document, "title": file.filename} if file.filename else document


def _document_source(blob: Blob, param: str) -> Json:
    if blob.media_type == _PDF:
        return _source(blob)
    if not blob.media_type.startswith("text/"):
        why = f"{param}: Claude reads PDFs and text, and no {blob.media_type}."
        raise Untranslatable(why, param=param)
    text = base64.b64decode(blob.data).decode(errors="replace")
    return {"type": "text", "media_type": "text/plain", "data": text}


def _source(blob: Blob) -> Json:
    return {"type": "base64", "media_type": blob.media_type, "data": blob.data}


def _cached(block: Json, cache: CacheControl) -> Json:
    return {**block, "cache_control": cache} if cache else block
