"""Files: a crash leaves the old value or the new, and no path leaves the root."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from context.kinds import settings_of

from gateway.context.registry import datasource_of
from gateway.errors import ConfigurationError, SourceDataError, SourceError, SourceRefused

WRITER = """
import asyncio, sys
from gateway.context.registry import datasource_of
from gateway.settings import Datasource

async def main():
    source = datasource_of("files", Datasource(type="filesystem", path=sys.argv[1], prefix="p:"))
    await source.connect()
    number = 0
    while True:
        number += 1
        body = {"number": number, "text": [number] * 50_000}
        await source.save_batch({"k": body, f"other-{number % 5}": body})
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def files(tmp_path):
    """A source over `tmp_path/root`, connected."""
    made = datasource_of("files", settings_of("filesystem", str(tmp_path / "root"), "p:"))
    await made.connect()
    yield made
    await made.disconnect()


def file_of(root):
    """The one file of a root."""
    (found,) = [path for path in root.rglob("*") if path.is_file()]
    return found


async def test_kill_9_in_the_middle_of_writing_leaves_whole_values(files, tmp_path):
    """Each of many crashes leaves values whole, and what was told to be saved is there."""
    for round_ in range(8):
        writer = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop
            [sys.executable, "-c", WRITER, str(tmp_path / "root")], stdout=subprocess.PIPE
        )
        try:
            told = 0
            for _ in range(round_ + 1):
                told = int(writer.stdout.readline())
        finally:
            writer.send_signal(signal.SIGKILL)
            told = max([told, *map(int, writer.stdout.read().split())])
            writer.wait()
            writer.stdout.close()
        for key in await files.keys():
            found = await files.load(key)
            assert found["text"] == [found["number"]] * 50_000
        assert (await files.load("k"))["number"] >= told
        assert await files.size() == len(await files.keys()) <= 6


async def test_what_dead_writers_left_is_pruned_once_it_is_old(files, tmp_path):
    """A young unfinished file may be a living writer's; neither is ever a value."""
    await files.save("k", 1)
    folder = file_of(tmp_path / "root").parent
    for name, age in (("old", 7_200), ("young", 10)):
        (folder / f".new-{name}").write_bytes(b"PLT1 unfinished")
        then = (folder / f".new-{name}").stat().st_mtime - age
        os.utime(folder / f".new-{name}", (then, then))
    assert await files.size() == 1
    await files.prune()
    assert sorted(path.name for path in folder.glob(".new-*")) == [".new-young"]
    assert await files.load("k") == 1


async def test_links_inside_the_root_are_not_followed(files, tmp_path):
    """What a linked file leads to is neither read, written, nor deleted."""
    outside = tmp_path / "outside"
    outside.mkdir()
    await files.save("k", "inside")
    file = file_of(tmp_path / "root")
    secret = outside / file.name
    secret.write_bytes(file.read_bytes().replace(b"inside", b"secret"))
    before = secret.read_bytes()
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(SourceRefused, match="symbolic link"):
        await files.load("k")
    assert await files.keys() == []
    await files.save("k", "new")  # takes the link's place
    assert not file.is_symlink()
    assert await files.load("k") == "new"
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(SourceRefused, match="symbolic link"):
        await files.exists("k")
    assert await files.size() == 0
    assert not await files.delete("k")  # the link goes
    assert [path.name for path in outside.iterdir()] == [secret.name]
    assert secret.read_bytes() == before


async def test_a_broken_or_foreign_file_is_an_error_and_no_value(files, tmp_path):
    """A changed byte, a cut file and another key's file are told; the listing knows them not."""
    await files.save("k", "x" * 100)
    file = file_of(tmp_path / "root")
    whole = file.read_bytes()
    for broken in (whole[:-1], whole[:-1] + b"!", whole[:10], b"", b"foreign" * 100):
        file.write_bytes(broken)
        with pytest.raises(SourceDataError):
            await files.load("k")
    file.write_bytes(whole.replace(b"p:k", b"p:j"))
    assert await files.keys() == []
    assert not await files.exists("k")
    file.unlink()
    os.mkfifo(file)  # opening it must not wait for a writer
    async with asyncio.timeout(10):
        with pytest.raises(SourceError):
            await files.load("k")


async def test_values_are_the_owners_alone(files, tmp_path):
    """Folders are 0700 and files 0600, whatever the umask."""
    await files.save("k", 1)
    root = tmp_path / "root"
    assert root.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in root.iterdir()} == {0o600}


async def test_a_folder_that_cannot_be_is_named(tmp_path):
    """Start-up tells what is wrong with the path."""
    (tmp_path / "file").write_text("")
    made = datasource_of("files", settings_of("filesystem", str(tmp_path / "file" / "x"), "p:"))
    with pytest.raises(ConfigurationError, match="cannot be made or written"):
        await made.connect()
    await made.disconnect()
