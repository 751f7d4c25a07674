"""What tests of files share."""

import pytest


@pytest.fixture
def file(tmp_path):
    """Fixture: writes a file, `file("a.csv", "text,label\\n")`."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
