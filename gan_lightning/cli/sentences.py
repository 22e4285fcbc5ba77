"""What jsonargparse reports over many lines, as one sentence with the names that are known."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args, get_origin

import jsonargparse

from gan_lightning.errors import UserError
from gan_lightning.jsonargparse_private import actions, type_of
from gan_lightning.trust import explain_refusal

_KEY = re.compile(r'Parser key "([^"]+)":\s*')


def in_one_sentence(parser: jsonargparse.ArgumentParser, message: str) -> UserError:
    """What is wrong with the options of a command, or with the arguments of a class."""
    message = re.sub(rf"(?<=[\"' ])({'|'.join(_commands(parser))})\.(?=\w)", "", message)
    message = re.sub(
        r"Group '([\w.]+)' does not accept option '([^']+)'",
        r"Option '\1.\2' is not accepted",
        message,
    )
    unrecognized = re.search(r"unrecognized arguments: --([^\s=]+)", message, re.IGNORECASE)
    unknown = re.search(r"Option '([^']+)' is not accepted|accept option '([^']+)'", message)
    if unrecognized or (unknown and not _KEY.match(message)):
        # Ignored below: one of them matched.
        names = (unrecognized or unknown).groups()  # type: ignore[union-attr]
        return _unknown(parser, next(filter(None, names)))
    needed = re.search(r"are required: ([\w., ]+)", message)
    if needed:
        return _needed(parser, needed.group(1).split(",")[0])
    located = _KEY.match(message.strip())
    if located:
        return _about(parser, located.group(1), message.strip()[located.end() :])
    return UserError(explain_refusal(ValueError(message)) or what_went_wrong(message))


def what_went_wrong(message: str) -> str:
    """The point of a message, on one line."""
    message = " ".join(message.split())
    reason = re.search(
        r"Problem with given class_path '[^']*': (.*?)"
        r"(?: - (?:Expected|Not a valid) |Given value|$)",
        message,
    )
    said = reason.group(1) if reason else message.split(" - Parser key")[0]
    return plain(said.split(" HINT:")[0]).strip(" -")


def _needed(parser: jsonargparse.ArgumentParser, option: str) -> UserError:
    """An option is missing."""
    names = _known_names(parser, option)
    choice = f": {', '.join(names)}" if names else ""
    config = ", or a --config FILE that says it" if option == "data" else ""
    return UserError(f"is needed{choice}{config}", option)


def _unknown(parser: jsonargparse.ArgumentParser, option: str) -> UserError:
    known = sorted({name.rstrip("+") for name in _options(parser)})  # a list's `--x+` is `--x` too
    near = difflib.get_close_matches(f"--{option}", known, n=2)
    names = (re.sub(r"^--([\w.]+)$", r"`\1`", name) for name in near)  # may be a class's own
    hint = f"did you mean {' or '.join(names)}?" if near else "see --help"
    return UserError(f"is not an option; {hint}", option)


def _commands(parser: jsonargparse.ArgumentParser) -> list[str]:
    """The names of commands, which jsonargparse puts before their options."""
    choices = (action.choices for action in actions(parser) if isinstance(action.choices, dict))
    return [str(name) for names in choices for name in names] or [r"\0"]


def _about(parser: jsonargparse.ArgumentParser, key: str, message: str) -> UserError:
    """What is wrong with the option ``key``."""
    refused = explain_refusal(ValueError(message))
    if refused:
        return UserError(f"is refused: {refused}", key)
    value = _given(message)
    unread = re.search(r"Invalid content in sub-config file (\S+)|'utf-8' codec can't", message)
    if unread:
        file = (unread.group(1) or "what is given").rstrip(":")
        return UserError(f"{file} is a file, but no YAML of a class and its arguments", key)
    nested = re.search(r"NestedArg\(key='([^']+)', val=(.*?)\)(?:$|\n)", message)
    if nested:
        return _about_nested(key, nested.group(1), nested.group(2), message)
    unknown = re.search(r"Option '([^']+)' is not accepted", message)
    if unknown:
        return UserError(f"is not an option; see --{key}.help", f"{key}.{unknown.group(1)}")
    unannotated = re.search(r"Expected '([\w.]+)' to be a function that returns \W*(\w+)", message)
    if unannotated:
        path = unannotated.group(1)
        return UserError(
            f"{path} does not say what it returns, so it is not called: annotate it, as in "
            f"def {path.rsplit('.', 1)[-1]}(...) -> {_kind(parser, key)}, or give a class",
            key,
        )
    names = _known_names(parser, key)
    if value and names and re.fullmatch(r"\[?'?[\w-]+'?\]?", value):
        return _not_known(parser, key, value.strip("[]'"), names)
    kinds = _kinds_wanted(message)
    if value and kinds:
        known = f". Known: {', '.join(names)}" if names else ""
        return UserError(f"{value} is of another kind: give {kinds}{known}", key)
    if "is abstract" in message:
        return UserError(f"is needed: {', '.join(names)}", key)
    return UserError(f"{value}: {_expected(message)}" if value else _expected(message), key)


def _about_nested(key: str, option: str, value: str, message: str) -> UserError:
    """What is wrong with an argument of the class that an option takes."""
    if re.search(r"is abstract|Not a valid subclass", message):
        return UserError(
            f"{value} is given, but not the class it belongs to: add `{key}`", f"{key}.{option}"
        )
    return UserError(f"{value}: {_expected(message)}", f"{key}.{option}")


def _not_known(
    parser: jsonargparse.ArgumentParser, key: str, value: str, names: list[str]
) -> UserError:
    if value in names and _takes_list(parser, key):
        return UserError(f"takes a list: write '[{value}]', or --{key}+={value} to add to it", key)
    return UserError(
        f"{value} is not known. Known: {', '.join(names)}; "
        "or give the import path of your own, as package.module.name",
        key,
    )


def _given(message: str) -> str:
    """The value that the message is about; of a class with arguments, the class."""
    found = re.search(
        r"Given value: (.*)|Got value: (.*)|Expected a path but (.+?) either", message
    )
    value = next((group for group in (found.groups() if found else ()) if group), "").strip()
    made = re.match(r"(?:Namespace\(|\{)'?class_path'?[=:] *'?([\w.]+)", value)
    return made.group(1).rsplit(".", 1)[-1] if made else value


def _kinds_wanted(message: str) -> str:
    """The classes that what was named is no subclass of, if the message is about that."""
    pattern = r"subclass of (?:<class '([^']+)'>|(?:\w+\[)?([\w., ]+?)\]?)\.*(?:\s|$)(?!\w+\])"
    pairs = re.findall(pattern, message)
    kinds = [kind.rsplit(".", 1)[-1] for pair in pairs for kind in "".join(pair).split(", ")]
    return " or ".join(dict.fromkeys(kinds))


def _expected(message: str) -> str:
    """What would be right, as far as the message says; once."""
    lines = re.findall(
        r"Expected [^\n]+|No module named [^\n]+|has no attribute [^\n]+|"
        r"Unexpected import path format",
        message,
    )
    wanted = [plain(line) for line in lines if "a path but" not in line and "NoneType" not in line]
    return ", or ".join(dict.fromkeys(wanted)).replace(", or expected", ", or") or what_went_wrong(
        message
    )


def plain(text: str) -> str:
    """Types without their clothes: <class 'int'> is int."""
    text = re.sub(r"\.? Got value: .*", "", text)
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text)
    text = re.sub(r"(?:typing\.)?Literal\[([^\]]*)\]", r"one of \1", text)
    text = re.sub(r"\b(?:[a-z_]\w*\.)+([A-Z]\w+)", r"\1", text)
    return re.sub(r"\b[Ee]xpected an? (one of )?", r"expected \1", text).strip()


def _options(parser: jsonargparse.ArgumentParser) -> list[str]:
    """Every option of a parser and of its subcommands."""
    names = [name for action in actions(parser) for name in action.option_strings]
    for action in actions(parser):
        if isinstance(action.choices, dict):
            for child in action.choices.values():
                names += _options(child)
    return names


def _type(parser: jsonargparse.ArgumentParser, key: str) -> Any:  # noqa: ANN401  (any type hint)
    """The type that an option takes."""
    for action in actions(parser):
        if action.dest == key:
            return type_of(action)
        if isinstance(action.choices, dict):
            for child in action.choices.values():
                found = _type(child, key)
                if found is not None:
                    return found
    return None


def _takes_list(parser: jsonargparse.ArgumentParser, key: str) -> bool:
    hint = _type(parser, key)
    return any(get_origin(part) in (list, Sequence) for part in (hint, *get_args(hint)))


def _kind(parser: jsonargparse.ArgumentParser, key: str) -> str:
    """What a callable has to return."""
    for part in (hint := _type(parser, key), *get_args(hint)):
        if get_origin(part) is Callable:
            name = str(getattr(get_args(part)[-1], "__name__", "Module"))
            return "nn.Module" if name == "Module" else name
    return "nn.Module"


def _known_names(parser: jsonargparse.ArgumentParser, key: str) -> list[str]:
    """The names of the classes that an option takes, of one or a list of them."""
    return sorted({name for base in _bases(_type(parser, key)) for name in _concrete(base)})


def _bases(hint: Any) -> Iterator[type]:  # noqa: ANN401  (any type hint)
    """The abstract classes in a type hint, also as elements of a list."""
    if inspect.isclass(hint) and inspect.isabstract(hint):
        yield hint
    for part in get_args(hint):
        if not isinstance(part, list):  # the arguments of a callable
            yield from _bases(part)


def _concrete(base: type) -> list[str]:
    names = [] if inspect.isabstract(base) else [base.__name__]
    children: list[type] = type.__subclasses__(base)
    for child in children:
        names += _concrete(child)
    return [name for name in names if not name.startswith("_")]
