import os
import platform
from importlib import metadata
from typing import Any

import jax

from ._errors import fail

PACKAGES = ("jaxneuro", "jax", "jaxlib", "equinox", "optax", "orbax-checkpoint", "numpy")


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro info`: versions, devices and memory."""
    if "-h" in arguments or "--help" in arguments:
        print("usage: jaxneuro info\n\nPrints versions, devices and memory.")
        raise SystemExit(0)
    if arguments:
        fail(f"info takes no arguments, not {' '.join(arguments)}.")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name, version in versions().items():
        print(f"{name} {version}")
    for device in jax.devices():
        print(f"device {device.id}: {device.platform} {device.device_kind}{_memory(device)}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"host: {os.cpu_count()} cores, {memory:.1f} GiB of memory")


def versions() -> dict[str, str]:
    """The versions of the packages that results depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def device_name() -> str:
    """The first device and how many there are, for reports."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return f"cpu, {os.cpu_count()} cores"
    return f"{jax.device_count()} x {device.device_kind}"


def _memory(device: Any) -> str:
    stats = device.memory_stats()
    if not stats or "bytes_limit" not in stats:
        return ""
    used, limit = stats.get("bytes_in_use", 0) / 2**30, stats["bytes_limit"] / 2**30
    return f", {used:.1f} of {limit:.1f} GiB of memory in use"
