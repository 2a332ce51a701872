"""When the bench's database is made again."""

from bench.database import digest, url_of


def project(folder, data="rows", migration="tables"):
    (folder / "bench").mkdir(parents=True)
    (folder / "migrations/versions").mkdir(parents=True)
    (folder / "bench/data.py").write_text(data)
    (folder / "migrations/versions/0001.py").write_text(migration)
    return folder


def test_other_rows_or_other_tables_are_another_database(tmp_path):
    """Figures are never taken on data that the code no longer makes."""
    one = digest(project(tmp_path / "one"))
    assert digest(project(tmp_path / "same")) == one
    assert digest(project(tmp_path / "rows", data="other rows")) != one
    assert digest(project(tmp_path / "tables", migration="other tables")) != one


def test_the_address_keeps_all_but_the_database():
    """Credentials, port and options stay as they are."""
    url = "postgresql://plait:p%2Fw@127.0.0.1:5555/plait?sslmode=disable"
    assert url_of(url, "bench") == "postgresql://plait:p%2Fw@127.0.0.1:5555/bench?sslmode=disable"
