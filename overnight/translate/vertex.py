"""Which shape a model's rows at Vertex AI have."""

from overnight.domain.endpoint import Endpoint
from overnight.translate.claude_chat import ClaudeChat
from overnight.translate.embeddings import TextEmbeddings, VertexEmbeddings
from overnight.translate.gemini_chat import GeminiChat
from overnight.translate.protocol import Shape

_PUBLISHERS = frozenset({"google", "anthropic"})


def vertex_shape(model: str, endpoint: Endpoint) -> Shape | None:
    """Return the shape of a model's rows, or None if it can't serve the endpoint in a batch.

    `model` is a bare name, or the whole path of a publisher's or a tuned model. A name that tells nothing
    is taken for a Gemini's, as a tuned one's is.
    """
    *path, name = model.split("/")
    if "publishers" in path and not _PUBLISHERS & {*path}:
        return None
    embeds = "embedding" in name
    match endpoint:
        case Endpoint.EMBEDDINGS if name.startswith("gemini-embedding"):
            return VertexEmbeddings(model=name)
        case Endpoint.EMBEDDINGS if embeds and name.startswith("text"):
            return TextEmbeddings(model=name)
        case Endpoint.CHAT_COMPLETIONS if name.startswith("claude"):
            return ClaudeChat(model=name)
        case Endpoint.CHAT_COMPLETIONS if not embeds:
            return GeminiChat(model=name)
        case _:
            return None
