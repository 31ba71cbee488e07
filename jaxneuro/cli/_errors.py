import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


def fail(message: str, code: int = 2) -> NoReturn:
    """Ends the command with one line on stderr and no traceback."""
    print(f"jaxneuro: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code)


@contextmanager
def users_mistakes() -> Iterator[None]:
    """Inside, a `ValueError` or an `OSError` is the user's mistake: message and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        fail(told(error))


def told(error: ValueError | OSError) -> str:
    """What to tell the user, without the number of the error."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}."
    return str(error)
