"""Templates of somebody else's project: they read what is given, and end."""

import time

import pytest

from haqa_bench.errors import HaqaError
from haqa_bench.optimizers.agent.sandbox import Sandbox

DOUBLED = "{%% set n = namespace(x='a') %%}{%% for i in range(100) %%}%s{%% endfor %%}"
NESTED = (
    "{% set n = namespace(x=[1]) %}"
    "{% for i in range(30) %}{% set n.x = [n.x, n.x, n.x] %}{% endfor %}"
)


@pytest.fixture
def fill(tmp_path):
    def filled(text, **values):
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "x.j2").write_bytes(data)
        return Sandbox(tmp_path).fill("x.j2", "", values)

    return filled


def test_a_template_joins_counts_and_chooses_as_it_did(fill):
    text = (
        "{% for i in range(3) %}{{ loop.index ~ ', ' if not loop.last else loop.length }}"
        "{% endfor %}{{ [1, 2] | join('-') }} {{ 2 * 3 + 4 % 3 }} {{ 'a' ~ 1.5 ~ none }}"
    )

    assert fill(text) == "1, 2, 31-2 7 a1.5None"


@pytest.mark.parametrize(
    "text",
    [
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ x.__init__.__globals__ }}",
        "{{ x['__class__'] }}",
        "{{ [x] | map(attribute='__class__') | first }}",
        "{{ [].append(1) }}",
        "{% include '../outside.j2' %}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_template_reaches_no_python_and_no_other_file(fill, text):
    with pytest.raises(HaqaError, match=r"prompts/x\.j2:1: (SecurityError|TemplateNotFound)"):
        fill(text, x=HaqaError("a", "b"))


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(1000) %}" * 3 + "{% endfor %}" * 3,
        "{% for i in range(10000000) %}{% endfor %}",
        "{% macro f(n) %}{{ f(n - 1) ~ f(n - 1) if n }}{% endmacro %}{{ f(60) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for x in [1, 1] recursive %}{{ loop([1, 1]) if loop.depth < 60 }}{% endfor %}",
        "{% include 'x.j2' %}",
        "{% extends 'x.j2' %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 2 ** 100000000 }}",
        "{{ '%1000000000d' % 3 }}",
        "{{ 'x'.center(1000000000) }}",
        "{{ 'x' | center(1000000000) }}",
        "{{ '{:1000000000}'.format(3) }}",
        "{{ '{:1000000000}'['format'](3) }}",
        "{{ lipsum(n=1000000) }}",
        DOUBLED % "{% set n.x = n.x ~ n.x %}",
        DOUBLED % "{% set n.x = n.x + n.x %}",
        DOUBLED % "{% set n.x = n.x | replace('a', 'aa') %}",
        DOUBLED % "{% set n.x = (n.x ~ '\"') | tojson %}",
        DOUBLED % "{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}",
        DOUBLED % "{% set n.x = [n.x, n.x] | join %}",
        NESTED + "{{ n.x }}",
        NESTED + "{{ 1 ~ n.x }}",
        NESTED + "{{ n.x | string }}",
        DOUBLED % "{% set n.x = n.x * n.x if n.x != 'a' else 3 %}",
    ],
)
def test_a_template_that_would_not_end_or_fill_the_memory_is_refused_soon(fill, text):
    began = time.process_time()

    with pytest.raises(HaqaError, match=r"prompts/x\.j2(:\d+)?: \w+Error"):
        fill(text)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\n{{ nope }}", r"prompts/x\.j2:3: UndefinedError: 'nope' is undefined"),
        ("\n{{ 1 / 0 }}", r"prompts/x\.j2:2: ZeroDivisionError"),
        ("\n{% if %}", r"prompts/x\.j2:2: TemplateSyntaxError"),
        ("{{ 3 | nope }}", r"prompts/x\.j2:1: TemplateAssertionError: No filter named 'nope'"),
        ("{{ " + "(" * 5000, r"prompts/x\.j2: RecursionError"),
        ("{% for i in [1] %}" * 30 + "{% endfor %}" * 30, r"prompts/x\.j2: SyntaxError"),
        (b"\xff{{", r"x\.j2:1: not UTF-8"),
        (b"a\n\0", r"x\.j2:2: is no text: it has a NUL byte"),
        (b"a" * 100_001, r"x\.j2: is larger than the 100,000 bytes allowed"),
    ],
)
def test_a_faulty_template_is_one_line_that_names_its_own(fill, text, message):
    with pytest.raises(HaqaError, match=message) as caught:
        fill(text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_in_place_of_a_template_is_refused_and_a_missing_one_is_brought(tmp_path):
    (tmp_path / "x.j2").mkdir()

    with pytest.raises(HaqaError, match=r"x\.j2: Is a directory"):
        Sandbox(tmp_path).fill("x.j2", "brought", {})
    assert Sandbox(tmp_path).fill("y.j2", "brought {{ 1 }}", {}) == "brought 1"


def test_a_template_is_read_again_where_its_file_changes(fill):
    assert fill("one") == "one"
    assert fill("two, longer") == "two, longer"
