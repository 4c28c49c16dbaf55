"""One value of a JSON text is changed, and every other character stays as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.mending.json_text import (
    CannotEditError,
    check_json,
    quote,
    remove,
    rename,
    replace,
    value_at,
    write_fields,
)

NAMES = st.sampled_from(["id", "a", "b", "é", 'with "quotes"', "a\\b", "x.y"])
SCALARS = st.sampled_from(
    ["1.50", "-0", "1e5", "123456789012345678901234567890", "null", "true", '"\\u00e9x"', '"é"', '""']
)
GAPS = st.sampled_from(["", " ", "\n  ", "\t"])


@st.composite
def texts(draw, depth=2):
    """Return a JSON text, written as some program might: with gaps, escapes, and numbers in any spelling."""
    if depth == 0 or draw(st.booleans()):
        return draw(SCALARS)
    gap, other = draw(GAPS), draw(GAPS)
    if draw(st.booleans()):
        items = draw(st.lists(texts(depth=depth - 1), max_size=3))
        return "[" + gap + f"{gap},{other}".join(items) + gap + "]"
    return draw(objects(depth=depth - 1))


@st.composite
def objects(draw, depth=2):
    """Return a JSON text of an object."""
    gap, other = draw(GAPS), draw(GAPS)
    members = draw(st.lists(st.tuples(NAMES, texts(depth=depth)), max_size=4, unique_by=lambda member: member[0]))
    inner = f"{gap},{other}".join(f"{json.dumps(name)}{gap}:{other}{value}" for name, value in members)
    return "{" + gap + inner + gap + "}"


def paths(value, path=()):
    """Yield the path of every value below the top."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in inner:
        yield (*path, step)
        yield from paths(below, (*path, step))


def put(value, path, new):
    """Change a decoded value likewise."""
    if not path:
        return new
    step, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[step] = put(copy[step], rest, new) if rest or not isinstance(copy, dict) else new
    return copy


@given(objects(), SCALARS, st.data())
def test_only_the_value_changes(text, new, data):
    """What is before and behind it is the same text, and the value that was there is found by its path."""
    found = list(paths(json.loads(text)))
    if not found:
        return
    path = data.draw(st.sampled_from(found))
    old = value_at(text, path)
    changed = replace(text, path, new)
    assert json.loads(changed) == put(json.loads(text), path, json.loads(new))
    assert len(changed) - len(text) == len(new) - len(old)
    before = next((at for at, (one, other) in enumerate(zip(text, changed, strict=False)) if one != other), len(text))
    behind = len(text) - before - len(old)
    assert replace(changed, path, old) == text
    assert behind <= 0 or text[len(text) - behind :] == changed[len(changed) - behind :]


@given(objects(), NAMES, SCALARS)
def test_a_field_is_added_and_removed(text, name, new):
    """Without it, the text is what it was."""
    record = json.loads(text)
    added = replace(text, (name,), new)
    assert json.loads(added) == {**record, name: json.loads(new)}
    if name not in record:
        assert remove(added, (name,)) == text
    assert json.loads(remove(text, (name,))) == {key: value for key, value in record.items() if key != name}


@given(objects(), NAMES, NAMES)
def test_a_field_gets_another_name(text, old, new):
    """Its value and its place stay; a name that is there already is refused."""
    record = json.loads(text)
    if old not in record or new in record:
        with pytest.raises(CannotEditError):
            rename(text, (old,), new)
        return
    renamed = rename(text, (old,), new)
    assert list(json.loads(renamed).items()) == [(new if key == old else key, value) for key, value in record.items()]
    again, plain = rename(renamed, (new,), old), quote(old)  # which may be without the escapes of the name
    assert again.replace(json.dumps(old), plain) == text.replace(json.dumps(old), plain)


def test_a_new_field_is_written_as_its_neighbours_are():
    """With their blanks."""
    assert replace('{"a": 1, "b": 2}', ("c",), "3") == '{"a": 1, "b": 2, "c": 3}'
    assert replace('{"a":1}', ("c",), "3") == '{"a":1,"c":3}'
    assert replace("{ }", ("c",), "3") == '{"c":3 }'


def test_a_field_that_occurs_twice_is_written_once():
    """With the new value; without one, it is not certain which of the two counts."""
    assert replace('{"a":1,"b":2,"a":3}', ("a",), "7") == '{"a":7,"b":2}'
    assert remove('{"a":1,"b":2,"a":3}', ("a",)) == '{"b":2}'
    with pytest.raises(CannotEditError, match="twice"):
        value_at('{"a":1,"a":3}', ("a",))
    with pytest.raises(CannotEditError, match="twice"):
        replace('{"a":{},"a":{}}', ("a", "b"), "1")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a":1}', ("b", "c")),
        ('{"a":1}', ("a", "c")),
        ('{"a":[1]}', ("a", "c")),
        ('{"a":{}}', ("a", 0)),
        ('{"a":[1]}', ("a", 1)),
        ('{"a":[{"b":1}]}', ("a", 4, "b")),
    ],
)
def test_there_must_be_an_object_for_a_new_field(text, path):
    """It is not made up."""
    with pytest.raises(CannotEditError):
        replace(text, path, "1")


@pytest.mark.parametrize("text", ["", "{", '{"a":1}}', "[1]", "7", '{"a":}', '{"a":1} {"b":2}', "[" * 100_000])
def test_what_is_no_object_is_refused(text):
    """Whatever it is, in one way."""
    with pytest.raises(CannotEditError):
        check_json(text)


@given(objects(), st.dictionaries(NAMES, SCALARS, max_size=3))
def test_several_fields_are_written_at_once(text, values):
    """As if one after the other; the others stay."""
    written = write_fields(text, values)
    assert json.loads(written) == {**json.loads(text), **{name: json.loads(new) for name, new in values.items()}}
    assert write_fields(text, {}) == text


def test_a_field_is_renamed_and_written_at_once():
    """In its place."""
    assert write_fields('{"a":1,"b": 2}', {"c": "3"}, renamed={"a": "c"}) == '{"c":3,"b": 2}'
    assert write_fields("{}", {"c": "3", "d": "4"}) == '{"c":3,"d":4}'
