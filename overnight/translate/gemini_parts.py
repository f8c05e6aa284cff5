"""The pieces of a message as Gemini's parts."""

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import (
    AudioPart,
    FileContent,
    FilePart,
    ImagePart,
    ImageUrl,
    InputAudio,
    Json,
    RefusalPart,
    TextPart,
    UserPart,
)
from overnight.translate.media import (
    AUDIO_TYPES,
    Blob,
    checked_base64,
    read_data_url,
    read_file_data,
    type_by_name,
)

_FETCHED = ("gs://", "https://", "http://")
_YOUTUBE = ("https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/")


def user_parts(content: str | list[UserPart], *, param: str) -> list[Json]:
    """Return what the user says and shows. Raises Untranslatable."""
    if isinstance(content, str):
        return [{"text": content}]
    return [_user_part(part, f"{param}[{place}]") for place, part in enumerate(content)]


def text_of(content: str | list[TextPart] | list[TextPart | RefusalPart] | None) -> str:
    """Return a content that is text only, as one text."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text if isinstance(part, TextPart) else part.refusal for part in content)


def _user_part(part: UserPart, param: str) -> Json:
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            return _image(part.image_url, f"{param}.image_url.url")
        case AudioPart():
            return _sound(part.input_audio, f"{param}.input_audio")
        case FilePart():
            return _file(part.file, f"{param}.file")


def _image(image: ImageUrl, param: str) -> Json:
    """Return an image, or whatever else the address is of: a video, say, or a PDF in a bucket."""
    if image.url.startswith("data:"):
        return _inline(read_data_url(image.url, param=param))
    if not image.url.startswith(_FETCHED):
        raise Untranslatable(f"{param}: Gemini fetches gs:// and https:// only.", param=param)
    by_place = "video/mp4" if image.url.startswith(_YOUTUBE) else None
    media_type = image.format or by_place or type_by_name(image.url) or "image/jpeg"
    return {"fileData": {"fileUri": image.url, "mimeType": media_type}}


def _sound(audio: InputAudio, param: str) -> Json:
    audio_type = AUDIO_TYPES.get(audio.format.lower())
    if audio_type is None:
        why = f"{param}.format: Gemini knows no audio format '{audio.format}'."
        raise Untranslatable(why, param=f"{param}.format")
    return _inline(Blob(audio_type, checked_base64(audio.data, param=f"{param}.data")))


def _file(file: FileContent, param: str) -> Json:
    if file.file_id is not None:
        why = "Vertex AI sees no files of ours; use `file_data`, or an image_url part with a gs:// address."
        raise Untranslatable(f"{param}.file_id: {why}", param=f"{param}.file_id")
    if not file.file_data:
        raise Untranslatable(f"{param}.file_data: This field is required.", param=f"{param}.file_data")
    return _inline(read_file_data(file.file_data, file.filename, param=f"{param}.file_data"))


def _inline(blob: Blob) -> Json:
    return {"inlineData": {"mimeType": blob.media_type, "data": blob.data}}
