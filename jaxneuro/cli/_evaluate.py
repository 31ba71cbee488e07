import tomllib
from pathlib import Path

from pydantic import ValidationError

from jaxneuro.analysis import cohen_kappa, confusion_matrix
from jaxneuro.network import load
from jaxneuro.training import evaluate

from ._build import build_dataset, build_task
from ._config import Config
from ._errors import fail, users_mistakes
from ._report import draw_confusion
from ._run_folder import RunFolder

USAGE = "jaxneuro evaluate RUN_DIR [--data.path DIR]"


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro evaluate RUN_DIR`: test accuracy and confusion matrix of a finished run."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: {USAGE}\n\nPrints the test accuracy of a finished run and draws its "
              "confusion matrix.")
        raise SystemExit(0 if arguments else 2)
    path, elsewhere = _parsed(arguments)
    folder = RunFolder(path)
    if not folder.config.is_file():
        fail(f"there is no run in {path} (it has no config.toml).")
    if not folder.network.is_file():
        fail(f"the run in {path} is not finished (it has no network.npz). Go on with --resume.")
    try:
        table = tomllib.loads(folder.config.read_text(encoding="utf-8"))
        if elsewhere is not None:
            table.setdefault("data", {})["path"] = elsewhere
        config = Config.model_validate(table)
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        fail(f"{folder.config} cannot be read: {error}")
    with users_mistakes():
        data = build_dataset(config)
        network = load(folder.network)
    task = build_task(config)
    result = evaluate(task, network, data.test.inputs, data.test.labels, scale=data.scale)
    with users_mistakes():
        draw_confusion(data, result, folder.figures)
    matrix = confusion_matrix(data.test.labels, result.answers, len(data.class_names))
    wrong = round((1 - result.accuracy) * len(data.test))
    print(f"test accuracy {result.accuracy:.2%} ({wrong} of {len(data.test)} wrong)")
    print(f"test loss {result.loss:.4f}, Cohen's kappa {cohen_kappa(matrix):.4f}")
    print(folder.figures / "confusion_matrix.png")


def _parsed(arguments: list[str]) -> tuple[Path, str | None]:
    if len(arguments) == 1:
        return Path(arguments[0]), None
    if len(arguments) == 3 and arguments[1] == "--data.path":
        return Path(arguments[0]), arguments[2]
    fail(f"evaluate does not understand {' '.join(arguments[1:])}. Usage: {USAGE}")
