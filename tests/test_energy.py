"""What a run takes of energy, where the machine tells it."""

from haqa_bench.backends.workers.energy import Meter, meter


def package(folder, number, microjoules, name="package-0", most=1000):
    place = folder / f"intel-rapl:{number}"
    place.mkdir()
    (place / "name").write_text(f"{name}\n")
    (place / "energy_uj").write_text(f"{microjoules}\n")
    (place / "max_energy_range_uj").write_text(f"{most}\n")
    return place / "energy_uj"


def test_packages_are_added_up_and_their_parts_are_not(tmp_path):
    first, second = package(tmp_path, "0", 100), package(tmp_path, "1", 0, "package-1")
    part = package(tmp_path, "0:0", 0, "core")
    found = meter(False, tmp_path)

    first.write_text("150")
    second.write_text("30")
    part.write_text("999")

    assert found.joules() == 80e-6
    assert found.facts == {"energy_by": "RAPL"}


def test_a_counter_that_begins_anew_is_followed(tmp_path):
    file = package(tmp_path, "0", 990, most=999)
    found = meter(False, tmp_path)

    file.write_text("10")
    assert found.joules() == 20e-6
    file.write_text("15")
    assert found.joules() == 25e-6


def test_where_nothing_is_told_there_is_no_number(tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()  # without its files, as without the right to read them

    found = meter(False, tmp_path)

    assert (found, found.joules(), found.facts) == (Meter(()), None, {})
