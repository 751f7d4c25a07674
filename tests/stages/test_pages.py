"""Pages from templates: what values may hold, and what a template must get."""

import jinja2
import pytest

from keras_recurrent.pipelines.stages.pages import page


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "a.html.jinja"
    path.write_text('<p title="{{ word }}">{{ word }}</p>\n', encoding="utf-8")
    return path


def test_values_are_escaped(template):
    text = "&lt;b&gt; &amp; &#34;é&#34; &#39;"
    assert page(template, word='<b> & "é" \'') == f'<p title="{text}">{text}</p>\n'


def test_a_missing_value_is_refused(template):
    with pytest.raises(jinja2.UndefinedError, match="'word' is undefined"):
        page(template, words="a")
