"""Settings are read whole or refused whole, and a refusal never repeats what was given."""

import pickle
import string
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from gateway.errors import Code, ConfigurationError
from gateway.settings import Postgres, Secret, Settings, all_settings, load


@pytest.fixture
def read(tmp_path):
    """Loads the settings of a file's text and of the given variables, and nothing else."""

    def read(text="", **environ):
        file = tmp_path / "plait.toml"
        file.write_text(text, "utf-8")
        return load(file, environ)

    return read


@pytest.fixture
def refused(read):
    """The message with which these settings are refused."""

    def refused(text="", **environ):
        with pytest.raises(ConfigurationError) as caught:
            read(text, **environ)
        assert caught.value.code is Code.CONFIGURATION
        return caught.value.message

    return refused


def test_nothing_given_is_the_defaults(read):
    """An empty file and an empty environment serve on loopback with no source."""
    settings = read()
    assert settings == Settings()
    assert (settings.serve.host, settings.serve.port) == ("127.0.0.1", 8000)
    assert [*settings.postgres, *settings.qdrant, *settings.redis] == []


def test_settings_cannot_change(read):
    """Neither a value nor a source can be replaced after reading."""
    settings = read(POSTGRES_HOST="db")
    with pytest.raises(AttributeError):
        settings.serve.port = 1
    with pytest.raises(TypeError):
        settings.postgres["default"] = Postgres(host="other")


def test_production_hides_the_schema_but_for_what_is_said(read):
    """One setting for all three; what the file or the environment says of one of them counts."""
    names = ("graphiql", "introspection", "suggestions")

    def shown(text="", **environ):
        serve = read(text, **environ).serve
        return [name for name in names if getattr(serve, name)]

    assert shown() == [*names]
    assert shown("[serve]\nproduction = true\n") == []
    assert shown(PLAIT_SERVE_PRODUCTION="true", PLAIT_SERVE_GRAPHIQL="true") == ["graphiql"]
    assert shown("[serve]\nproduction = true\nintrospection = true\n") == ["introspection"]
    assert shown("[serve]\nsuggestions = false\n") == ["graphiql", "introspection"]


def test_environment_wins_over_the_file(read):
    """A variable replaces the file's value; an empty one counts as not set."""
    text = "[serve]\nport = 1\nworkers = 3\n[limits]\nbatch = 5\n"
    settings = read(text, PLAIT_SERVE_PORT="2", PLAIT_SERVE_WORKERS="", PLAIT_LIMITS_BATCH="7")
    assert (settings.serve.port, settings.serve.workers, settings.limits.batch) == (2, 3, 7)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("FALSE", False), ("1", True)])
def test_variables_are_read_as_their_type(read, text, value):
    """A variable is text; the setting's type says how it is read."""
    assert read(PLAIT_GROUPING_ENABLED=text).grouping.enabled is value


def test_every_variable_reaches_its_setting(read):
    """Each declared variable, set to its own default, is accepted under its own path."""
    for setting in all_settings():
        if setting.default == "" or isinstance(setting.default, Secret):
            continue
        family, _, name = setting.path.rpartition(".")
        needed = {
            "postgres.default": {"POSTGRES_HOST": "h"},
            "qdrant.default": {"QDRANT_URL": "http://h:1"},
            "redis.default": {"REDIS_URL": "redis://h"},
            "upstream.default": {"UPSTREAM_URL": "http://h/graphql"},
            "directus.default": {"DIRECTUS_URL": "http://h"},
            "datasource.default": {"DATASOURCE_TYPE": "filesystem", "DATASOURCE_PATH": "p"},
        }.get(family, {})
        settings = read(**needed, **{setting.variable: str(setting.default)})
        holder = settings
        for step in filter(None, family.split(".")):
            holder = holder[step] if isinstance(holder, dict) else getattr(holder, step, None)
            holder = dict(holder) if hasattr(holder, "keys") else holder
        assert asdict(holder)[name] == setting.default


