"""A method's colour is the same everywhere, is read on every background, and its name says it."""

import colorsys

import pytest

from haqa_bench.report import methods
from haqa_bench.report.figures import style

MANY = [*methods.KNOWN, "haqa-no-react", "haqa-small", "mine", *(f"other-{i}" for i in range(30))]


@pytest.mark.parametrize("method", MANY)
def test_a_colour_is_read_on_white_and_on_black(method):
    bright = methods.luminance(methods.colour(method))

    assert (1.0 + 0.05) / (bright + 0.05) >= 3.0
    assert (bright + 0.05) / (0.0 + 0.05) >= 3.0


def test_no_two_methods_look_alike():
    assert len({style.look(name) for name in MANY}) == len(MANY)


def test_a_colour_follows_from_the_name_alone():
    assert methods.colour("haqa") == "#d55e00"
    assert methods.colour("mine") == "#b018d7"  # a hash: another version must not change it


def test_variants_of_the_agent_are_a_family():
    hues = [hue_of(name) for name in ("haqa", "haqa-no-react", "haqa-small", "haqa-a", "haqa-b")]

    assert all(0.02 <= hue <= 0.1 for hue in hues)
    assert len(set(hues)) == len(hues)


def test_methods_stand_in_one_order_whatever_order_they_come_in():
    ordered = methods.order(["haqa-b", "mine", "haqa", "gp", "default", "another", "random"])

    assert ordered == ["default", "random", "gp", "another", "mine", "haqa", "haqa-b"]
    assert methods.order(reversed(ordered)) == ordered


def hue_of(method):
    code = methods.colour(method)
    return colorsys.rgb_to_hls(*(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)))[0]
