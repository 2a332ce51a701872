"""How namespaces are opened, and what start-up refuses."""

from __future__ import annotations

import pytest

from gateway.composition import Gateway
from gateway.errors import ConfigurationError
from gateway.settings import load

REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0", "POSTGRES_HOST": "127.0.0.1"}


@pytest.fixture
def read(tmp_path):
    """The settings of a file's text and of variables."""

    def read(text="", **environ):
        file = tmp_path / "plait.toml"
        file.write_text(text, "utf-8")
        return load(file, environ)

    return read


def test_file_and_environment_open_namespaces(read):
    """The name is part of the variable, which wins over the file."""
    settings = read(
        "[state.views]\nread = '*'\nwrite = 'editor admin'\n",
        PLAIT_STATE_VIEWS_WRITE="boss",
        PLAIT_STATE_LONG_NAME_READ="clerk",
        PLAIT_STATE_LONG_NAME_KIND="text",
    )
    assert (settings.state["views"].read, settings.state["views"].write) == ("*", "boss")
    assert (settings.state["long_name"].read, settings.state["long_name"].kind) == ("clerk", "text")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[state.views]\nprefix = 'views'", "state.views.prefix"),
        ("[state.views]\nprefix = 'a b:'", "state.views.prefix"),
        ("[state.views]\nkind = 'xml'", "state.views.kind"),
        ("[state.views]\nmax_value_bytes = 0", "state.views.max_value_bytes"),
        ("[state.views]\nraed = '*'", "did you mean read?"),
        ("[state]\nread = '*'", "state.read: expected a table"),
    ],
)
def test_what_is_wrong_is_named(read, text, name):
    """By the setting's name."""
    with pytest.raises(ConfigurationError, match=name.replace(".", r"\.").replace("?", r"\?")):
        read(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[state.nothing]\nread = '*'", "state.nothing: the domain lists no such namespace"),
        ("[state.views]\nsource = 'other'", r"state.views.source: there is no \[redis.other\]"),
        ("[state.views]\nprefix = 'a:'\n[state.boards]\nprefix = 'a:'", "prefix: the namespace"),
    ],
)
def test_what_the_domain_or_the_sources_contradict(read, text, name):
    """Start-up fails and names the setting."""
    with pytest.raises(ConfigurationError, match=name):
        Gateway(read(text, **REDIS))


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:1/0",
        "unix:///run/redis.sock",
        "redis+cluster://h:1,i:2",
        "rediss+cluster://u:p%40@h",
        "redis+sentinel://u:p@h:1,i:2,[::1]:3/service/2",
    ],
)
def test_urls(read, url):
    """One server, a cluster, or sentinels."""
    assert read(REDIS_URL=url).redis["default"].url.reveal() == url


@pytest.mark.parametrize("url", ["redis+cluster://h:x,i:2", "redis+other://h", "http://h,i"])
def test_other_urls(read, url):
    """Refused without a word of them."""
    with pytest.raises(ConfigurationError, match="REDIS_URL") as raised:
        read(REDIS_URL=url)
    assert url not in str(raised.value)
