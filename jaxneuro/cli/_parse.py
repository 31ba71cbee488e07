import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jaxneuro.core import suggest

from ._config import known_keys
from ._errors import fail
from ._flags import Location, override

Arguments = TypeVar("Arguments", bound=BaseModel)
MOST_PROBLEMS = 3


def parse(kind: type[Arguments], arguments: list[str], command: str) -> tuple[Path, Arguments]:
    """A configuration file, then flags that override its fields.

    **Returns:** the file's path, and the validated arguments.
    """
    program = f"jaxneuro {command} CONFIG.toml"
    rest = [argument for argument in arguments if argument not in ("-h", "--help")]
    if len(rest) < len(arguments):
        _help(kind, rest, program)
    if not rest:
        fail(f"{command} needs a configuration file: {program}. --help lists every field.")
    if rest[0].startswith("-"):
        fail(f"the configuration file comes first: {program} {' '.join(rest)}")
    return Path(rest[0]), read_config(kind, Path(rest[0]), rest[1:])


def read_config(kind: type[Arguments], path: Path, flags: list[str] | None = None) -> Arguments:
    """A file's configuration with flags applied; a mistake in either ends the command."""
    table = read_table(path)
    given = override(kind, table, flags or [])
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        fail(explain(kind, error, str(path), given))


def _help(kind: type[BaseModel], arguments: list[str], program: str) -> None:
    import tyro

    has_file = bool(arguments) and not arguments[0].startswith("-")
    default = read_config(kind, Path(arguments[0]), arguments[1:]) if has_file else kind()
    tyro.cli(kind, prog=program, default=default, args=["--help"])


def read_table(path: Path) -> dict[str, Any]:
    """A TOML file's content; a file that is none ends the command."""
    if path.is_dir():
        fail(f"{path} is a folder; a configuration is a TOML file.")
    if not path.is_file():
        near = ", ".join(sorted(str(p) for p in Path("configs").glob("*.toml")))
        fail(f"no configuration file {path}." + (f" There are {near}." if near else ""))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        fail(f"{path} is not a text file in UTF-8, as TOML is.")
    except tomllib.TOMLDecodeError as error:
        fail(f"{path} is not valid TOML: {error}.")


def explain(
    kind: type[BaseModel], error: ValidationError, path: str, given: dict[Location, str]
) -> str:
    """What is wrong, where (in the file or which flag), and what is wanted instead."""
    lines = []
    for problem in error.errors(include_url=False):
        location = tuple(part for part in problem["loc"] if part != "Path")
        where = given.get(location) or ": ".join([path, *_dotted(location)])
        if problem["type"] == "extra_forbidden":
            keys = known_keys(kind, location[:-1])
            lines.append(f"{where} is unknown. {suggest(str(location[-1]), keys)}")
            continue
        message = problem["msg"].removeprefix("Value error, ")
        came = problem["input"]
        shown = "" if isinstance(came, (dict, list, BaseModel)) else f", not {came!r}"
        ending = "" if message.endswith(".") else "."
        lines.append(f"{where}: {message}{shown}{ending}")
    more = len(lines) - MOST_PROBLEMS
    return " ".join(lines[:MOST_PROBLEMS]) + (f" And {more} more." if more > 0 else "")


def _dotted(location: Location) -> list[str]:
    return [".".join(map(str, location))] if location else []
