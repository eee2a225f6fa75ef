"""What figures draw of methods that do the same, of few studies, and of cells that tell nothing."""

import numpy as np
import pytest

from haqa_bench.report.figures import bars, curves, glance, scales, style
from haqa_bench.report.figures.confirmed import Confirmed, Winner
from haqa_bench.report.found.steps import Step


def study(method, name, values):
    """A study's steps: the best so far after each evaluation."""
    steps = enumerate(values, 1)
    return [Step("cell", method, name, n, n, 0.0, 0.0, value, None) for n, value in steps]


def drawn(**methods):
    """Methods with one study each, by name."""
    return {name: {name: study(name, name, values)} for name, values in methods.items()}


def test_methods_that_lie_on_each_other_are_one_line_that_names_them():
    found = drawn(random=[1.0, 2.0, 3.0], rules=[1.0, 4.0, 4.0], haqa=[1.0, 4.0, 4.0])

    lines = curves.lines(found, "best", 3)

    assert [line.methods for line in lines] == [["random"], ["haqa", "rules"]]


def test_a_panel_has_at_most_six_lines_the_agent_s_and_random_search_s_among_them():
    values = {f"other-{i}": [1.0, 5.0 + i] for i in range(11)}
    every = curves.lines(drawn(**values, random=[1.0, 2.0], haqa=[1.0, 3.0]), "best", 2)

    names = [line.methods[0] for line in curves.leading(every, "maximize")]

    assert names == ["haqa", "random", "other-10", "other-9", "other-8", "other-7"]


def test_there_is_no_band_below_six_studies():
    assert curves._band((1.0, 2.0, 3.0, 4.0, 5.0)) == (None, None)
    assert curves._band((1.0, 2.0, 3.0, 4.0, 5.0, 6.0)) != (None, None)


def test_regret_of_nought_has_a_place_on_its_axis():
    _, (axes,) = style.panels(1, style.COLUMN, 1.6, 1)
    curve = [curves.Point(1, 0.24, None, None), curves.Point(2, 0.0, None, None)]

    floor = curves._log_down_to_zero(axes, [curves.Line(["mine"], curve)])

    assert floor == pytest.approx(0.1)
    low, high = axes.get_ylim()
    assert low < 0 < high
    assert np.isfinite(axes.transData.transform((1, 0.0))).all()


def test_marks_that_are_close_stand_above_each_other():
    gain = glance.Gain(1.4, None, True, 3)
    row = glance.Row(
        None,
        glance.Scale(True, ""),
        "",
        {"random": gain._replace(value=1.1), "gp": gain, "haqa": gain},
    )

    aside = glance.aside_of(row, (1.0, 1.5), 0.3)

    assert aside["random"] == 0.0
    assert aside["haqa"] == -aside["gp"] != 0.0


def test_an_axis_of_ratios_has_the_default_on_it_and_few_ticks():
    for high in (1.02, 1.4, 2.6, 8.0, 24.0, 80.0):
        ends = scales.limits([1.01, high], times=True)
        ticks = scales._ticks(*ends)

        assert ends[0] < 1.0 < ends[1]
        assert 1.0 in ticks
        assert len(ticks) <= scales.MOST


def test_numbers_of_bars_stand_beside_the_panel_where_no_line_strikes_them_out():
    _, (axes,) = style.panels(1, style.COLUMN, 2.0, 1)

    bars.draw(axes, {"a model": [bars.Bar("INT4", 5.6, "5.6", "#0072b2")]})

    number = next(text for text in axes.texts if text.get_text() == "5.6")
    assert number.get_position()[0] > 1.0  # in shares of the panel's width


def test_winners_that_do_not_beat_the_default_count_for_nothing():
    winner = Winner(1.4, 1.3, 1.5, 8, 2, True)
    found = Confirmed("times", [winner, Winner(1.01, 0.98, 1.04, 8, 1, False)], 1.4, 3)

    assert found.better == 2


def test_a_cell_on_which_all_methods_are_on_one_line_is_not_drawn():
    same = curves.lines(drawn(random=[1.0, 1.0], haqa=[1.0, 1.0]), "best", 2)
    alone = curves.lines(drawn(random=[1.0, 2.0]), "best", 2)

    assert not curves._tells(same)
    assert curves._tells(alone)
