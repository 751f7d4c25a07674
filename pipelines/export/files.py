"""Files and folders that are written whole or not at all, and a terminal that stays quiet."""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path


def write_file(path, content):
    """Writes bytes to a file, whole or not at all, and creates its folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextlib.contextmanager
def whole_folder(path):
    """Gives a temporary folder beside `path`, which takes its place when the context ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        new = workplace / "new"
        new.mkdir()
        yield new
        _replace_folder(path, new, workplace / "old")
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


@contextlib.contextmanager
def captured_output():
    """Sends all that this process prints, C++ libraries too, to a temporary file instead of the terminal.

    Yields:
        Function that returns the text captured so far.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as capture:
        saved = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}

        def text():
            sys.stdout.flush()
            sys.stderr.flush()
            capture.seek(0)
            return capture.read().decode(errors="replace")

        try:
            for descriptor in saved:
                os.dup2(capture.fileno(), descriptor)
            yield text
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in saved.items():
                os.dup2(copy, descriptor)
                os.close(copy)


def _replace_folder(path, new, old):
    if path.exists():
        os.rename(path, old)
    try:
        os.rename(new, path)
    except OSError:
        if old.exists():
            os.rename(old, path)
        raise


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