def test_several_sources_of_one_kind(read):
    """File and environment name sources; the unnamed variables speak of `default`."""
    settings = read(
        "[postgres.default]\nhost = 'a'\n[postgres.reports]\nhost = 'b'\npool_size = 5\n",
        POSTGRES_PORT="1",
        POSTGRES_REPORTS_POOL_SIZE="6",
        POSTGRES_COLD_STORE_URL="postgresql://c/d",
        REDIS_URL="redis://h",
        QDRANT_FAST_URL="http://q:6333",
        QDRANT_FAST_GRPC_PORT="7",
    )
    assert set(settings.postgres) == {"default", "reports", "cold_store"}
    assert settings.postgres["default"].port == 1
    assert settings.postgres["reports"].pool_size == 6
    assert settings.postgres["cold_store"].dsn.reveal() == "postgresql://c/d"
    assert settings.qdrant["fast"].grpc_port == 7
    assert set(settings.redis) == {"default"}


def test_parts_make_a_url_that_means_them():
    """Every special character of a part is encoded; IPv6 and socket folders have their form."""
    parts = Postgres(host="::1", user="a b", password=Secret("p@:/?#"), database="x/y")
    assert (
        parts.dsn.reveal() == "postgresql://a%20b:p%40%3A%2F%3F%23@[::1]:5432/x%2Fy?sslmode=prefer"
    )
    socket = Postgres(host="/run/pg", ssl="disable").dsn.reveal()
    assert socket == "postgresql://plait@/plait?host=%2Frun%2Fpg&port=5432&sslmode=disable"


def test_a_url_of_the_environment_replaces_the_parts_of_the_file(read):
    """Deploying with POSTGRES_URL needs no edit of the file."""
    settings = read("[postgres.default]\nhost='a'\npassword='b'", POSTGRES_URL="postgres://u@h/d")
    assert settings.postgres["default"].dsn.reveal() == "postgres://u@h/d"


