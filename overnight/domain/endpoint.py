"""The endpoints a batch can be for, as OpenAI lists them."""

from enum import StrEnum


class Endpoint(StrEnum):
    """The path every line of a batch is sent to. JSON bodies only."""

    CHAT_COMPLETIONS = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    EMBEDDINGS = "/v1/embeddings"
    COMPLETIONS = "/v1/completions"
    MODERATIONS = "/v1/moderations"
    IMAGE_GENERATIONS = "/v1/images/generations"
    IMAGE_EDITS = "/v1/images/edits"
    VIDEOS = "/v1/videos"

    @property
    def below_base(self) -> str:
        """The path to append to a base URL, which ends in `/v1` by convention."""
        return self.value.removeprefix("/v1")
