"""What OpenAI's API can say and none of our shapes can: refused by name, so that nothing is lost unseen."""

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import ChatRequest, FunctionMessage, Message

_ONLY_TEXT = ["text"]


def require_expressible(request: ChatRequest) -> None:
    """Raise Untranslatable for a field that would change the answer and can't be said to any provider."""
    _refuse(request.stream, "stream", "A batch does not stream; leave it out.")
    _refuse(request.audio, "audio", "This provider's batch answers in text only; leave it out.")
    _refuse(request.functions, "functions", "Give the functions as `tools`.")
    _refuse(request.function_call, "function_call", "Use `tool_choice`.")
    _refuse(request.logit_bias, "logit_bias", "This provider weighs no single tokens; leave it out.")
    _refuse(request.moderation, "moderation", "This provider moderates in its own way; leave it out.")
    if request.modalities and request.modalities != _ONLY_TEXT:
        raise Untranslatable('modalities: Only ["text"] can be asked for in a batch.', param="modalities")
    if request.verbosity not in {None, "medium"}:
        why = "verbosity: This provider has no such setting; say in the instructions how long to answer."
        raise Untranslatable(why, param="verbosity")
    if not request.messages:
        raise Untranslatable("messages: There must be at least one message.", param="messages")


def refuse_name(message: Message, *, param: str) -> None:
    """Raise Untranslatable for a speaker's name, which only OpenAI's models are told."""
    if getattr(message, "name", None) and not isinstance(message, FunctionMessage):
        why = f"{param}.name: This provider knows speakers by role only; write the name into the content."
        raise Untranslatable(why, param=f"{param}.name")


def _refuse(value: object, param: str, what_to_do: str) -> None:
    if value:
        raise Untranslatable(f"{param}: {what_to_do}", param=param)
