"""Keeps the terminal quiet while TensorFlow converts a model."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def captured_output():
    """Redirects all output of this process, including C++ libraries, from the terminal to a temporary file.

    Yields:
        Function that returns the captured text so far.
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
