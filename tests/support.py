"""Runs the command line in processes of its own, and reads what it leaves."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import jaxneuro


def command(*arguments):
    return [sys.executable, "-m", "jaxneuro", *map(str, arguments)]


def environment():
    root = str(Path(jaxneuro.__file__).parents[1])
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
    return kept | {"PYTHONPATH": root, "TERM": "xterm", "JAX_PLATFORMS": "cpu"}


def start(folder, *arguments, **options):
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process, timeout=300):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def summary(run):
    return json.loads((run / "summary.json").read_text())


def rows(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def checkpoints(run):
    folder = run / "checkpoints"
    return [int(p.name) for p in folder.iterdir() if p.name.isdigit()] if folder.is_dir() else []


def wait_for(condition, process, timeout=240):
    until = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.002)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
