import shlex
from collections.abc import Callable
from pathlib import Path

from jaxneuro.training import Diverged

from ._devices import DeviceArguments, start_devices
from ._errors import fail, users_mistakes
from ._fit_cell import Plan, build_plan, fit_cell, prepare
from ._fit_config import FitArguments, FitConfig
from ._fit_population import prepare_population
from ._fit_progress import fit_display
from ._fit_recording import read
from ._fit_report import greet, last_line, report
from ._fit_synthetic import synthesize
from ._parse import parse
from ._run_folder import RunFolder, free_folder


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro fit CONFIG.toml [--recording FILE_OR_FOLDER] [--run-dir DIR] [--resume]`."""
    with users_mistakes():
        path, config = parse(FitArguments, arguments, "fit")
        if config.resume and not config.run_dir:
            fail("--resume needs --run-dir: which fit should go on?")
        folder = RunFolder(
            Path(config.run_dir) if config.run_dir else free_folder(Path("runs"), path.stem)
        )
        if not config.resume:
            folder.check_free(", or go on with it by --resume")
        devices = start_devices(DeviceArguments(devices=config.devices), is_split=True)
        run = _prepare(build_plan(config, devices), folder, began)
        folder.resume(config, FitConfig) if config.resume else folder.start(config)
    try:
        with users_mistakes():  # a full disk, or a checkpoint of another recording
            run()
    except Diverged as error:
        fail(str(error), code=1)
    except KeyboardInterrupt:
        again = f"jaxneuro fit {_quoted(folder.config)} --run-dir {_quoted(folder.path)} --resume"
        fail(f"stopped. Go on with: {again}", code=130)


def _prepare(plan: Plan, folder: RunFolder, began: float) -> Callable[[], None]:
    """Checks the recording as well; returns what runs."""
    config = plan.config
    if config.recording is not None and config.recording.expanduser().is_dir():
        return prepare_population(plan, config.recording.expanduser(), folder)
    if config.recording is None:
        truth = synthesize(config, plan.model, plan.bounds)
        cell = prepare(plan, truth.recording, truth.values)
    else:
        cell = prepare(plan, read(config.recording, config.reading))

    def run() -> None:
        greet(plan, cell, folder.path)
        with fit_display() as show:
            outcome = fit_cell(plan, cell, folder.checkpoints, show)
        print(last_line(report(plan, cell, outcome, folder, began), folder.path), flush=True)

    return run


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
