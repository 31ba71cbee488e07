"""The command line: `jaxneuro COMMAND`, with the commands of `COMMANDS`."""

import importlib
import os
import sys
import time

COMMANDS = {
    "train": "train a network by gradient descent from a configuration file",
    "evolve": "train a network by evolution from a configuration file",
    "learn": "learn digits without labels",
    "fit": "fit a neuron model to recorded sweeps",
    "sweep": "run a configuration at many points at once",
    "simulate": "run a neuron model or a network from a configuration file",
    "evaluate": "test accuracy and confusion matrix of a finished run",
    "info": "versions, devices and memory",
}


def main(arguments: list[str] | None = None) -> None:
    """The console script `jaxneuro`."""
    began = time.perf_counter()
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage(), file=sys.stdout if arguments else sys.stderr)
        raise SystemExit(0 if arguments else 2)
    if arguments[0] not in COMMANDS:
        names = ", ".join(COMMANDS)
        print(f"jaxneuro: no command {arguments[0]!r}. There are {names}.", file=sys.stderr)
        raise SystemExit(2)
    try:
        command = importlib.import_module(f"jaxneuro.cli._{arguments[0]}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("jaxneuro"):
            raise
        print(
            f"jaxneuro: {arguments[0]} needs the package {error.name}, which is not installed. "
            "Install everything the commands need with: pip install 'jaxneuro[app]'",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    try:
        command.main(arguments[1:], began)
    except KeyboardInterrupt:
        print("jaxneuro: stopped.", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:  # who reads our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _usage() -> str:
    lines = [f"  {name.ljust(10)}{what}" for name, what in COMMANDS.items()]
    return "usage: jaxneuro COMMAND [--help]\n\n" + "\n".join(lines)
