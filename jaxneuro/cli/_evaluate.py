from pathlib import Path

from jaxneuro.analysis import cohen_kappa, confusion_matrix
from jaxneuro.network import Network, load
from jaxneuro.training import evaluate

from ._build import build_dataset, build_task
from ._config import Config
from ._errors import fail, users_mistakes
from ._parse import read_config
from ._report import draw_confusion
from ._run_folder import RunFolder

USAGE = "jaxneuro evaluate RUN_DIR [--data.path DIR]"
HELP = f"""usage: {USAGE}

Prints the test accuracy of a finished run and draws its confusion matrix.

  RUN_DIR          the folder that `jaxneuro train` made
  --data.path DIR  folder with the four IDX files (default: the one it was trained on)"""


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro evaluate RUN_DIR`: test accuracy and confusion matrix of a finished run."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP)
        raise SystemExit(0)
    if not arguments or arguments[0].startswith("-"):
        fail(f"evaluate needs the folder of a run first. Usage: {USAGE}")
    with users_mistakes():
        _evaluate(Path(arguments[0]), _flags(arguments[1:]))


def _evaluate(path: Path, flags: list[str]) -> None:
    folder = RunFolder(path)
    if not folder.config.is_file():
        fail(f"there is no run in {path} (it has no config.toml).")
    if not folder.network.is_file():
        fail(f"the run in {path} is not finished (it has no network.npz). Go on with --resume.")
    config = read_config(Config, folder.config, flags)
    data = build_dataset(config.data, config.seed)
    network = _load(folder.network)
    task = build_task(config)
    result = evaluate(task, network, data.test.inputs, data.test.labels, scale=data.scale)
    draw_confusion(data, result, folder.figures)
    matrix = confusion_matrix(data.test.labels, result.answers, len(data.class_names))
    wrong = round((1 - result.accuracy) * len(data.test))
    print(f"test accuracy {result.accuracy:.2%} ({wrong} of {len(data.test)} wrong)")
    print(f"test loss {result.loss:.4f}, Cohen's kappa {cohen_kappa(matrix):.4f}")
    print(folder.figures / "confusion_matrix.png")


def _load(path: Path) -> Network:
    try:
        network = load(path)
    except ImportError as error:
        fail(f"{path} holds a class that cannot be imported: {error}.")
    if not isinstance(network, Network):
        fail(f"{path} holds a {type(network).__name__}, not a network.")
    return network


def _flags(arguments: list[str]) -> list[str]:
    if (arguments and arguments[0].partition("=")[0] != "--data.path") or len(arguments) > 2:
        fail(f"evaluate does not understand {' '.join(arguments)}. Usage: {USAGE}")
    return arguments
