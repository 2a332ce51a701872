"""Which files may be written is told from the files alone."""

import pytest

from gateway.errors import ConfigurationError
from gateway.scaffold.comparing import State, compare, is_untouched, stamped
from gateway.scaffold.writing import write

ONE, OTHER = stamped("a = 1\n"), stamped("a = 2\n")


def states(folder, files, forced=()):
    return {change.path: change.state for change in compare(folder, files, forced)}


def texts(folder):
    return {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.is_file()}


def test_a_stamp_sees_any_change():
    """A changed letter, a further line, a lost line end."""
    assert is_untouched(ONE)
    for text in (ONE + "\n", ONE.replace("1", "2"), ONE.rstrip(), "a = 1\n", ""):
        assert not is_untouched(text)


def test_states(tmp_path):
    """New, the same, changed, gone, and a person's."""
    mine = ONE + "# mine\n"
    for name, text in {
        "same.py": ONE,
        "changed.py": ONE,
        "mine.py": mine,
        "news.py": mine,
        "gone.py": ONE,
        "left.py": mine,
        "foreign.py": "a = 1\n",
        "unstamped.py": "a = 1\n",
    }.items():
        (tmp_path / name).write_text(text)
    files = {
        "same.py": ONE,
        "changed.py": OTHER,
        "mine.py": ONE,
        "news.py": OTHER,
        "new.py": ONE,
        "unstamped.py": ONE,
    }
    expected = {
        "changed.py": State.CHANGED,
        "gone.py": State.GONE,
        "left.py": State.YOURS,
        "mine.py": State.SAME,
        "new.py": State.NEW,
        "news.py": State.YOURS,
        "same.py": State.SAME,
        "unstamped.py": State.YOURS,
    }
    assert states(tmp_path, files) == expected
    forced = states(tmp_path, files, {(tmp_path / "news.py").resolve()})
    assert forced == expected | {"news.py": State.CHANGED}


def test_writing_keeps_modes_and_leaves_nothing_else(tmp_path):
    """A file keeps who may read it."""
    (tmp_path / "a.py").write_text(ONE)
    (tmp_path / "a.py").chmod(0o640)
    (tmp_path / "gone.py").write_text(ONE)
    write(tmp_path, compare(tmp_path, {"a.py": OTHER, "b.py": ONE}))
    assert texts(tmp_path) == {"a.py": OTHER, "b.py": ONE}
    assert (tmp_path / "a.py").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path):
    """The file behind it is written."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real.py").write_text(ONE)
    (tmp_path / "a.py").symlink_to(tmp_path / "elsewhere" / "real.py")
    write(tmp_path, compare(tmp_path, {"a.py": OTHER}))
    assert (tmp_path / "a.py").is_symlink()
    assert (tmp_path / "elsewhere" / "real.py").read_text() == OTHER


def test_a_file_changed_meanwhile_stops_the_writing(tmp_path):
    """The change stays, and nothing else is written: all files, or none."""
    for name in ("a.py", "b.py", "gone.py"):
        (tmp_path / name).write_text(ONE)
    changes = compare(tmp_path, {"0.py": ONE, "a.py": OTHER, "b.py": OTHER})
    (tmp_path / "b.py").write_text("somebody's\n")
    with pytest.raises(ConfigurationError, match=r"b\.py was changed just now"):
        write(tmp_path, changes)
    assert texts(tmp_path) == {"a.py": ONE, "b.py": "somebody's\n", "gone.py": ONE}


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(tmp_path):
    """One leads to a folder that is not there: those before it are not written either."""
    for name in ("a.py", "gone.py"):
        (tmp_path / name).write_text(ONE)
    (tmp_path / "b.py").symlink_to(tmp_path / "missing" / "b.py")
    with pytest.raises(ConfigurationError, match="cannot write"):
        write(tmp_path, compare(tmp_path, {"0.py": ONE, "a.py": OTHER, "b.py": OTHER}))
    assert texts(tmp_path) == {"a.py": ONE, "gone.py": ONE}


def test_a_folder_that_cannot_be_made(tmp_path):
    """A file stands where the folder should be: the message says so."""
    folder = tmp_path / "package"
    changes = compare(folder, {"a.py": ONE})
    folder.write_text("in the way")
    with pytest.raises(ConfigurationError, match="cannot"):
        write(folder, changes)
    assert folder.read_text() == "in the way"


def test_a_file_that_is_no_text(tmp_path):
    """What cannot be read cannot be compared; nothing is guessed."""
    (tmp_path / "a.py").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="cannot read"):
        compare(tmp_path, {"a.py": ONE})
