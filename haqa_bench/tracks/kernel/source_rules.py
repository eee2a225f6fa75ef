"""What a kernel's source may not hold, before any compiler sees it.

The sandbox keeps code in; these rules keep the compiler from code that is not OpenCL C's own:
files, assembly, what runs before a kernel does. A word that is forbidden is one wherever it stands,
also in a comment: say it in another way. The compiler gets it as a macro besides, so that none can
be put together of parts.
"""

import re
from collections.abc import Iterator, Sequence

from haqa_bench.errors import EvaluationFailed, Status

MOST_BYTES = 64 * 1024
"""Of a source, whatever a suite allows."""
LONGEST_LINE = 4000
HEADERS = ("vectors.h", "weights.h")
HOST = "reaches out of OpenCL C"
WORDS = {
    "asm": HOST,
    "__asm": HOST,
    "__asm__": HOST,
    "printf": "prints, which takes time and is read by nobody",
    "constructor": "runs before any kernel does",
    "destructor": "runs after any kernel did",
    "init_priority": "runs before any kernel does",
    "syscall": HOST,
    "__has_include": "asks for files",
    "__has_include_next": "asks for files",
    "__has_embed": "asks for files",
    "__FILE__": "tells of files",
    "__TIME__": "tells a time",
    "__DATE__": "tells a time",
    "__TIMESTAMP__": "tells a time",
    "__builtin_readcyclecounter": "reads a clock",
    "__builtin_return_address": HOST,
    "__builtin_frame_address": HOST,
    "_Pragma": "sets the compiler up in other ways than the harness does",
}
"""Each forbidden word, and why it is one."""
PARTS = {
    "__builtin_ia32": "calls the processor's own instructions, some of which read clocks",
    "__builtin_os": HOST,
}
"""The same, for all words that begin so."""
RENAMED = ("section", "alias", "cleanup", "ifunc", "weakref")
"""Attributes of clang's that do the same. As names they do no harm: the compiler gets them, too, as
macros.
"""
CLOCKS = ("__builtin_ia32_rdtsc", "__builtin_ia32_rdtscp", "__builtin_ia32_rdpmc")
"""Of the words that begin as one of PARTS, those that a macro is made of, too."""
PRINT = "#define printf forbidden_printf\n#line 1\n"
"""What goes before a source: OpenCL's own headers, which come first, declare printf."""
TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)
"""A comment, or what no comment begins in."""
DIRECTIVE = re.compile(r"^[ \t\f\v]*#[ \t\f\v]*(\w*)(.*)$", re.M)
NAMED = re.compile(r'[ \t]*"([^"\n]*)"[ \t]*')
DIRECTIVES = ("", "if", "ifdef", "ifndef", "elif", "else", "endif", "define", "undef", "error")


def normalised(source: str) -> str:
    """A source with plain ends of lines, no blanks at them, and one final newline."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def check(source: str) -> None:
    """Refuses a source that breaks a rule.

    Raises:
        EvaluationFailed: it does; says which, and why there is that rule.
    """
    for reason in _broken(source):
        raise EvaluationFailed(Status.REFUSED, f"the source {reason}")


def guards() -> Sequence[str]:
    """The compiler's options that make forbidden words macros which nothing knows, also as clang
    has them between underscores.
    """
    plain = [word for word in (*WORDS, *RENAMED) if _is_plain(word)]
    twins = [f"__{word}__" for word in plain if not word.startswith("_")]
    words = dict.fromkeys([*plain, *twins, *CLOCKS])
    return [f"-D{word}=forbidden_{word.strip('_')}" for word in words]


def guarded(source: str) -> str:
    """A source as the compiler gets it, its lines numbered as they were."""
    return PRINT + source


def _is_plain(word: str) -> bool:
    """Whether a word can be made a macro: its own headers declare printf."""
    return word != "printf" and not word.startswith(("__has_", "_Pragma")) and word.upper() != word


def _broken(source: str) -> Iterator[str]:
    if len(source.encode("utf-8", "replace")) > MOST_BYTES:
        yield f"is larger than {MOST_BYTES} bytes"
        return
    if any(not character.isprintable() and character not in "\n\t" for character in source):
        yield "holds a character that is not printable, which may hide what follows"
    if not source.isascii() and not _is_comment(source):
        yield "holds characters beyond ASCII outside its comments"
    if any(len(line) > LONGEST_LINE for line in source.split("\n")):
        yield f"has a line of more than {LONGEST_LINE} characters"
    if re.search(r"%:|\?\?[=/'()!<>-]", source):
        yield "holds a digraph or trigraph for #, or another trigraph: write the sign itself"
    joined = re.sub(r"\\[ \t]*\n", "", source)
    yield from _words(source)
    yield from _words(joined)
    yield from _directives(joined)


def _is_comment(source: str) -> bool:
    """Whether all that is beyond ASCII stands in comments."""
    return _bare(source).isascii()


def _bare(text: str) -> str:
    """A text without its comments, each a blank or as many lines as it had."""

    def blank(found: re.Match[str]) -> str:
        return found[0] if found[0][0] in "\"'" else " " + "\n" * found[0].count("\n")

    return TOKEN.sub(blank, text)


def _words(text: str) -> Iterator[str]:
    for word in re.findall(r"\w+", text):
        bare = word.strip("_")
        why = WORDS.get(word) or (WORDS.get(bare) if word != bare else None)
        why = why or next((why for part, why in PARTS.items() if word.startswith(part)), None)
        if why:
            yield f"says '{word}', which {why}"


def _directives(joined: str) -> Iterator[str]:
    allowed = " and ".join(f'"{name}"' for name in HEADERS)
    for name, rest in [*DIRECTIVE.findall(joined), *DIRECTIVE.findall(_bare(joined))]:
        if name in DIRECTIVES or _is_header(name, rest):
            continue
        if name.startswith(("include", "import", "embed")):
            why = "since other files are no part of what is recorded"
            yield f"includes{rest.rstrip()[:80]}: only {allowed} may be, {why}"
        elif name == "pragma":
            yield "has a #pragma, which sets the compiler up in other ways than the harness does"
        else:
            yield f"has the directive #{name[:40]}: known are {', '.join(DIRECTIVES[1:])}"


def _is_header(name: str, rest: str) -> bool:
    """Whether a directive includes a header of ours; a comment may follow."""
    found = NAMED.fullmatch(re.sub(r"//.*", "", rest))
    return name == "include" and found is not None and found[1] in HEADERS
