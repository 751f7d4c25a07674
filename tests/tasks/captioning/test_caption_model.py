"""The decoder of captions beside loops of its papers' equations in float64; and what training adds to them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from caption_models import MAP, VOCABULARY, captions_of, decoder_of, features_of

from keras_recurrent.pipelines.core.cells import CELLS
from keras_recurrent.pipelines.tasks.captioning.config import CaptioningConfig, CaptioningModel
from keras_recurrent.pipelines.tasks.captioning.model import (
    DECODER,
    CaptionDecoder,
    caption_model,
    doubly_stochastic,
    drawn,
    is_caption,
    word_loss,
)
from keras_recurrent.pipelines.tasks.captioning.task import compiled

UNITS = 6
CONFIG = CaptioningConfig(pipeline="captioning", preset="sample", training={"label_smoothing": 0.1})
QUICK_CELLS = ("lstm", "keras.simple_rnn", "mlstm")


# The equations, one image and one caption at a time


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def doubles(layer):
    return [np.asarray(weight, "float64") for weight in layer.get_weights()]


def lstm(decoder):
    """Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000); gates i, f, g, o beside another."""
    W, U, b = doubles(decoder.cell)

    def step(x, states):
        h, c = states or (np.zeros(UNITS), np.zeros(UNITS))
        i, f, g, o = np.split(x @ W + h @ U + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return h, (h, c)

    return step


def gru(decoder):
    """Cho et al. (2014), with the reset gate after the recurrent product, as in cuDNN; gates z, r, h."""
    W, U, (b, d) = doubles(decoder.cell)

    def step(x, states):
        (h,) = states or (np.zeros(UNITS),)
        (x_z, x_r, x_h), (h_z, h_r, h_h) = np.split(x @ W + b, 3), np.split(h @ U + d, 3)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        h = z * h + (1 - z) * np.tanh(x_h + r * h_h)
        return h, (h,)

    return step


def by_keras(decoder):
    """The cell itself, whose own tests are elsewhere."""

    def step(x, states):
        states = states or decoder.cell.get_initial_state(batch_size=1)
        h, states = decoder.cell(np.float32(x[None]), list(states))
        return np.asarray(h, "float64")[0], states

    return step


def written_out(decoder, features, words, make_cell):
    """Logits `[time, vocabulary]` and weights of the attention `[time, places]`, the bound before the first word."""
    cell, attention = make_cell(decoder), decoder.attention
    F = np.float64(features.reshape(-1, MAP[-1]))
    (E,), (W_f, b_f), (W_h,) = doubles(decoder.embedding), doubles(decoder.of_image), doubles(decoder.of_output)
    if attention:
        (W_a,), (U_a, b_a), (v,) = doubles(decoder.of_places), doubles(decoder.of_last), doubles(decoder.to_energy)
        (w_b, b_b), (W_z,) = doubles(decoder.gate), doubles(decoder.of_context)
    (L,) = (E.T,) if decoder.tied else doubles(decoder.to_logits)
    x = F.mean(axis=0) @ W_f + b_f
    h, states = cell(np.concatenate([x, np.zeros(MAP[-1])]) if attention else x, None)
    logits, alphas = [], []
    for word in [0, *words[:-1]]:
        x, inputs = E[word], E[word]
        if attention:
            energies = [(np.tanh(place @ W_a + h @ U_a + b_a) @ v).item() for place in F]
            alpha = np.exp(energies) / np.exp(energies).sum()
            z = sigmoid(h @ w_b + b_b) * sum(weight * place for weight, place in zip(alpha, F, strict=True))
            inputs = np.concatenate([x, z])
            alphas.append(alpha)
        h, states = cell(inputs, states)
        deep = x + h @ W_h + (z @ W_z if attention else 0)
        logits.append(deep @ L + np.asarray(decoder.bias, "float64"))
    return np.array(logits), np.array(alphas)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("attention", [3, None])
@pytest.mark.parametrize(("cell", "loop"), [("lstm", lstm), ("keras.gru", gru), ("slstm", by_keras)])
def test_the_logits_are_those_of_the_equations(cell, loop, attention, tied):
    decoder = decoder_of(cell=cell, attention=attention, tied=tied)
    features, tokens = features_of(2), captions_of(2, 3, 4)
    tokens[0, 1, 2:] = 0
    found = np.asarray(decoder(features, tokens))
    assert found.shape == (2, 3, 4, VOCABULARY)
    assert found.dtype == np.float32
    for image, row in np.ndindex(2, 3):
        expected, alphas = written_out(decoder, features[image], tokens[image, row], loop)
        np.testing.assert_allclose(found[image, row], expected, atol=2e-5)
        if attention:
            seen = np.asarray(decoder.views(features[image, None], tokens[image, row, None]))
            assert seen.shape == (1, 4, *MAP[:2])
            np.testing.assert_allclose(seen.sum(axis=(2, 3)), 1, atol=1e-6)
            np.testing.assert_allclose(seen[0], alphas.reshape(4, *MAP[:2]), atol=1e-5)


def test_the_logits_move_the_words_by_whose_vectors_they_are_read():
    tied, apart = decoder_of(), decoder_of(tied=False)
    shapes = [[tuple(weight.shape) for weight in decoder.weights] for decoder in (tied, apart)]
    tables = [sum(sorted(shape) == [4, VOCABULARY] for shape in of_decoder) for of_decoder in shapes]
    assert tables == [1, 2]
    features, tokens = features_of(1), captions_of(1, 1, 3)
    tokens[tokens == 8] = 7
    before = np.asarray(tied(features, tokens))
    table = tied.embedding.embeddings
    table.assign(np.where(np.arange(VOCABULARY)[:, None] == 8, 3.0, table))
    changed = np.abs(np.asarray(tied(features, tokens)) - before).max(axis=(0, 1, 2))
    assert changed[8] > 0.1
    np.testing.assert_array_equal(changed[:8], 0)


# Word by word, captions by themselves


def stepped(decoder, features, words):
    states, memory = decoder.begin(features)
    logits = []
    for before in np.pad(words[:, :-1], [(0, 0), (1, 0)]).T:
        found, states = decoder.step(before, states, memory)
        logits.append(found)
    return np.stack(logits, axis=1)


@pytest.mark.parametrize("attention", [3, None])
def test_word_by_word_is_the_same_as_a_whole_caption(attention):
    decoder, features, tokens = decoder_of(attention=attention), features_of(3), captions_of(3, 1, 5)
    whole, single = np.asarray(decoder(features, tokens))[:, 0], stepped(decoder, features, tokens[:, 0])
    np.testing.assert_allclose(single, whole, atol=1e-5)


@pytest.mark.parametrize(
    "cell", [cell if cell in QUICK_CELLS else pytest.param(cell, marks=pytest.mark.slow) for cell in CELLS]
)
def test_every_cell_trains_and_steps(cell):
    decoder = decoder_of(cell=cell, scale=0.3)
    features, tokens = features_of(2), captions_of(2, 2, 3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(compiled(CONFIG)["loss"](tokens, decoder(features, tokens, training=True)))
    gradients = tape.gradient(loss, [variable.value for variable in decoder.trainable_variables])
    assert all(np.isfinite(tf.convert_to_tensor(gradient)).all() for gradient in gradients)
    whole, single = np.asarray(decoder(features, tokens))[:, 0], stepped(decoder, features, tokens[:, 0])
    np.testing.assert_allclose(single, whole, atol=1e-5)


def nodes_of_training(decoder, length):
    """How many operations the graph has that computes the gradient for captions of that length."""

    @tf.function
    def train(tokens):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(compiled(CONFIG)["loss"](tokens, decoder(features_of(2), tokens, training=True)))
        return tape.gradient(loss, [variable.value for variable in decoder.trainable_variables])

    graph = train.get_concrete_function(tf.TensorSpec((2, 2, length), tf.int32)).graph.as_graph_def()
    return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)


@pytest.mark.parametrize("attention", [3, None])
def test_the_graph_does_not_grow_with_the_captions(attention):
    decoder = decoder_of(attention=attention)
    assert nodes_of_training(decoder, 3) == nodes_of_training(decoder, 30)


def test_captions_of_one_image_know_nothing_of_each_other():
    decoder, features, tokens = decoder_of(), features_of(2), captions_of(2, 3, 4)
    together = np.asarray(decoder(features, tokens))
    for row in range(3):
        alone = np.asarray(decoder(features, tokens[:, row : row + 1]))
        np.testing.assert_allclose(together[:, row : row + 1], alone, atol=1e-6)


def test_no_logits_know_the_words_they_name_or_later_ones():
    decoder, features, tokens = decoder_of(), features_of(1), captions_of(1, 1, 5)
    other = tokens.copy()
    other[..., 2:] = 1 + tokens[..., 2:] % (VOCABULARY - 1)
    before, after = (np.asarray(decoder(features, each))[0, 0] for each in (tokens, other))
    np.testing.assert_array_equal(before[:3], after[:3])
    assert np.abs(before[3:] - after[3:]).max() > 1e-3


def test_empty_rows_change_neither_the_loss_nor_its_gradient():
    decoder, features, tokens = decoder_of(penalty=0.7), features_of(2), captions_of(2, 2, 4)
    tokens[1, 0, 2:] = 0
    results = []
    for rows in (tokens, np.concatenate([tokens, np.zeros_like(tokens)], axis=1)):
        with tf.GradientTape() as tape:
            named = compiled(CONFIG)["loss"](rows, decoder(features, rows, training=True))
            loss = tf.reduce_mean(named) + sum(decoder.losses)
        gradients = tape.gradient(loss, [variable.value for variable in decoder.trainable_variables])
        results.append([loss, *map(tf.convert_to_tensor, gradients)])
    assert any(np.abs(gradient).max() > 1e-3 for gradient in results[0][1:])
    for without, beside in zip(*results, strict=True):
        np.testing.assert_allclose(without, beside, atol=1e-6)


def test_a_caption_is_its_words_and_the_bound_after_them():
    words = np.array([[5, 1, 0, 0], [3, 4, 5, 6], [0, 0, 0, 0], [2, 0, 0, 0]])
    expected = [[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]]
    np.testing.assert_array_equal(is_caption(words), expected)
    np.testing.assert_array_equal(is_caption(words[None]), [expected])


# What training adds


def test_the_penalty_is_that_of_the_equation():
    random = np.random.default_rng(0)
    alphas = random.dirichlet(np.ones(6), (3, 4))
    real = np.array([[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]], "float32")
    expected = []
    for caption in (0, 2):
        for place in range(6):
            total = sum(alphas[caption, t, place] for t in range(4) if real[caption, t])
            expected.append((1 - total) ** 2)
    np.testing.assert_allclose(doubly_stochastic(alphas.astype("float32"), real), np.mean(expected), rtol=1e-5)


def test_the_penalty_moves_the_attention_in_training_alone():
    decoder, features, tokens = decoder_of(penalty=0.7), features_of(2), captions_of(2, 2, 4)
    decoder(features, tokens)
    assert not decoder.losses
    attention = [decoder.of_places.kernel, decoder.of_last.kernel, decoder.of_last.bias, decoder.to_energy.kernel]
    with tf.GradientTape() as tape:
        decoder(features, tokens, training=True)
        (penalty,) = decoder.losses
    gradients = tape.gradient(penalty, [weight.value for weight in attention])
    assert all(np.abs(gradient).max() > 1e-5 for gradient in gradients)
    alphas = np.concatenate([decoder.views(features, tokens[:, row]) for row in range(2)]).reshape(4, 4, 6)
    np.testing.assert_allclose(penalty, 0.7 * np.mean((1 - alphas.sum(axis=1)) ** 2), rtol=1e-5)
    without = decoder_of()
    without(features, tokens, training=True)
    assert not without.losses


def test_scheduled_sampling_reads_what_the_network_names_in_training_alone():
    features, tokens = features_of(3), captions_of(3, 2, 5)
    tokens[0, 0, 3:] = 0
    plain, own = decoder_of(), decoder_of(scheduled_sampling=1.0)
    taught = np.asarray(plain(features, tokens))
    np.testing.assert_array_equal(own(features, tokens), taught)
    np.testing.assert_array_equal(plain(features, tokens, training=True), taught)
    named = taught.argmax(-1)
    assert (named != tokens).any()
    named[0, 0, 3:] = 0  # behind the last word nothing is read but the bound
    expected = np.asarray(plain(features, named.astype("int32")))
    assert np.abs(expected - taught).max() > 0.1
    np.testing.assert_allclose(own(features, tokens, training=True), expected, atol=1e-6)


def test_scheduled_sampling_draws_its_share_anew_each_time():
    decoder, features, tokens = decoder_of(scheduled_sampling=0.3), features_of(1), captions_of(1, 200, 2)
    taught, own = decoder_of(), decoder_of(scheduled_sampling=1.0)
    given, replaced = (np.asarray(each(features, tokens, training=True))[0, :, 1] for each in (taught, own))
    differ = np.abs(given - replaced).max(axis=-1) > 1e-4
    several = [np.asarray(decoder(features, tokens, training=True))[0, :, 1] for _ in range(2)]
    is_own = [np.abs(each - given).max(axis=-1) > 1e-4 for each in several]
    for each, chosen in zip(several, is_own, strict=True):
        np.testing.assert_allclose(each[chosen], replaced[chosen], atol=1e-5)
        assert abs(chosen[differ].mean() - 0.3) < 0.15
    assert (is_own[0] != is_own[1]).any()


def test_drawn_captions_are_different_ones_and_empty_last():
    tokens = captions_of(2, 4, 3)
    tokens[:, :, 0] = [[2, 3, 4, 5], [6, 0, 7, 0]]
    tokens[1, 1::2] = 0
    firsts = [set(), set()]
    for seed in range(30):
        found = np.asarray(drawn(tokens, 3, (seed, 0)))
        np.testing.assert_array_equal(drawn(tokens, 3, (seed, 0)), found)
        assert len({*found[0, :, 0]}) == 3
        assert {*found[1, :2, 0]} == {6, 7}
        assert not found[1, 2].any()
        assert all(any((row == caption).all() for caption in tokens[0]) for row in found[0])
        for first, picture in zip(firsts, found, strict=True):
            first.add(int(picture[0, 0]))
    assert firsts == [{2, 3, 4, 5}, {6, 7}]
    np.testing.assert_array_equal(np.sort(drawn(tokens, 9, (0, 0))[0], axis=0), np.sort(tokens[0], axis=0))


def test_dropout_is_for_training_alone():
    features, tokens = features_of(2), captions_of(2, 1, 3)
    decoder, without = decoder_of(dropout=0.5), decoder_of()
    expected = np.asarray(without(features, tokens))
    np.testing.assert_array_equal(decoder(features, tokens), expected)
    np.testing.assert_array_equal(decoder(features, tokens, training=False), expected)
    first, second = (np.asarray(decoder(features, tokens, training=True)) for _ in range(2))
    assert np.abs(first - expected).max() > 0.1
    assert np.abs(first - second).max() > 0.1


# Files and precisions


@pytest.mark.parametrize("changes", [{}, {"attention": None, "tied": False, "cell": "keras.gru"}])
def test_a_kept_decoder_is_the_same(changes, tmp_path):
    decoder = decoder_of(dropout=0.2, scheduled_sampling=0.1, **changes)
    features, tokens = keras.Input(MAP), keras.Input((None, 3), dtype="int32")
    model = keras.Model([features, tokens], decoder(features, tokens))
    model.save(tmp_path / "model.keras")
    kept = keras.models.load_model(tmp_path / "model.keras")
    (again,) = (layer for layer in kept.layers if isinstance(layer, CaptionDecoder))
    assert again.get_config() == decoder.get_config()
    given = [features_of(2), captions_of(2, 2, 3)]
    np.testing.assert_array_equal(kept(given), model(given))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_lower_precision_gives_nearly_the_same_from_the_same_weights(precision):
    full, mixed = decoder_of(), decoder_of(dtype=precision)
    assert all(weight.dtype == "float32" for weight in mixed.trainable_variables)
    features, tokens = features_of(3), captions_of(3, 2, 4)
    expected, found = (np.asarray(each(features, tokens)) for each in (full, mixed))
    assert found.dtype == np.float32
    assert mixed.cell.compute_dtype == mixed.compute_dtype != "float32"
    assert 1e-5 < np.abs(found - expected).max() < 0.03 * np.abs(expected).max()


@pytest.mark.slow
def test_what_is_trained_learns_captions_by_heart_in_mixed_precision():
    section = CaptioningModel(widths=(8,), cell="keras.gru", units=24, embedding=12, attention=6, dropout=0.0)
    before = keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    model = caption_model(section, VOCABULARY, 32, length=4, precision="mixed_bfloat16")
    assert keras.config.dtype_policy() == before
    assert model.get_layer(DECODER).dtype_policy.name == "mixed_bfloat16"
    assert model.output_shape == (None, None, 4, VOCABULARY)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("uint8")
    tokens = np.repeat(captions_of(4, 1, 4), 2, axis=1)
    tokens[..., -1] = 0
    model.compile(keras.optimizers.Adam(0.02), **compiled(CONFIG), jit_compile=False)
    fitted = model.fit({"image": images, "tokens": tokens}, tokens, epochs=20, batch_size=4, verbose=0)
    assert fitted.history["loss"][0] > 1.8
    assert fitted.history["loss"][-1] < 0.9  # 0.49 at best, by the label smoothing
    assert fitted.history["accuracy"][-1] > 0.8


def test_word_loss_is_the_cross_entropy_of_which_words_stand_in_the_captions():
    logits = np.random.default_rng(0).normal(0, 2, (2, VOCABULARY))
    tokens = np.array([[[2, 3, 2, 0], [3, 1, 0, 0], [0, 0, 0, 0]], [[4, 5, 6, 7], [4, 0, 0, 0], [8, 4, 0, 0]]])
    shares = [{2: 1 / 2, 3: 2 / 2}, {4: 3 / 3, 5: 1 / 3, 6: 1 / 3, 7: 1 / 3, 8: 1 / 3}]
    of_images = []
    for z, share in zip(logits, shares, strict=True):
        p = 1 / (1 + np.exp(-z))
        y = np.array([share.get(word, 0.0) for word in range(VOCABULARY)])
        of_images.append(-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / y.sum())
    found = word_loss(logits.astype("float32"), tokens.astype("int32"))
    np.testing.assert_allclose(found, np.mean(of_images), rtol=1e-5)


def test_word_loss_is_added_in_training_alone_and_teaches_the_encoder():
    decoder, tokens = decoder_of(word_loss=0.5), captions_of(2, 3, 4)
    features = tf.Variable(features_of(2))
    decoder(features, tokens, training=False)
    assert not decoder.losses
    with tf.GradientTape() as tape:
        decoder(features, tokens, training=True)
        (added,) = decoder.losses
    expected = word_loss(decoder.of_words(features.numpy().mean((1, 2))), tokens)
    np.testing.assert_allclose(added, 0.5 * expected, rtol=1e-5)
    assert np.abs(tape.gradient(added, features)).max() > 0
