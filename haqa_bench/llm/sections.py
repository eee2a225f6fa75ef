"""Several LLMs of one study, each at its endpoint: a request goes where its section says."""

from collections.abc import Mapping

from haqa_bench.errors import ChatFailed
from haqa_bench.protocols import ChatModel, ChatReply, ChatRequest, Position


class Sections:
    """A ChatModel over several, by the names of a method's `chats:`; its `chat:` has none."""

    def __init__(self, models: Mapping[str, ChatModel]) -> None:
        self.models = dict(models)

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """See ChatModel.

        Raises:
            ChatFailed: also for a section that the method does not have.
        """
        if request.section not in self.models:
            known = ", ".join(filter(None, self.models))
            raise ChatFailed(f"chats.{request.section}", "the method has none", f"Known: {known}")
        return self.models[request.section].chat(request, position)
