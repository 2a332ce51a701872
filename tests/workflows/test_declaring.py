"""Declaring workflows, in Python and as documents: what is wrong is said when they are loaded."""

import json
import math

import pytest

from gateway.errors import ConfigurationError, InputError
from gateway.workflows.declaring import Workflow
from gateway.workflows.documents import MAX_BYTES, parse_document, read_document
from gateway.workflows.records import new_steps
from gateway.workflows.templates import fill_inputs, parse_inputs


async def work(_, **inputs):
    """A node."""
    return inputs


def document(**changes):
    """A document that is right, but for what is changed."""
    whole = {
        "name": "d",
        "version": 2,
        "datasources": ["cache", "store"],
        "persistence": {"targets": ["cache"]},
        "steps": [{"name": "a", "node": "work"}, {"name": "b", "node": "work"}],
    }
    return json.dumps({**whole, **changes}).encode()


def steps(**changes):
    """Its steps, parsed: name, targets and pattern."""
    made = parse_document(document(**changes), {"work": work}, "d.json")
    return [(step.name, step.targets, step.key) for step in made.steps]


DEFAULT = "${request.id}-${stepName}"


def test_python_and_documents_say_the_same():
    """Name, version, datasources, targets, keys and overrides."""
    own = {"target": "store", "key": "x/${request.id}"}
    found = steps(
        steps=[
            {"name": "a", "node": "work"},
            {"name": "b", "node": "work", "persistence": own},
            {"name": "c", "node": "work", "persistence": {"enabled": False}},
        ]
    )
    made = Workflow("d", version=2, datasources=["cache", "store"], targets=["cache"])
    made.step(name="a")(work)
    made.step(name="b", **own)(work)
    made.step(name="c", save=False)(work)
    assert found == [(step.name, step.targets, step.key) for step in made.steps]
    assert found == [
        ("a", ("cache",), DEFAULT),
        ("b", ("store",), "x/${request.id}"),
        ("c", (), DEFAULT),
    ]


