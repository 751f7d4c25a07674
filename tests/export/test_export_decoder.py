"""Greedy and beam search inside a TensorFlow Lite file: token by token what a search in Python finds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from decoder_models import END, KINDS, LENGTH, START, models
from keras import layers
from plain_consensus import expected_agreement

from keras_recurrent.pipelines.export import decoding, export_decoder, flatbuffer


def python_step(decoder, memory):
    """Logarithms of the probabilities of the next token, and the next state, of one sequence."""

    def step(token, state):
        shape = (1, 1) if len(decoder.inputs[0].shape) == 2 else (1,)
        logits, after = decoder([np.full(shape, token, "int32"), state, memory])
        logits = np.asarray(logits, "float64").reshape(-1)
        return logits - np.log(np.exp(logits).sum()), np.asarray(after)

    return step


def python_greedy(step, state):
    tokens, score, token = [], 0.0, START
    while len(tokens) < LENGTH and token != END:
        scores, state = step(token, state)
        token = int(scores.argmax())
        score += scores[token]
        tokens.append(token)
    return tokens, score


def python_beam(step, state, width, penalty):
    """Lists of hypotheses, sorted in Python."""
    beams = [([], 0.0, state)]
    for _ in range(LENGTH):
        grown = []
        for tokens, score, state in beams:
            if tokens[-1:] == [END]:
                grown.append((tokens, score, state))
                continue
            scores, after = step(tokens[-1] if tokens else START, state)
            grown += [([*tokens, token], score + scores[token], after) for token in range(KINDS)]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
        if all(tokens[-1] == END for tokens, _, _ in beams):
            break
    normed = [(tokens, score / len(tokens) ** penalty) for tokens, score, _ in beams]
    return sorted(normed, key=lambda beam: -beam[1])


def filled(tokens):
    return tokens + [END] * (LENGTH - len(tokens))


@pytest.mark.parametrize("column", [False, True])
def test_greedy_decoding_in_the_file(column, tmp_path, random):
    encoder, decoder = models(column)
    path = tmp_path / "model.tflite"
    export_decoder(encoder, decoder, path, START, END, LENGTH)
    assert not flatbuffer.custom_operations(path.read_bytes())
    interpreter = Interpreter(str(path))
    assert sorted(interpreter.get_signature_list()) == ["decode", "encode", "step"]
    decode = interpreter.get_signature_runner("decode")
    ends = set()
    for rows, time in [(1, 4), (5, 7), (5, 7)]:
        source = random.integers(0, KINDS, (rows, time)).astype("int32")
        found = decode(source=source)
        for row in range(rows):
            state, memory = (np.asarray(part) for part in encoder(source[row : row + 1]))
            tokens, score = python_greedy(python_step(decoder, memory), state)
            assert found["tokens"][row].tolist() == filled(tokens)
            np.testing.assert_allclose(found["scores"][row], score, atol=1e-4)
            ends.add(len(tokens))
    assert len(ends) > 1  # rows that end early stand beside rows that do not


@pytest.mark.parametrize(("width", "penalty", "consensus"), [(3, 0.0, False), (4, 1.0, False), (5, 0.0, True)])
def test_beam_search_in_the_file(width, penalty, consensus, tmp_path, random):
    encoder, decoder = models()
    path = tmp_path / "model.tflite"
    export_decoder(encoder, decoder, path, START, END, LENGTH, width=width, length_penalty=penalty, consensus=consensus)
    assert not flatbuffer.custom_operations(path.read_bytes())
    decode = Interpreter(str(path)).get_signature_runner("decode")
    better = 0
    for rows, time in [(1, 4), (5, 7)]:
        source = random.integers(0, KINDS, (rows, time)).astype("int32")
        for _ in range(2):
            found = decode(source=source)
        for row in range(rows):
            state, memory = (np.asarray(part) for part in encoder(source[row : row + 1]))
            beams = python_beam(python_step(decoder, memory), state, width, penalty)
            if consensus:
                sequences = [[token for token in tokens if token != END] for tokens, _ in beams]
                agreed = expected_agreement(sequences, [score for _, score in beams])
                beams = sorted(((tokens, s) for (tokens, _), s in zip(beams, agreed, strict=True)), key=lambda b: -b[1])
            assert found["tokens"][row].tolist() == [filled(tokens) for tokens, _ in beams]
            np.testing.assert_allclose(found["scores"][row], [score for _, score in beams], atol=1e-4)
            better += filled(beams[0][0]) != filled(python_greedy(python_step(decoder, memory), state)[0])
    assert better  # what a beam finds is not always what is found greedily


def test_encode_and_step_in_the_file_are_the_models(tmp_path, random):
    encoder, decoder = models()
    path = tmp_path / "model.tflite"
    export_decoder(encoder, decoder, path, START, END, LENGTH, quantization="float16")
    interpreter = Interpreter(str(path))
    source = random.integers(0, KINDS, (2, 6)).astype("int32")
    state, memory = encoder(source)
    encoded = interpreter.get_signature_runner("encode")(source=source)
    np.testing.assert_allclose(sorted(encoded.values(), key=np.ndim)[0], state, atol=5e-3)
    given = {"token": np.array([3, 4], "int32"), "before": np.asarray(state), "memory": np.asarray(memory)}
    stepped = interpreter.get_signature_runner("step")(**given)
    for name, expected in zip(decoder.output_names, decoder(list(given.values())), strict=True):
        np.testing.assert_allclose(stepped[name], expected, atol=0.05)


@pytest.mark.parametrize("width", [1, 3])
def test_the_search_stops_when_every_row_has_ended(width):
    calls = []

    def step(tokens, states):
        """Counts to the end: 3, 4, 5, end."""
        calls.append(tokens)
        following = tf.where(tokens < 3, 3, tf.where(tokens < 5, tokens + 1, END))
        return tf.math.log(tf.one_hot(following, KINDS) * 0.9 + 0.1 / KINDS), states

    search = decoding.greedy if width == 1 else lambda *given: decoding.beam(*given, width)
    tokens, _ = search(step, [tf.zeros((2, 1))], 2, START, END, 1000)
    first = tokens.numpy().reshape(2, -1)[:, :5].tolist()
    assert first == [[3, 4, 5, END, END]] * 2
    assert len(calls) < 20


def test_models_that_do_not_fit_are_refused(tmp_path):
    encoder, decoder = models()
    with pytest.raises(ValueError, match="takes 2 tensors beside the token and gives 1 states; the encoder gives 1"):
        export_decoder(keras.Model(encoder.input, encoder.outputs[1]), decoder, tmp_path / "m", START, END, LENGTH)
    swapped = keras.Model(encoder.input, encoder.outputs[::-1])
    with pytest.raises(ValueError, match="does not fit 'before'"):
        export_decoder(swapped, decoder, tmp_path / "m", START, END, LENGTH)
    with pytest.raises(ValueError, match="length=0"):
        export_decoder(encoder, decoder, tmp_path / "m", START, END, 0)
    with pytest.raises(ValueError, match="'int8'"):
        export_decoder(encoder, decoder, tmp_path / "m", START, END, LENGTH, quantization="int8")
    assert list(tmp_path.iterdir()) == []


def test_a_beam_stands_beside_the_greedy_search_and_shares_its_weights(tmp_path, random):
    encoder, decoder = models()
    greedy, beam = tmp_path / "greedy.tflite", tmp_path / "beam.tflite"
    export_decoder(encoder, decoder, greedy, START, END, LENGTH)
    export_decoder(encoder, decoder, beam, START, END, LENGTH, width=3)
    assert not flatbuffer.custom_operations(beam.read_bytes())
    interpreter = Interpreter(str(beam))
    assert sorted(interpreter.get_signature_list()) == ["decode", "encode", "greedy", "step"]
    alone = Interpreter(str(greedy)).get_signature_runner("decode")
    beside = interpreter.get_signature_runner("greedy")
    for rows in (1, 4):
        source = random.integers(0, KINDS, (rows, 6)).astype("int32")
        expected, found = alone(source=source), beside(source=source)
        assert found["tokens"].dtype == np.int32
        np.testing.assert_array_equal(found["tokens"], expected["tokens"])
        np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-5)


@pytest.mark.slow
def test_the_weights_are_in_the_file_once(tmp_path):
    source = keras.Input((30,), name="source")
    encoder = keras.Model(source, layers.Dense(700)(source))
    token, before = keras.Input((), dtype="int32", name="token"), keras.Input((700,), name="before")
    embedded = layers.Flatten()(layers.Embedding(KINDS, 700)(layers.Reshape((1,))(token)))
    after = layers.GRUCell(700)(embedded, before)[0]
    decoder = keras.Model([token, before], [layers.Dense(KINDS)(after), after])
    weights = 4 * (encoder.count_params() + decoder.count_params())
    for quantization, size in [(None, weights), ("float16", weights / 2), ("dynamic_range", weights / 4)]:
        path = tmp_path / "model.tflite"
        export_decoder(encoder, decoder, path, START, END, LENGTH, width=3, quantization=quantization)
        assert path.stat().st_size < 1.1 * size + 100_000