def test_url_and_parts_are_not_mixed(refused):
    """What would be ignored is refused, and named by both of its names."""
    message = refused("[postgres.default]\nurl = 'postgres://h/d'", POSTGRES_PASSWORD="x")
    assert "postgres.default.url (POSTGRES_URL)" in message
    assert "postgres.default.password (POSTGRES_PASSWORD)" in message


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[serve]\nport = 70000", ["serve.port", "PLAIT_SERVE_PORT", "at most 65535"]),
        ("[serve]\nport = '8000'", ["serve.port", "a whole number"]),
        ("[serve]\nprot = 1", ["serve.prot", "did you mean port?"]),
        ("[sreve]\nport = 1", ["sreve", "did you mean serve?"]),
        ("serve = 1", ["serve: expected a table"]),
        ("resolvers = 'a b'", ["resolvers (PLAIT_RESOLVERS)"]),
        ("[embedding]\nkind = 'magic'", ["embedding.kind", "one of http, local"]),
        ("[serve]\ndeadline_seconds = inf", ["serve.deadline_seconds", "at most 600"]),
        ("[serve]\ndeadline_seconds = nan", ["serve.deadline_seconds", "at most 600"]),
        ("[postgres]\nhost = 'x'", ["postgres.host: expected a table", "[postgres.default]"]),
        ("[postgres.default]\nport = 1", ["postgres.default.url", "or postgres.default.host"]),
        ("[postgres.'a-b']\nhost = 'x'", ["postgres: a name consists of"]),
        ("[redis.default]\nsocket_timeout = 1", ["redis.default.url (REDIS_URL)", "redis://"]),
        ("[redis.default]\nurl = 'http://h'", ["redis.default.url (REDIS_URL)", "redis://"]),
        ("[qdrant.default]\nurl = 'http://h:x'", ["qdrant.default.url (QDRANT_URL)"]),
        ("[serve", ["is not valid TOML at"]),
    ],
)
def test_what_is_wrong_in_the_file_is_named(refused, text, names):
    """The message names the setting, its variable, and what would be right."""
    message = refused(text)
    for name in names:
        assert name in message


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("POSTGRES_POOL_SIZ", "POSTGRES_POOL_SIZE"),
        ("POSTGRES_DEFAULT_HOST", "POSTGRES_HOST"),
        ("QDRANT_GRPCPORT", "QDRANT_GRPC_PORT"),
        ("REDIS_ULR", "REDIS_URL"),
        ("PLAIT_SERVE_PROT", "PLAIT_SERVE_PORT"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest(refused, variable, hint):
    """A name that begins like ours but is not one of ours is never silently ignored."""
    assert f"{variable}: no such variable; did you mean {hint}?" in refused(**{variable: "1"})


def test_variables_of_others_are_left_alone(read):
    """Kubernetes' service links and the PostgreSQL image's variables do no harm."""
    settings = read(
        REDIS_PORT="tcp://10.0.0.1:6379",
        REDIS_SERVICE_HOST="10.0.0.1",
        REDIS_PORT_6379_TCP_ADDR="10.0.0.1",
        POSTGRES_MAIN_SERVICE_PORT="5432",
        POSTGRES_INITDB_ARGS="--no-sync",
        PATH="/bin",
    )
    assert settings == Settings()


def test_everything_wrong_is_told_at_once(refused):
    """One line for each problem, so that one look mends them all."""
    message = refused("[serve]\nport = -1\nworkers = 0\n", PLAIT_LIMITS_BATCH="x")
    assert len(message.splitlines()) == 3


def test_the_file_is_found_by_variable_or_in_the_working_directory(tmp_path, monkeypatch):
    """PLAIT_CONFIG names a file, which must exist; `plait.toml` is read where there is one."""
    monkeypatch.chdir(tmp_path)
    assert load(environ={}) == Settings()
    (tmp_path / "plait.toml").write_text("[serve]\nport = 1\n")
    (tmp_path / "other.toml").write_text("[serve]\nport = 2\n")
    assert load(environ={}).serve.port == 1
    assert load(environ={"PLAIT_CONFIG": "other.toml"}).serve.port == 2
    with pytest.raises(ConfigurationError, match="no settings file at"):
        load(environ={"PLAIT_CONFIG": "missing.toml"})


def test_the_file_must_be_readable_text(tmp_path):
    """A folder or another encoding is refused as what it is."""
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(tmp_path, {})
    (tmp_path / "latin.toml").write_bytes(b"resolvers = '\xe9'")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load(tmp_path / "latin.toml", {})


def test_a_secret_hides():
    """No way of printing or writing a secret shows it; it compares by what it holds."""
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} {Postgres(password=secret)}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret == Secret("hunter2")
    assert hash(secret) == hash(Secret("hunter2"))
    assert secret != "hunter2"
    assert secret.reveal() == "hunter2"
    assert not Secret()


MARK = "c4n4ry"
CANARY = st.text(string.ascii_letters + string.digits + "@:/?#% '\"\\[]{}=é", max_size=20).map(
    lambda text: f"{MARK}{text}{MARK}"
)
SHAPE = st.sampled_from(
    ["{}", "postgresql://u:{}@h/d", "redis://:{}@h", "http://{}", "tcp://{}", "{}://h", "9{}"]
)


def shown_by(action):
    """All that a person could see of the action's outcome."""
    try:
        return repr(action())
    except ConfigurationError as error:
        return "".join(traceback.format_exception(error)) + repr(error) + repr(error.extensions)