@pytest.mark.parametrize(
    ("persistence", "own", "targets"),
    [
        ({"targets": ["cache", "store"]}, None, ("cache", "store")),
        ({"targets": ["cache"], "enabled": False}, {"target": "store"}, ()),
        ({"targets": ["cache"], "autoSave": False}, None, ()),
        ({"targets": ["cache"], "autoSave": False}, {"target": "store"}, ("store",)),
        ({}, None, ()),
        ({}, {"target": "store"}, ("store",)),
    ],
)
def test_when_a_step_is_saved(persistence, own, targets):
    """Persistence as a whole, by itself, and step by step."""
    one = {"name": "a", "node": "work", **({"persistence": own} if own else {})}
    assert steps(persistence=persistence, steps=[one])[0][1] == targets


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "no name"}, "1 to 64 letters"),
        ({"unknown": 1}, "unknown field `unknown`"),
        ({"steps": []}, "at least one step"),
        ({"steps": [{"name": "a", "node": "no"}]}, "there is no node 'no'; there is work."),
        ({"steps": [{"name": "a", "node": "work"}] * 2}, "step a: there is a step of this name"),
        ({"steps": [{"name": "a"}]}, "missing required field `node`"),
        ({"version": 0}, "whole numbers from 1"),
        ({"version": 2**31}, "version at most 2147483647"),
        ({"version": "1"}, "Expected `int`"),
        (
            {"persistence": {"targets": ["none"]}},
            "targets: it lists no datasource 'none'; it lists cache, store.",
        ),
        ({"persistence": {"keyPattern": "${stepName}"}}, "must hold ${request.id}"),
        (
            {"persistence": {"keyPattern": "${request.id}-${step}"}},
            "there is no ${step} in keys; there is request.id, stepName, workflow.name",
        ),
        ({"persistence": {"keyPattern": "../${request.id}"}}, "none that is `.` or `..`"),
        ({"persistence": {"keyPattern": "${request.id"}}, "is not closed"),
        (
            {"persistence": {"targets": ["cache"], "keyPattern": "${request.id}"}},
            "step b: it would be saved under the key of step a.",
        ),
    ],
)
def test_wrong_documents_are_refused(changes, said):
    """The file is named, and what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        parse_document(document(**changes), {"work": work}, "d.json")
    assert caught.value.message.startswith("d.json: ")
    assert said in caught.value.message


def test_what_is_no_document_is_refused(tmp_path):
    """Broken JSON, far too deep, a missing file, too large a one."""
    with pytest.raises(ConfigurationError, match=r"d\.json: it nests too deep"):
        parse_document(b'{"steps":[{"inputs":{"a":' + b"[" * 100_000, {}, "d.json")
    with pytest.raises(ConfigurationError, match=r"d\.json: Input data was truncated"):
        parse_document(b"{", {}, "d.json")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_document(tmp_path / "none.json", {})
    (tmp_path / "large.json").write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(ConfigurationError, match="at most"):
        read_document(tmp_path / "large.json", {})


def test_wrong_declarations_are_refused():
    """In Python, as they are made."""
    made = Workflow("w", datasources=["cache"])
    made.step(work)
    endless = {}
    endless["again"] = [endless]
    for wrong, said in [
        (lambda: made.step(work), "a step of this name already"),
        (lambda: made.step(name="x")(print), "is an `async def`"),
        (lambda: made.step(name="x", target="no")(work), "no datasource 'no'; it lists cache"),
        (lambda: made.step(name="x", save=True)(work), "there is no target"),
        (lambda: Workflow("w", attempts=0), "whole numbers from 1"),
        (lambda: Workflow("w", pause=math.nan), "numbers of seconds"),
        (lambda: made.add("x", work, inputs=endless), "inputs have at most 64 levels"),
        (lambda: Workflow("9"), "begins with a letter"),
    ]:
        with pytest.raises(ConfigurationError, match=said):
            wrong()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${ctx.datasource('other', 'key')}", "lists no datasource 'other'; it lists cache."),
        ("${ctx.datasource('cache', '../key')}", "none that is `.` or `..`"),
        ("${ctx.datasource('cache')}", "there is no"),
        ("${ctx.request.headers}", "there is ctx.request.id, ctx.vars.<name>"),
        ("${ctx.vars.__class__()}", "there is no"),
        ("${ctx.vars.x + 1}", "there is no"),
        ("${__import__('os').getcwd()}", "there is no"),
        ("${}", "there is no ${}"),
        ("${ctx.vars.x", "is not closed"),
        ("x" * 10_001, "at most 10000 characters"),
    ],
)
def test_nothing_but_the_names_is_understood(text, said):
    """An input is no code: what is no name is refused, wherever it stands."""
    with pytest.raises(ConfigurationError) as caught:
        parse_inputs({"a": [{"b": text}]}, ["cache"], "step s, inputs")
    assert caught.value.message.startswith("step s, inputs.a[0].b: ")
    assert said in caught.value.message


async def test_inputs_are_filled():
    """A text that is one hole keeps the value's type; between others it becomes text, or JSON."""

    async def load(name, key):
        return {"of": [name, key]}

    parsed = parse_inputs(
        {
            "whole": "${ctx.vars.a.b}",
            "kept": "${ ctx.datasource( \"cache\" , 'k/1' ) }",
            "text": "<${ctx.request.id}|${ctx.vars.a.b}>$",
            "json": "${ctx.vars.yes} ${ctx.vars.no} ${ctx.vars.a}",
            "deep": [1, None, {"x": "${ctx.vars.n}"}],
        },
        ["cache"],
        "x",
    )
    variables = {"a": {"b": [1]}, "n": 2, "yes": True, "no": None}
    found = await fill_inputs(parsed, "r1", variables, load)
    assert found == {
        "whole": [1],
        "kept": {"of": ["cache", "k/1"]},
        "text": "<r1|[1]>$",
        "json": 'true null {"b":[1]}',
        "deep": [1, None, {"x": 2}],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${ctx.vars.none}", "before `none` there is a, b."),
        ("${ctx.vars.a.x}", "before `x` there is y."),
        ("${ctx.vars.b.x}", "before `x` there is nothing."),
    ],
)
async def test_a_variable_that_is_not_there_is_named(text, said):
    """With those that are."""
    with pytest.raises(InputError) as caught:
        await fill_inputs(
            parse_inputs(text, [], "x"), "r", {"a": {"y": 1}, "b": 2}, lambda *_: None
        )
    assert said in caught.value.message


def test_keys_of_runs_are_filled_and_checked():
    """Every name of a pattern, blanks around it or not; a key that is too long is refused."""
    pattern = "${workflow.name}/${ workflow.version }/${request.id}/${ stepName}"
    made = Workflow("w", version=7, datasources=["cache"], targets=["cache"], key=pattern)
    made.step(work)
    assert [step.key for step in new_steps(made, "r1")] == ["w/7/r1/work"]
    with pytest.raises(InputError, match="at most 240 bytes"):
        new_steps(made, "r" * 240)
