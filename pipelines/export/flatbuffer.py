"""Lists the operations that a TensorFlow Lite file needs."""

from ai_edge_litert import schema_py_generated as schema

from .errors import ExportError

IDENTIFIER = b"TFL3"


def operations(content):
    """The operations in a TensorFlow Lite flatbuffer.

    Args:
        content: Bytes of the file.

    Returns:
        Tuple `(builtin, custom)` of sorted lists of names. A custom one that the Flex delegate runs begins with `Flex`.

    Raises:
        ExportError: If the bytes are not a TensorFlow Lite flatbuffer.
    """
    if content[4:8] != IDENTIFIER:
        raise ExportError("This is not a TensorFlow Lite file: its identifier is missing.")
    try:
        model = schema.Model.GetRootAs(content)
        codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
        numbers = {max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes}
        custom = [code for code in codes if code.DeprecatedBuiltinCode() == schema.BuiltinOperator.CUSTOM]
        names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
        builtin = {names[number] for number in numbers - {schema.BuiltinOperator.CUSTOM}}
        return sorted(builtin), sorted({code.CustomCode().decode() for code in custom})
    except Exception as error:  # the broken offsets of a broken flatbuffer can raise any error
        raise ExportError(f"This is not a whole TensorFlow Lite file: {error}") from error


def custom_operations(content):
    """The operations in a TensorFlow Lite flatbuffer that are not builtin, in the form of `operations`."""
    return operations(content)[1]


def require_builtin_only(content):
    """Checks that a TensorFlow Lite flatbuffer needs builtin operations only.

    Args:
        content: Bytes of the file.

    Raises:
        ExportError: If it needs a custom or a Flex operation; the message names it.
    """
    custom = custom_operations(content)
    if custom:
        raise ExportError(f"The file needs operations that are not builtin: {', '.join(custom)}.")
