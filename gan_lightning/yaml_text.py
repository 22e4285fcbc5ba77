"""YAML that people write: plain values, and nothing said twice."""

from __future__ import annotations

from typing import IO, Any

import yaml

from gan_lightning.errors import UserError


class _Once(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """Refuses a mapping that says one key twice, of which YAML would drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            name = key.tag, str(key.value)  # what is no scalar is refused further on
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise UserError(
                    f"{key.value} stands twice in one mapping, for the second time on line "
                    f"{key.start_mark.line + 1}; the first would be lost. Join them"
                )
            seen.add(name)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_yaml(text: str | IO[str]) -> Any:  # noqa: ANN401  (whatever stands there)
    """Reads YAML by the rules of `yaml.safe_load`.

    Args:
        text: The text, or a file of it.

    Raises:
        UserError: A mapping says one key twice.
        yaml.YAMLError: It is no YAML.
    """
    try:
        return yaml.load(text, _Once)
    except RecursionError as error:
        raise yaml.YAMLError("nested too deeply") from error
