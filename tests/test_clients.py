"""The command that runs other packages' tests: what it reads, and that it finds what it names."""

from pathlib import Path

from clients.try_clients import BEGIN, CLIENTS, END, HERE, PAGE, read, reason, table

REPORT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><skipped/></testcase>
<testcase name="c"><failure message="no&#10;  attribute '_x'"/></testcase>
<testcase name="d"><error message="no attribute '_x'"/></testcase>
</testsuite></testsuites>"""


def test_outcomes_are_read(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    found = read(path)
    assert str(found) == "1 of 3"
    assert found.failed == {"no attribute '_x'": 2}


def test_conflicts_are_the_reason_where_there_are_some():
    said = "ERROR: Cannot install\n  emix depends on numpy>=2\n  other 1.0 depends on numpy<2"
    assert reason(said) == "emix depends on numpy>=2, other 1.0 depends on numpy<2"
    assert reason("working\nERROR: no such package\n") == "ERROR: no such package"


def test_every_script_is_run_for_a_client():
    named = {script for client in CLIENTS for script in client.scripts}
    assert named == {path.name for path in Path(HERE).glob("use_*.py")}
    assert all(client.scripts or client.archive or client.modules for client in CLIENTS)


def test_the_guide_has_a_place_for_the_table():
    page = PAGE.read_text(encoding="utf-8")
    assert page.index(BEGIN) < page.index(END)
    assert table(["| a | b |"]).splitlines()[2] == "| a | b |"