@given(data=st.data(), secret=CANARY, shape=SHAPE)
def test_no_error_repeats_a_value_of_the_environment(data, secret, shape):
    """Whatever stands in whichever variable, a refusal does not show it."""
    names = [setting.variable for setting in all_settings()]
    wrong = ["POSTGRES_PASWORD", "REDIS_X_URL", "QDRANT_A_API_KEY", "PLAIT_TOKEN"]
    chosen = data.draw(st.lists(st.sampled_from(names + wrong), min_size=1, max_size=6))
    given = dict.fromkeys(chosen, shape.format(secret)) | {"PLAIT_CONFIG": ""}
    assert MARK not in shown_by(lambda: load(environ=given).redis)


@given(data=st.data(), secret=CANARY)
def test_no_error_repeats_a_value_of_the_file(tmp_path_factory, data, secret):
    """Whatever stands in the file, well-formed or not, a refusal does not show it."""
    setting = data.draw(st.sampled_from(all_settings()))
    family, _, name = setting.path.rpartition(".")
    value = data.draw(st.sampled_from(["'''{}'''", '"{}"', "{}", "['''{}''']", "{{a='''{}'''}}"]))
    where = data.draw(st.sampled_from([f"[{family}]\n{name}", f"{family}.x", family, name]))
    file = tmp_path_factory.getbasetemp() / "canary.toml"
    file.write_text(f"{where} = {value.format(secret)}\n", "utf-8")
    shown = shown_by(lambda: load(file, {}).redis)
    assert MARK not in shown.replace(str(file), "")


SERVICE = "[embedding]\nkind = 'http'\nbase_url = 'https://h/v1'\nmodel = 'm'\ndimensions = 8\n"


def test_an_embedding_service_needs_its_parts(read, refused):
    """Address, model and dimensions are asked for by name where embedding is HTTP's business."""
    assert read(SERVICE).embedding.dimensions == 8
    message = refused("[embedding]\nkind = 'http'\n")
    for name in ("base_url", "model", "dimensions"):
        assert f"embedding.{name} (PLAIT_EMBEDDING_{name.upper()})" in message
    assert "base_url" not in refused(SERVICE.replace("dimensions = 8\n", ""))
    assert refused(SERVICE.replace("https", "ftp")).count("base_url") == 1


def test_vectors_are_shared_in_a_redis_there_is(read, refused):
    """`cache_redis` names a source of its kind."""
    text = "[embedding]\ncache_redis = 'shared'\n"
    assert "embedding.cache_redis" in refused(text)
    assert read(f"{text}[redis.shared]\nurl = 'redis://h'\n").embedding.cache_redis == "shared"


@pytest.mark.parametrize("section", ["serve", "subscriptions"])
@pytest.mark.parametrize(
    "origins",
    [
        "app.example",
        "https://app.example/",
        "https://app.example/page",
        "https://app.example:443",
        "https://*.example",
        "https://ann@app.example",
        "https://app.example,https://b.example",
        "* https://app.example",
        "null",
        " ",
    ],
)
def test_an_origin_is_as_browsers_write_it(refused, section, origins):
    """One that no browser sends would let nobody in; the refusal shows how it is written."""
    message = refused(f'[{section}]\norigins = "{origins}"\n')
    assert message.startswith(f"{section}.origins (PLAIT_{section.upper()}_ORIGINS): expected ")
    assert "https://app.example.com" in message


@pytest.mark.parametrize(
    "origins",
    ["*", "https://a.example  http://localhost:3000", "http://[::1]:8080 capacitor://localhost"],
)
def test_origins_are_named_or_all(read, refused, origins):
    """All of them not where a browser's cookies go on to an upstream: they come unasked."""
    assert read(PLAIT_SERVE_ORIGINS=origins).serve.origins == origins
    cookies = {"UPSTREAM_URL": "http://up.example/", "UPSTREAM_FORWARD": "traceparent cookie"}
    if origins == "*":
        assert "upstream.<name>.forward" in refused(PLAIT_SERVE_ORIGINS=origins, **cookies)
    else:
        read(PLAIT_SERVE_ORIGINS=origins, **cookies)
