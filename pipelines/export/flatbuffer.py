"""Reads which operations a TensorFlow Lite file needs."""

from ai_edge_litert import schema_py_generated as schema

from .errors import ExportError

IDENTIFIER = b"TFL3"
BUILTIN_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


def operations(content):
    """The names of the operations in a TensorFlow Lite flatbuffer.

    Args:
        content: Bytes of the file.

    Returns:
        Tuple of two sorted lists: the builtin operations, and the custom ones (a TensorFlow operation run by the Flex
        delegate is a custom one whose name begins with `Flex`).

    Raises:
        ExportError: If the bytes are not a TensorFlow Lite flatbuffer.
    """
    if content[4:8] != IDENTIFIER:
        raise ExportError("This is not a TensorFlow Lite file: its identifier is missing.")
    try:
        model = schema.Model.GetRootAs(content)
        codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
        builtin, custom = set(), set()
        for code in codes:
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            if number == schema.BuiltinOperator.CUSTOM:
                custom.add(code.CustomCode().decode())
            else:
                builtin.add(BUILTIN_NAMES.get(number, str(number)))
    except Exception as error:  # a broken flatbuffer raises whatever its broken offsets lead to
        raise ExportError(f"This is not a whole TensorFlow Lite file: {error}") from error
    return sorted(builtin), sorted(custom)


def require_builtin_only(content):
    """Checks that a TensorFlow Lite flatbuffer needs builtin operations only.

    Args:
        content: Bytes of the file.

    Raises:
        ExportError: If it needs a custom or a Flex operation; the message names it.
    """
    _, custom = operations(content)
    if custom:
        raise ExportError(f"The file needs operations that are not builtin: {', '.join(custom)}.")
