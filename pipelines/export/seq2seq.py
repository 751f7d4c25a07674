"""Exports an encoder and a decoder as one TensorFlow Lite file that includes the search for the answer."""

import functools
from pathlib import Path

import tensorflow as tf

from ..core.files import whole
from . import decoding, loop
from .converter import QUANTIZATIONS, check_quantization, convert
from .flatbuffer import require_builtin_only
from .keras_backend import check_keras, folded_time_distributed, recurrent_loop
from .terminal import captured_output
from .tracing import as_functional, from_the_start, output_names, trace


def export_decoder(
    encoder, decoder, path, start, end, length, width=1, length_penalty=0.0, quantization=None, consensus=False
):
    """Writes an encoder and a decoder as a TensorFlow Lite file that needs builtin operations only.

    The decoder takes one step. Its inputs are the last token, int32 of shape `(batch,)` or `(batch, 1)`, then one input
    for each output of the encoder, in the same order. Its outputs are the logits of the next token, `(batch, tokens)`
    or `(batch, 1, tokens)`, then the new states, which replace the first of those inputs. The remaining inputs, such as
    an attention memory, stay constant.

    The file has the signatures `encode` and `step`, which are the two models, and `decode`, which takes the inputs of
    the encoder and returns `tokens` (int32, `(batch, length)`, padded with `end`) and `scores` (`(batch,)`, as in
    `decoding`); a beam returns `(batch, width, length)` and `(batch, width)`, the best first. A file with a beam also
    has the signature `greedy`, which decodes without the beam. All signatures share their weights.

    Args:
        encoder: A built Keras model.
        decoder: A built Keras model that outputs logits.
        path: Path of the file to write.
        start: Token that starts an answer.
        end: Token that ends an answer.
        length: Maximum number of tokens in an answer.
        width: Width of the beam; 1 for greedy decoding.
        length_penalty: Exponent of the length, as in `decoding.beam`.
        quantization: `None`, `"dynamic_range"` or `"float16"`.
        consensus: Whether to rank answers by their agreement, as in `decoding.beam`.

    Raises:
        ValueError: If the decoder does not fit the encoder, or an argument is out of range.
        ExportError: If a model needs an operation that is not builtin, or cannot be converted for another reason.
    """
    if length < 1 or width < 1:
        raise ValueError(f"Expected a length and a width of at least 1, got length={length!r} and width={width!r}.")
    check_quantization(quantization, QUANTIZATIONS[:3])
    check_keras()
    encoder, decoder = as_functional(encoder), as_functional(decoder)
    _check_fit(encoder, decoder)
    with captured_output() as output, folded_time_distributed(), recurrent_loop(loop.rnn):
        with from_the_start(encoder), from_the_start(decoder):
            beam = functools.partial(decoding.beam, width=width, length_penalty=length_penalty, consensus=consensus)
            held, functions = _trace(encoder, decoder, start, end, length, width, beam)
        content = convert(held, functions, [encoder, decoder], quantization, output)
    require_builtin_only(content)
    with whole(Path(path)) as temporary:
        temporary.write_bytes(content)


def _check_fit(encoder, decoder):
    given, taken = encoder.outputs, decoder.inputs[1:]
    states = decoder.outputs[1:]
    if len(given) != len(taken) or len(states) > len(taken):
        raise ValueError(
            f"The decoder takes {len(taken)} tensors beside the token and gives {len(states)} states; the encoder "
            f"gives {len(given)}. Expected one input for each output of the encoder, and at most as many states."
        )
    for source, target in [*zip(given, taken, strict=True), *zip(states, taken, strict=False)]:
        if len(source.shape) != len(target.shape):
            raise ValueError(f"{source.name!r} of shape {source.shape} does not fit {target.name!r}, {target.shape}.")


def _trace(encoder, decoder, start, end, length, width, beam):
    """The module that holds the weights, and the concrete functions by signature."""
    encoding, encode = trace(encoder, "encode")
    stepping, step = trace(decoder, "step")
    names = [tensor.name for tensor in decoder.inputs]
    columns = len(decoder.inputs[0].shape) == 2
    results = output_names(decoder)

    carried = len(results) - 1

    def search(find, width):
        """A function from the inputs of the encoder to the result of `find` with `width` sequences a row."""

        def decode(**inputs):
            encoded = encode(**inputs)
            memory = [encoded[name] for name in output_names(encoder)]
            kept = [decoding.repeated(each, width) if width > 1 else each for each in memory[carried:]]

            def one(tokens, states):
                token = tf.expand_dims(tokens, 1) if columns else tokens
                outputs = step(**dict(zip(names, [token, *states, *kept], strict=True)))
                scores = outputs[results[0]]
                scores = tf.squeeze(scores, 1) if len(scores.shape) == 3 else scores
                return tf.nn.log_softmax(scores), [outputs[name] for name in results[1:]]

            tokens, scores = find(one, memory[:carried], tf.shape(memory[0])[0], start, end, length)
            return {"tokens": tf.identity(tokens, name="tokens"), "scores": tf.identity(scores, name="scores")}

        specs = encode.structured_input_signature[1]
        return tf.function(decode, autograph=False).get_concrete_function(**specs)

    functions = {"encode": encode, "step": step, "decode": search(decoding.greedy, 1)}
    if width > 1:
        functions |= {"decode": search(beam, width), "greedy": functions["decode"]}
    held = tf.Module(name="decoder")
    held.parts = [encoding, stepping]
    return held, functions
