"""Entry point of `python -m keras_recurrent.pipelines.cli`."""

from . import main

main()
