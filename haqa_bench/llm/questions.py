"""The questions of the relay, as files: a folder of requests, each with its answer.

An answer is taken once its writer has finished it. What is no file of the folder itself is none.
"""

import errno
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from haqa_bench import disk
from haqa_bench.documents import JsonObject, sha256

MAX_BODY_BYTES = 4_000_000
POLL_S = 0.2
SETTLED_S = 0.5
UNSURE_S = 5.0
"""How long an answer that is not all JSON must have stayed as it is: its writer may have paused."""
HEADER = """\
Write the reply to the conversation below, and nothing else, as plain text into \
`{name}.answer.md` in this folder. It is sent on
exactly as written{limit}. Write it elsewhere and rename it if you can: the file \
is taken once it is whole JSON and has not
changed for half a second, or, as other text, for five."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")
    role: str
    content: str


class Question(BaseModel):
    """The body of a chat request. Keys that are not shown to whoever answers are kept, since they
    tell requests apart.
    """

    model_config = ConfigDict(extra="allow")
    messages: list[_Message] = Field(min_length=1)
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    response_format: JsonObject | None = None
    stream: Literal[False] | None = None

    def markdown(self, name: str) -> str:
        """The request as whoever answers reads it."""
        most = self.max_tokens or self.max_completion_tokens
        limit = f", and may have at most {most:,} tokens" if most else ""
        return f"{HEADER.format(name=name, limit=limit)}\n\n{self.conversation()}"

    def conversation(self) -> str:
        """Its messages, and the form that the reply must have, where one is said."""
        parts = [
            f"# Message {number}: {message.role}\n\n{message.content}"
            for number, message in enumerate(self.messages, 1)
        ]
        if self.response_format:
            schema = self.response_format.get("json_schema", self.response_format)
            parts.append(
                "# The form the reply must "
                f"have\n\n```json\n{json.dumps(schema, indent=2, ensure_ascii=False)}\n```"
            )
        return "\n\n".join(parts) + "\n"


class Questions:
    """A folder of numbered questions (`NNNN.request.md`), their hashes (`NNNN.sha256`) and their
    answers (`NNNN.answer.md`).
    """

    def __init__(self, folder: Path, announce: Callable[[str], None]) -> None:
        self._folder, self._announce, self._adding = folder, announce, threading.Lock()
        self._names = {
            path.read_text("ascii", errors="replace"): path.stem
            for path in sorted(folder.glob("*.sha256"))
            if path.stem.isdecimal()
        }

    def add(self, question: Question) -> str:
        """The name (`NNNN`) of `question`: its own if it is known, else the next, with its files
        written.
        """
        key = sha256(question.model_dump(exclude_unset=True))  # mode="json" makes NaN null
        with self._adding:
            name = self._names.get(key) or self._next()
            request = self._folder / f"{name}.request.md"
            if not request.exists() and not self._read(name):
                # The hash first: a relay killed in between asks again under the same number.
                disk.write(self._folder / f"{name}.sha256", key)
                disk.write(request, question.markdown(name))
                self._names[key] = name
                self._announce(request.name)
        return name

    def answer(self, name: str, stopped: threading.Event) -> bytes | None:
        """Waits for an answer that somebody has finished writing. None when `stopped` first.

        Raises:
            OSError: the answer cannot be read, or is too large.
        """
        answer, since_s = self._read(name), time.monotonic()
        while not stopped.wait(POLL_S):
            if (now := self._read(name)) != answer:
                answer, since_s = now, time.monotonic()
            elif answer and time.monotonic() - since_s >= _settled_s(answer):
                return answer
        return None

    def _read(self, name: str) -> bytes:
        """The answer so far. A pipe, which would wait for ever, and a link, which may lead out of
        the folder, are none.
        """
        path = self._folder / f"{name}.answer.md"
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                return b""
            with open(path, "rb", opener=_unfollowed) as file:
                answer = file.read(MAX_BODY_BYTES + 1)
        except FileNotFoundError:
            return b""
        if len(answer) > MAX_BODY_BYTES:
            raise OSError(errno.EFBIG, f"{path.name} is larger than {MAX_BODY_BYTES:,} bytes")
        return answer

    def _next(self) -> str:
        numbers = [path.name.partition(".")[0] for path in self._folder.iterdir()]
        return (
            f"{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1:04d}"
        )


class Apart:
    """A folder of questions for each study below `folder`, so that each can have an answerer of its
    own. A study is told by what begins all its requests: its first message, and its seed.
    """

    def __init__(self, folder: Path, announce: Callable[[str], None]) -> None:
        self._folder, self._announce, self._making = folder, announce, threading.Lock()
        self._made: dict[str, Questions] = {}

    def __call__(self, question: Question) -> Questions:
        """The folder of a question's study.

        Raises:
            OSError: it cannot be made.
        """
        begins = question.messages[0].model_dump(), (question.model_extra or {}).get("seed")
        name = sha256(list(begins))[:8]
        with self._making:
            if name not in self._made:
                own = self._folder / name
                own.mkdir(parents=True, exist_ok=True)
                self._made[name] = Questions(own, lambda file: self._announce(f"{name}/{file}"))
            return self._made[name]


def _unfollowed(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _settled_s(answer: bytes) -> float:
    """How long an answer must have stayed as it is to be taken for finished."""
    text = answer.decode("utf-8-sig", "replace").strip()
    try:
        json.loads(text.removeprefix("```json").removeprefix("```").removesuffix("```"))
    except (ValueError, RecursionError):
        return max(UNSURE_S, SETTLED_S)
    return SETTLED_S
