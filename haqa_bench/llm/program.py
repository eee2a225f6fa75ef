"""An LLM that is a program: any command that reads a question and answers it.

It runs with the user's rights, without a shell, in an empty folder of its own for each question,
without the user's keys, and for so long as it may; nothing that it starts is left behind.
"""

import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from haqa_bench.backends import programs
from haqa_bench.backends.guard import NOT_STARTED
from haqa_bench.chat import shown
from haqa_bench.errors import ChatFailed, HaqaError
from haqa_bench.llm.connection import MOST_BYTES
from haqa_bench.llm.endpoint import one_line
from haqa_bench.llm.questions import Question
from haqa_bench.llm.secrets import Secrets
from haqa_bench.llm.tries import Failure, deadline, good
from haqa_bench.protocols import ChatReply, ChatRequest, Position

QUESTION, ANSWER = "{question}", "{answer}"
_KEYS = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
"""Variables of the environment that programs are not given, unless by name."""


class Command(NamedTuple):
    """A program and its arguments; `beside` is the folder that its files are named from."""

    words: tuple[str, ...]
    question: Literal["text", "json"] = "text"
    beside: Path = Path()

    def called(self, path: str | None, files: Mapping[str, Path]) -> list[str]:
        """As it is run, with absolute names for it and for files beside it.

        Raises:
            FileNotFoundError: there is no such program.
        """
        own = self.beside / self.words[0]
        program = shutil.which(str(own.resolve()) if "/" in self.words[0] else own.name, path=path)
        if program is None:
            raise FileNotFoundError(self.words[0])
        return [program, *(self._word(word, files) for word in self.words[1:])]

    def _word(self, word: str, files: Mapping[str, Path]) -> str:
        if (self.beside / word).is_file() and not word.startswith("-"):
            return str((self.beside / word).resolve())
        for name, file in files.items():
            word = word.replace(name, str(file))
        return word


class Program:
    """A ChatModel that runs a command for each question. `passed` are the names of secret variables
    of the environment that it is given.

    Raises:
        HaqaError: a variable that is to be passed is not set.
        ChatFailed: there is no such program.
    """

    endpoint = "a program"

    def __init__(
        self,
        command: Command,
        timeout_s: float,
        retries: int,
        deadline_s: float | None = None,
        passed: Sequence[str] = (),
    ) -> None:
        self.command, self._timeout_s, self._retries = command, timeout_s, retries
        self._deadline_s = deadline(deadline_s, timeout_s, retries)
        for name in passed:
            if name not in os.environ:
                raise HaqaError("--chat-env", f"{name} is not set", f"Set it: export {name}=...")
        kept = {n: v for n, v in os.environ.items() if n in passed or not _KEYS.search(n)}
        self._environment = kept
        self._secrets = Secrets(v for n, v in os.environ.items() if _KEYS.search(n) or n in passed)
        self._called({})

    @property
    def said(self) -> list[str]:
        """The command as a card says it."""
        return [self._hidden(word) for word in shown(self.command.words)]

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """What the program answers; `model` is what the suite calls it.

        Raises:
            ChatFailed: it gives no usable answer.
        """
        start = time.monotonic()
        until = start + self._deadline_s
        text = good(lambda: self._tried(request, until), self._retries, until)
        return ChatReply(
            content=self._secrets.hidden(text),
            model=request.model,
            finish_reason="stop",
            latency_s=time.monotonic() - start,
        )

    def _tried(self, request: ChatRequest, until: float) -> str | Failure:
        seconds = max(min(self._timeout_s, until - time.monotonic()), 0.001)
        with tempfile.TemporaryDirectory(
            prefix="haqa-bench-", ignore_cleanup_errors=True
        ) as folder:
            try:
                return self._answer(request, Path(folder), seconds)
            except TimeoutError:
                todo = "Allow more with --chat-timeout, or --chat-deadline for all tries"
                return Failure(self._failed(f"no answer within {seconds:g} s", todo), again=True)
            except programs.TooMuch:
                what = f"an answer of more than {MOST_BYTES:,} bytes"
                return Failure(self._failed(what, "It is to say its answer alone"), again=False)

    def _answer(self, request: ChatRequest, folder: Path, seconds: float) -> str | Failure:
        work, asked = folder / "work", folder / "asked"
        work.mkdir()
        files = {QUESTION: work / f"question.{'json' if self._json else 'md'}"}
        files[ANSWER] = work / "answer.md"
        reads = any(QUESTION in word for word in self.command.words)
        writes = any(ANSWER in word for word in self.command.words)
        source = files[QUESTION] if reads else asked
        source.write_text(self._question(request), "utf-8")
        ended = programs.run(
            programs.Called(
                self._called(files),
                work,
                {**self._environment, "PWD": str(work)},
                None if reads else source,
                files[ANSWER] if writes else None,
            ),
            seconds,
            MOST_BYTES,
        )
        if ended.code:
            again = ended.code != NOT_STARTED
            return Failure(self._failed(f"{ended.how}: {ended.complaint}"), again)
        return self._text(_read(files[ANSWER]) if writes else ended.output, ended.complaint)

    @property
    def _json(self) -> bool:
        return self.command.question == "json"

    def _question(self, request: ChatRequest) -> str:
        body = request.body()
        if self._json:
            return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
        return Question.model_validate(body).conversation()

    def _called(self, files: Mapping[str, Path]) -> list[str]:
        try:
            return self.command.called(self._environment.get("PATH"), files)
        except FileNotFoundError:
            what = "no such program, or none that may be run"
            raise self._failed(what, "Install it, or name its path") from None

    def _text(self, data: bytes, complaint: str) -> str | Failure:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return Failure(self._failed("its answer is not UTF-8"), again=False)
        if not text.strip():
            return Failure(self._failed(f"it answered nothing: {complaint}"), again=True)
        return text

    def _failed(self, what: str, todo: str = "") -> ChatFailed:
        name = f"the program {self.said[0]}"
        return ChatFailed(name, one_line(self._secrets, self._hidden(what)), todo)

    def _hidden(self, text: str) -> str:
        """`text` without secrets and without the user's name: it may be recorded."""
        return self._secrets.hidden(text.replace(str(Path.home()), "~"))


def _read(path: Path) -> bytes:
    """The answer in a file of its own; a pipe, which would wait for ever, or a link is none."""
    if not path.exists() or not stat.S_ISREG(path.lstat().st_mode):
        return b""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise programs.TooMuch
    return data
