"""YAML that people write is read as YAML is, but says nothing twice."""

from __future__ import annotations

import pytest
import yaml

from gan_lightning.errors import UserError
from gan_lightning.yaml_text import read_yaml

SOUND = [
    "",
    "a: 1\nb: {a: 1, c: [1, 2.5, null, true, text]}",
    "{1: one, '1': text}",
    "base: &x {a: 1, b: 2}\nmore: {<<: *x, b: 3}",
    "more: {<<: [{a: 1}, {b: 2}], c: 3}",
]


@pytest.mark.parametrize("text", SOUND)
def test_it_is_what_yaml_says(text: str) -> None:
    assert read_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "a stands twice in one mapping, for the second time on line 2"),
        ("b: {c: 1, d: 2, c: 3}", "c stands twice .* line 1"),
        ("- 1\n- {1: a,\n   1: b}", "1 stands twice .* line 3"),
        ("'a': 1\n\"a\": 1", "a stands twice"),
    ],
)
def test_nothing_is_said_twice(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_yaml(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: [1,",
        "? [a]\n: 1",
        "? {a: 1}\n: 1",
        "!!python/object/apply:os.system [ls]",
        "a: \0",
        "[" * 9999,
    ],
)
def test_what_is_no_plain_yaml(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)
