"""OpenAI's requests and results ↔ the rows of a vendor's batch API, one shape a file. Pure.

A shape is made for one model. It refuses by name what its vendor can't be told, and loses nothing unseen.
"""

from overnight.translate.claude_chat import ClaudeChat
from overnight.translate.embeddings import TextEmbeddings, VertexEmbeddings
from overnight.translate.gemini_chat import GeminiChat
from overnight.translate.protocol import Reply, Shape, line_key
from overnight.translate.vertex import vertex_shape

__all__ = [
    "ClaudeChat",
    "GeminiChat",
    "Reply",
    "Shape",
    "TextEmbeddings",
    "VertexEmbeddings",
    "line_key",
    "vertex_shape",
]
