import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

SHARE = 0.8  # of what is free


def needed_bytes(compiled: Any) -> int:
    """What a compiled program takes of each device's memory while it runs."""
    known = compiled.memory_analysis()
    if known is None:
        return 0
    return (
        known.temp_size_in_bytes + known.argument_size_in_bytes + known.output_size_in_bytes
    ) - known.alias_size_in_bytes


def free_bytes(devices: Sequence[Any]) -> int:
    """What a sweep may take on each of these devices: most of what nothing else uses."""
    local = [device for device in devices if device.process_index == jax.process_index()]
    statistics = [device.memory_stats() for device in local]
    free = [s["bytes_limit"] - s.get("bytes_in_use", 0) for s in statistics if s]
    # Devices without statistics are those of a CPU: they share the memory of the machine.
    return int(SHARE * (min(free) if free else _machine() / max(1, len(local))))


def _machine() -> int:
    """Memory of this machine that programs can get."""
    told = Path("/proc/meminfo")
    if told.is_file():
        lines = dict(line.split(":", 1) for line in told.read_text().splitlines())
        if "MemAvailable" in lines:
            return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
