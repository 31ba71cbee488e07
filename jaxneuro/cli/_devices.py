"""Where a command runs: on how many devices of how many processes."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import jax
from pydantic import Field

from jaxneuro.core import from_first

from ._config import Section

Value = TypeVar("Value")
SECONDS_TO_START = 300.0  # within which all processes must have come
SECONDS_TO_END = 30  # that a process waits for the others once it has ended


class DeviceArguments(Section):
    """Flags about where a command runs; they change nothing about what it computes."""

    devices: Annotated[int, Field(ge=0)] = 0
    """Devices of each process; 0 is one for training alone, and all for everything else."""
    coordinator: str = ""
    """Of several processes: HOST:PORT of the first, the same for all."""
    processes: Annotated[int, Field(ge=0)] = 0
    """Of several processes: how many there are."""
    process_id: Annotated[int, Field(ge=-1)] = -1
    """Of several processes: which one this is, from 0."""
    distributed: bool = False
    """Let JAX find the processes of SLURM, Cloud TPU, Open MPI or Kubernetes by itself."""


def start_devices(options: DeviceArguments, is_split: bool = False) -> list[Any]:
    """Starts JAX on the devices that the flags choose, before anything else does.

    With several processes, those after the first print nothing from here on.

    **Arguments:**

    - `is_split`: whether each core of a CPU is a device, unless the flags say how many are.

    **Returns:** the devices, of all processes.

    **Raises:** `ValueError` for flags that do not fit together or the machine.
    """
    _check_flags(options)
    if options.devices or is_split:
        _ask_for_cpus(options.devices or _cores())
    if options.distributed or options.processes > 1:
        _join(options)
        _print_on_first_only()
    chosen = []
    for process in range(jax.process_count()):
        own = [device for device in jax.devices() if device.process_index == process]
        if options.devices > len(own):
            raise ValueError(
                f"--devices is {options.devices}, but there are only {len(own)} of kind "
                f"{own[0].device_kind}. Take fewer, or leave it out for the default."
            )
        chosen += own[: options.devices or None]
    return chosen


def is_first() -> bool:
    """Whether this is the process that has the files."""
    return jax.process_index() == 0


def on_first(action: Callable[[], Value]) -> Value:
    """Does this on the first process only, while the others wait; what ends it ends all of them.

    **Returns:** what `action` returned there, which must be fit for JSON.
    """

    def coded() -> tuple[Any, Any]:
        try:
            return None, action()
        except SystemExit as end:
            if jax.process_count() == 1:
                raise
            return end.code, None

    code, value = from_first(coded)
    if code is not None:
        raise SystemExit(code)
    return value


def _check_flags(options: DeviceArguments) -> None:
    by_hand = {
        "--coordinator": bool(options.coordinator),
        "--processes": options.processes > 0,
        "--process-id": options.process_id >= 0,
    }
    given = [flag for flag, is_given in by_hand.items() if is_given]
    missing = [flag for flag, is_given in by_hand.items() if not is_given]
    if options.distributed and given:
        raise ValueError(f"--distributed finds the processes by itself: leave out {given[0]}.")
    if not given:
        return
    if missing:
        raise ValueError(
            f"{' and '.join(given)} without {' and '.join(missing)}: several processes need all "
            "three, --coordinator HOST:PORT --processes N --process-id I."
        )
    if options.process_id >= options.processes:
        raise ValueError(
            f"--process-id is {options.process_id}, but with --processes {options.processes} it "
            f"is between 0 and {options.processes - 1}."
        )
    host, _, port = options.coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(
            f"--coordinator is {options.coordinator!r}; it must be HOST:PORT, such as "
            "10.0.0.1:1234, the first process' address and a free port there."
        )


def _cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        return os.cpu_count() or 1


def _ask_for_cpus(count: int) -> None:
    """Makes the CPU look like so many devices, if JAX uses it."""
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:  # JAX has started: then those must do that are there
        return


def _join(options: DeviceArguments) -> None:
    by_hand: dict[str, Any] = {}
    if options.processes:
        by_hand = {
            "coordinator_address": options.coordinator,
            "num_processes": options.processes,
            "process_id": options.process_id,
        }
    # JAX would abort with a trace.
    watch = threading.Timer(SECONDS_TO_START, _give_up, [options])
    watch.daemon = True
    watch.start()
    try:
        jax.distributed.initialize(
            **by_hand,
            initialization_timeout=int(SECONDS_TO_START) + 60,
            shutdown_timeout_seconds=SECONDS_TO_END,
        )
    except ValueError as error:
        raise ValueError(
            f"--distributed: JAX does not find the processes by itself ({error}). Give "
            "--coordinator, --processes and --process-id."
        ) from None
    except RuntimeError as error:
        raise ValueError(
            f"The processes cannot be joined: {error}. Is the port of --coordinator taken, or was "
            "JAX started before?"
        ) from None
    finally:
        watch.cancel()


def _give_up(options: DeviceArguments) -> None:
    where = f" at {options.coordinator}" if options.coordinator else ""
    print(
        f"jaxneuro: after {SECONDS_TO_START:.0f} s not all processes have met{where}. Start all of "
        "them, and check that each can reach the first one there.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(2)  # the main thread waits inside JAX


def _print_on_first_only() -> None:
    """Also drops what the libraries below print to the descriptor, such as gloo's greetings."""
    sys.stdout.flush()
    if is_first():
        # Line by line, as Python does on a terminal.
        sys.stdout = os.fdopen(os.dup(1), "w", buffering=1, encoding=sys.stdout.encoding)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
