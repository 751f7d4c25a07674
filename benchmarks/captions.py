"""Time of captioning: beam against greedy search, batches against single images; memory of training on many images.

    python benchmarks/captions.py --run saved_models/captioning/RUN [--pictures 10000] [--side 224]

The run must be finished. The script times its TFLite file with one thread, image by image, greedily and with the beam
in turn; its Keras model captions 1,000 drawn scenes in batches and one by one. Then the script draws images into a tar,
and one process makes a whole run on them (one epoch, evaluation, export, proof) and reads its peak memory. Writes
benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np

TIMED, MANY = 200, 1000
SETTINGS = {
    "data.source": "json",
    "model.widths": "[16, 32, 64]",
    "training.epochs": 1,
    "training.captions": 1,
    "evaluation.bootstrap": 100,
}


def main() -> None:
    """Measures in processes of their own, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a finished run of the pipeline")
    parser.add_argument("--pictures", type=int, default=10_000, help="images in the tar")
    parser.add_argument("--side", type=int, default=224, help="side of these images, in pixels")
    parser.add_argument("--measure", choices=("searches", "batches", "memory"), help="in this process")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(globals()[options.measure](options)))
        return
    found = {}
    for measure in ("searches", "batches", "memory"):
        command = [sys.executable, __file__, "--measure", measure, "--run", str(options.run)]
        command += ["--pictures", str(options.pictures), "--side", str(options.side)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found |= json.loads(done.stdout.splitlines()[-1])
        print(found, file=sys.stderr)
    from results import write

    rows = [
        ("TFLite, greedy, ms per image", "greedy", "greedy", ".2f"),
        (f"TFLite, beam of {found['width']}, ms per image", "decode", "greedy", ".2f"),
        (f"{MANY:,} images one by one, s", "one by one", "in batches", ".1f"),
        (f"{MANY:,} images in batches, s", "in batches", "in batches", ".1f"),
    ]
    lines = ["| what | time | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {found[key]:{form}} | {found[key] / found[base]:.2f} |" for name, key, base, form in rows]
    write(
        "Captions",
        "python benchmarks/captions.py --run RUN",
        f"The model sees {found['side']} x {found['side']} pixels and has {found['parameters']:,} parameters; TFLite "
        f"on one thread, medians of {TIMED} interleaved calls. A whole run on {options.pictures:,} images of "
        f"{options.side} x {options.side} in a tar (one epoch, evaluation, export, proof) took "
        f"{found['seconds']:.0f} s; the peak memory of the process that trains was {found['gigabytes']:.2f} GB, "
        f"and the libraries alone take {found['libraries']:.2f} GB.",
        "\n".join(lines),
    )


def searches(options: argparse.Namespace) -> dict[str, float]:
    """Median milliseconds per image in the TFLite file, for each search, in turn."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(options.run / "export/model.tflite"), num_threads=1)
    runners = {name: interpreter.get_signature_runner(name) for name in ("greedy", "decode")}
    shape = runners["decode"].get_input_details()["image"]["shape"][1:]
    pixels = scenes_as_pixels(TIMED, int(shape[0]))
    taken: dict[str, list[float]] = {name: [] for name in runners}
    for picture in pixels:
        for name, run in runners.items():
            began = time.perf_counter()
            answer = run(image=picture[None])
            taken[name].append(time.perf_counter() - began)
    width = answer["tokens"].shape[1]
    return {name: 1e3 * statistics.median(times[5:]) for name, times in taken.items()} | {
        "width": width,
        "side": int(shape[0]),
    }


def scenes_as_pixels(count: int, side: int) -> np.ndarray:
    """Drawn scenes, `[count, side, side, 3]` uint8."""
    from PIL import Image

    return np.stack([np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) for png in scenes(count, side)])


def scenes(count: int, side: int) -> list[bytes]:
    """Drawn scenes as PNG."""
    from keras_recurrent.pipelines.sources import scenes

    return scenes.load(max(count, 100), side, 0)[0][:count]


def batches(options: argparse.Namespace) -> dict[str, float]:
    """Seconds for many images, in batches and one by one."""
    from keras_recurrent.pipelines.core import runs

    run = runs.open(options.run)
    contents = np.array(scenes(MANY, run.config.data.side), object)
    run.predict(contents[:64])
    run.predict(contents[:1])
    began = time.perf_counter()
    run.predict(contents)
    together = time.perf_counter() - began
    began = time.perf_counter()
    for row in range(MANY):
        run.predict(contents[row : row + 1])
    return {
        "in batches": together,
        "one by one": time.perf_counter() - began,
        "parameters": run.metrics["parameters"],
    }


def memory(options: argparse.Namespace) -> dict[str, float]:
    """Peak memory of a run, in GB (10^9 bytes), and of the libraries alone."""
    import tensorflow as tf

    from keras_recurrent.pipelines.cli.request import Request
    from keras_recurrent.pipelines.cli.verbs import run
    from keras_recurrent.pipelines.core.console import progress

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", DRAW, folder, str(options.pictures), str(options.side)], check=True)
        tf.add(1.0, 1.0)
        libraries = peak()
        settings = SETTINGS | {"data.path": folder, "data.side": options.side}
        assignments = tuple(f"{key}={value}" for key, value in settings.items())
        began = time.perf_counter()
        run(Request("captioning", None, None, assignments, Path(folder) / "runs"), progress(quiet=True))
    return {"gigabytes": peak(), "libraries": libraries, "seconds": time.perf_counter() - began}


DRAW = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import captions; captions.draw(*sys.argv[1:])"


def draw(folder: str, count: str, side: str) -> None:
    """Writes images of clouds as JPEG in a tar, and captions that name their mean colours."""
    from PIL import Image

    random, entries = np.random.default_rng(0), []
    with tarfile.open(Path(folder) / "images.tar", "w") as archive:
        for number in range(int(count)):
            small = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
            stream = io.BytesIO()
            small.resize((int(side), int(side)), Image.Resampling.BICUBIC).save(stream, "JPEG")
            about = tarfile.TarInfo(f"{number}.jpg")
            about.size = len(stream.getvalue())
            archive.addfile(about, io.BytesIO(stream.getvalue()))
            red, green, blue = np.asarray(small).mean((0, 1)) > 128
            captions = [f"{'much' if red else 'little'} red {'much' if green else 'little'} green"] * 4
            captions.append(f"clouds with {'much' if blue else 'little'} blue")
            split = {0: "test", 1: "val"}.get(number % 10, "train")
            entries.append({"filename": about.name, "split": split, "captions": captions})
    (Path(folder) / "captions.json").write_text(json.dumps(entries))


def peak() -> float:
    """Peak memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
