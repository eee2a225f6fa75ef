"""`view`: runs in the browser, while they are written; by a server of this machine alone."""

import json
import shutil
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from haqa_bench.cli.live import snapshot
from haqa_bench.cli.live.pages import Every, Runs
from haqa_bench.cli.live.server import Server, Site
from haqa_bench.report.page.runs import run_shown


@pytest.fixture
def folder(cli, project):
    done = cli("run", project / "suites/small.yaml", "--methods", "default,random", "--json")
    assert done.returncode == 0, done.stderr
    return next((project / "results/runs/small").iterdir())


@contextmanager
def serving(project, *folders):
    with Server(Site(Runs(folders, project) if folders else Every(project)), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def got(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()


def going_on(folder):
    """As a run that is stopped in the middle of a line: no database, half of the last journal."""
    (folder / "trials.duckdb").unlink()
    (folder / "complete.json").unlink(missing_ok=True)
    *_, last = sorted((folder / "journal").glob("*/*.jsonl"))
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    return last, lines


def test_a_run_that_is_being_written_is_shown_as_far_as_it_is(project, folder):
    last, lines = going_on(folder)

    with snapshot.readable(folder) as run:
        shown = run_shown(run, {}, {})

    studies = {study.id: study for study in shown.cells[0].studies}
    assert len(studies["small/net-int4-epyc-zen4-2core/random/seed1"].trials) == 2
    assert not (folder / "trials.duckdb").exists()
    assert last.read_bytes() == b"".join(lines[:3]) + lines[3][:20]


def test_the_served_page_follows_the_run(project, folder):
    last, lines = going_on(folder)
    with serving(project, folder) as url:
        before, page = got(url + "state"), got(url + "page")
        last.write_bytes(b"".join(lines[:5]))

        assert got(url + "state") != before
        assert got(url + "page") != page
        assert got(url + "page") == got(url + "page")


def test_a_run_without_a_trial_a_damaged_one_and_a_removed_one_are_told_not_raised(project, folder):
    with serving(project, folder) as url:
        journals = sorted((folder / "journal").glob("*/*.jsonl"))
        for path in journals:
            path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
        assert "there is no trial yet" in got(url + "page")
        for path in journals:
            path.write_bytes(b"{}\n[]\n")
        assert "Nothing to show yet" in got(url + "page")
        shutil.rmtree(folder)
        assert "Nothing to show yet" in got(url + "page")
        assert got(url + "state")


def test_without_a_run_all_are_listed_by_suite_the_latest_first(project, folder):
    other = folder.parent.with_name("another") / "live-live-0123"
    shutil.copytree(folder, other)
    with serving(project) as url:
        page = got(url + "page")

        assert page.index("another") < page.index("small")
        assert f'href="run/small/{folder.name}/"' in page
        assert "Table" in got(f"{url}run/small/{folder.name}/page")
        shutil.rmtree(other)
        assert "another" not in got(url + "page")


def test_the_page_that_is_served_is_the_one_that_is_written(cli, project, folder):
    with serving(project, folder) as url:
        served = got(url + "page")

    done = cli("view", folder, "--output", project / "x.html", "--no-open")

    assert (done.returncode, done.stdout) == (0, f"Written to {project / 'x.html'}\n")
    assert (project / "x.html").read_text("utf-8") == served


@pytest.mark.parametrize(
    "path", ["/", "/page", "/wrong-token/page", "/{token}/../page", "/{token}/run/x/page"]
)
def test_nothing_is_served_without_the_token(project, folder, path):
    with serving(project, folder) as url:
        where = urlsplit(url)

        with pytest.raises(urllib.error.HTTPError, match="404"):
            got(f"http://{where.netloc}{path.format(token=where.path.strip('/'))}")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1"])
def test_a_page_that_reaches_it_by_another_name_gets_nothing(project, folder, host):
    with serving(project, folder) as url:
        where = urlsplit(url)
        asking = HTTPConnection(where.hostname, where.port)
        asking.request("GET", where.path + "page", headers={"Host": host.format(port=where.port)})

        assert asking.getresponse().status == 403


def test_no_other_origin_may_read_or_frame_it(project, folder):
    with serving(project, folder) as url, urllib.request.urlopen(url) as answer:
        told = answer.headers

        assert urlsplit(url).hostname == "127.0.0.1"
        assert told["Cross-Origin-Resource-Policy"] == "same-origin"
        assert told["X-Frame-Options"] == "SAMEORIGIN"
        assert "Access-Control-Allow-Origin" not in told
        assert told["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_port_that_is_taken_is_one_line(cli, project, folder):
    with serving(project, folder) as url:
        done = cli("view", folder, "--no-open", "--port", urlsplit(url).port)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--port" in done.stderr


def test_view_says_where_it_serves_and_ends_well_when_it_is_stopped(
    cli, project, folder, monkeypatch
):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)

    def stopped(server, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", stopped)
    done = cli("view", folder, "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["runs"], [told["url"]]) == (0, [str(folder)], opened)


def test_the_page_of_all_runs_leaves_out_what_cannot_be_read(cli, project, folder):
    broken = folder.with_name("live-live-4567")
    shutil.copytree(folder, broken)
    for path in broken.glob("journal/*/*.jsonl"):
        path.unlink()
    (broken / "trials.duckdb").unlink()

    done = cli("view", "--project", project, "--output", project / "x.html", "--no-open", "--json")

    assert json.loads(done.stdout) == {"written": [str(project / "x.html")]}
    assert done.stderr.startswith("left out: ")
    assert folder.name in (project / "x.html").read_text("utf-8")
