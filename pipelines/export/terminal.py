"""Keeps the terminal quiet while TensorFlow converts."""

import contextlib
import os
import sys
import tempfile


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
