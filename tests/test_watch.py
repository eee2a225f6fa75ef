"""`tune --watch`: the search in the browser while it goes on, and nothing of it left behind."""

import json
import re
import threading
import urllib.error
import urllib.request

import pytest
from tuned import Machine, prepared

from haqa_bench.cli.live import watch

ADDRESS = re.compile(r"Watch it at (http://127\.0\.0\.1:\d+/\S+/)")


class Browser:
    """Stands for a reader's: it gets the page each time it is asked to look."""

    def __init__(self):
        self.url, self.pages = "", []

    def open(self, url):
        self.url = url
        self.look()
        return True

    def look(self):
        if self.url:
            self.pages.append(got(self.url + "page"))


def got(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture
def browser(monkeypatch):
    monkeypatch.setattr(watch, "FETCHES_S", 0.5)
    browser = Browser()
    monkeypatch.setattr("webbrowser.open", browser.open)
    return browser


def assert_nothing_is_left(url):
    assert threading.active_count() == 1
    with pytest.raises(urllib.error.URLError, match="refused"):
        got(url)


def test_the_page_grows_while_the_tuning_goes_on_and_its_port_is_closed_at_the_end(
    cli, tmp_path, monkeypatch, browser
):
    tuning = prepared(tmp_path, monkeypatch, Machine(browser.look))

    done = cli(*tuning.words, "--watch")

    assert done.returncode == 0, done.stderr
    assert ADDRESS.search(done.stderr)[1] == browser.url
    assert "there is no trial yet" in browser.pages[0]
    assert "Not ended: the best so far is" in browser.pages[-1]
    assert len(set(browser.pages)) > 4
    assert f"haqa-bench view {tuning.run}" in done.stdout
    assert_nothing_is_left(browser.url)


def test_the_page_is_made_between_measurements_alone(cli, tmp_path, monkeypatch, browser):
    measuring = []
    machine = Machine(lambda: measuring.append(True))
    sample = machine.sample

    def measured(*given):
        try:
            return sample(*given)
        finally:
            measuring.pop()

    monkeypatch.setattr(machine, "sample", measured)
    made = []
    html = watch.Runs.html
    monkeypatch.setattr(watch.Runs, "html", lambda runs: made.append(bool(measuring)) or html(runs))

    done = cli(*prepared(tmp_path, monkeypatch, machine).words, "--watch")

    assert done.returncode == 0, done.stderr
    assert made == [False] * 7  # before all, after each of five trials, and at the end


def test_stdout_stays_json_alone(cli, tmp_path, monkeypatch, browser):
    tuning = prepared(tmp_path, monkeypatch, Machine())

    done = cli(*tuning.words, "--watch", "--json", "--quiet")

    assert json.loads(done.stdout) == tuning.recommendation
    assert browser.url in done.stderr


def test_without_a_browser_the_address_is_told(cli, tmp_path, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda _: False)

    done = cli(*prepared(tmp_path, monkeypatch, Machine()).words, "--watch")

    assert done.returncode == 0
    url = ADDRESS.search(done.stderr)[1]
    assert f"No browser was found here: open {url} in yours." in done.stderr


def test_a_browser_of_text_does_not_take_the_terminal(cli, tmp_path, monkeypatch):
    import webbrowser

    def opened(_):
        raise AssertionError

    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("lynx"))
    monkeypatch.setattr(webbrowser, "open", opened)

    done = cli(*prepared(tmp_path, monkeypatch, Machine()).words, "--watch")

    assert (done.returncode, "No browser was found" in done.stderr) == (0, True)


def test_ctrl_c_ends_both_and_the_same_command_goes_on(cli, tmp_path, monkeypatch, browser):
    tries = []

    def stopped():
        tries.append(1)
        if len(tries) == 20:
            raise KeyboardInterrupt

    tuning = prepared(tmp_path, monkeypatch, Machine(stopped))

    done = cli(*tuning.words, "--watch")

    assert (done.returncode, done.stdout) == (130, "")
    assert "stopped; the same command goes on" in done.stderr
    assert_nothing_is_left(browser.url)
    again = cli(*tuning.words, "--watch")
    assert again.returncode == 0, again.stderr
    assert_nothing_is_left(browser.url)


def test_a_fault_ends_both(cli, tmp_path, monkeypatch, browser):
    tuning = prepared(tmp_path, monkeypatch, Machine())
    monkeypatch.setattr("haqa_bench.tune.start.predict", lambda *_: {})

    with pytest.raises(KeyError):
        cli(*tuning.words, "--watch")

    assert_nothing_is_left(browser.url)


def test_a_browser_that_looks_gets_a_moment_and_no_other_is_waited_for(tmp_path, monkeypatch):
    waited, states = [], iter(range(100))
    monkeypatch.setattr(watch, "sleep", waited.append)
    monkeypatch.setattr(watch.Runs, "state", lambda _: str(next(states)))
    page = watch.Watched(tmp_path / "nowhere", tmp_path)

    page.renew()
    assert waited == []
    page.state()
    threading.Timer(0.2, page.html).start()
    page.renew()

    assert waited == [watch.DRAWS_S]
