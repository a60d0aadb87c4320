"""Values of annotated types to JSON and back. Nothing else may live here.

msgspec converts. Without msgspec, a function whose annotations are plain JSON types still works,
and its values are not checked.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from sys import getrecursionlimit
from typing import Any, get_args, get_origin

from pyjobs import codec
from pyjobs.errors import BadArgument, MissingExtra
from pyjobs.jsonfaults import MOST_DEPTH, refuse_changed_keys, refuse_deep_objects

PLAIN = (Any, None, type(None), bool, int, float, str, object)
CONTAINERS = (dict, list)
# What msgspec makes of NaN and infinity, and of a key that is a number.
SUSPECT = re.compile(rb'null|"[-0-9][-+.0-9e]*":').search


class Missing:
    """Stands for the default of a parameter that has none."""


class Converter:
    """Converts the arguments and the result of one function by their annotations.

    Args:
        what: the name of the task, for messages.
        parameters: name -> annotation and default, or Missing.
        result: the annotation of the result.
        chunk: the annotation of what the function yields; Any where nothing is yielded.

    Raises:
        MissingExtra: msgspec is needed for an annotation, and is not installed.
        BadArgument: msgspec can't convert an annotation.
    """

    def __init__(
        self, what: str, parameters: Mapping[str, tuple[Any, Any]], result: Any, chunk: Any = Any
    ) -> None:
        self._what = what
        self._names, self._chunk = frozenset(parameters), chunk
        annotations = [annotation for annotation, _ in parameters.values()]
        try:
            self._msgspec: Any = importlib.import_module("msgspec")
        except ImportError:
            self._msgspec = None
            if not all(map(is_plain, [*annotations, result, chunk])):
                raise MissingExtra(
                    f"task {what}: its annotations need the extra 'tasks': "
                    "pip install 'pyjobs[tasks]'"
                ) from None
            return
        fields = [
            (name, annotation) if default is Missing else (name, annotation, self._field(default))
            for name, (annotation, default) in parameters.items()
        ]
        try:
            self._struct = self._msgspec.defstruct(
                "Arguments", fields, kw_only=True, forbid_unknown_fields=True
            )
            self._convert, self._asdict = self._msgspec.convert, self._msgspec.structs.asdict
            self._encoder = self._msgspec.json.Encoder(enc_hook=encoded)
            self._arguments = self._msgspec.json.Decoder(self._struct, dec_hook=decode_model)
            self._result = self._msgspec.json.Decoder(result, dec_hook=decode_model)
            self._chunks = self._msgspec.json.Decoder(chunk, dec_hook=decode_model)
        except TypeError as error:
            raise BadArgument(f"task {what}: {error}") from error

    def encode_arguments(self, values: Mapping[str, Any]) -> bytes:
        """Return arguments by name as a JSON object.

        Raises:
            BadArgument: a value does not fit its annotation; the message has its path.
        """
        if self._msgspec is None:
            return codec.encode(dict(values), f"task {self._what}")
        try:
            if getrecursionlimit() > MOST_DEPTH:
                refuse_deep_objects(values)
            data: bytes = self._encoder.encode(values)
            # What is read back is what the worker reads: the only check that can't differ from its.
            found = self._arguments.decode(data)
            if SUSPECT(data):
                pairs = [(f"$.{name}", one, getattr(found, name)) for name, one in values.items()]
                self._refuse_changed(values, pairs)
        except Exception as error:
            # The values' own methods may raise anything.
            raise BadArgument(f"task {self._what}: {error_text(error)}") from error
        return data

    def decode_arguments(self, data: Any) -> dict[str, Any]:
        """Return the arguments of a job by name.

        Args:
            data: the job's data, decoded.

        Raises:
            BadArgument: a value does not fit its annotation; the message has its path.
        """
        if not isinstance(data, dict):
            raise BadArgument(
                f"task {self._what}: the data are no JSON object of arguments by name"
            )
        if self._msgspec is None:
            if unknown := data.keys() - self._names:
                raise BadArgument(f"task {self._what}: it has no argument {min(unknown)!r}")
            return data
        try:
            found = self._convert(data, self._struct, dec_hook=decode_model, str_keys=True)
        except (TypeError, ValueError) as error:
            raise BadArgument(f"task {self._what}: {error}") from error
        arguments: dict[str, Any] = self._asdict(found)
        return arguments

    def encode_result(self, value: Any) -> bytes:
        """Return a result as JSON.

        Raises:
            BadArgument: the value has no JSON, or does not fit the annotation.
        """
        if self._msgspec is None:
            return codec.encode(value, "result")
        try:
            if getrecursionlimit() > MOST_DEPTH:
                refuse_deep_objects(value)
            data: bytes = self._encoder.encode(value)
            found = self._result.decode(data)
            if SUSPECT(data):
                self._refuse_changed(value, [("$", value, found)])
        except Exception as error:
            raise BadArgument(f"task {self._what}: result: {error_text(error)}") from error
        return data

    def decode_result(self, data: bytes) -> Any:
        """Return the value of a result's bytes.

        Raises:
            BadArgument: the result does not fit the annotation.
            Undecodable: the bytes are not JSON.
        """
        return codec.decode(data) if self._msgspec is None else self._read("result", data)

    def chunk(self, value: Any) -> Any:
        """Return what JSON has in place of a value that the function yields.

        Raises:
            BadArgument: the value has no JSON, or does not fit the annotation.
        """
        if self._msgspec is None:
            return value
        try:
            if getrecursionlimit() > MOST_DEPTH:
                refuse_deep_objects(value)
            plain = read = self._msgspec.to_builtins(value, enc_hook=encoded, str_keys=True)
            if self._chunk is not Any:
                read = self._convert(plain, self._chunk, dec_hook=decode_model, str_keys=True)
            if isinstance(plain, CONTAINERS) and SUSPECT(self._encoder.encode(plain)):
                refuse_changed_keys([("$", value, read)])
        except Exception as error:
            raise BadArgument(f"task {self._what}: output: {error_text(error)}") from error
        return plain

    def decode_chunk(self, data: bytes) -> Any:
        """Return the value of a chunk's bytes.

        Raises:
            BadArgument: the value does not fit the annotation.
            Undecodable: the bytes are not JSON.
        """
        return codec.decode(data) if self._msgspec is None else self._read("output", data)

    def _read(self, what: str, data: bytes) -> Any:
        decoder = self._chunks if what == "output" else self._result
        codec.refuse_deep_json(data)
        try:
            return decoder.decode(data)
        except self._msgspec.ValidationError as error:
            raise BadArgument(f"task {self._what}: {what}: {error}") from error
        except (self._msgspec.DecodeError, RecursionError):
            return codec.decode(data)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments, for producers in other languages.

        Raises:
            MissingExtra: msgspec is not installed.
        """
        if self._msgspec is None:
            raise MissingExtra("a schema needs the extra 'tasks': pip install 'pyjobs[tasks]'")
        found: dict[str, Any] = self._msgspec.json.schema(self._struct)
        return found

    def _refuse_changed(self, value: Any, pairs: Sequence[tuple[str, Any, Any]]) -> None:
        """Refuse what msgspec writes as something else: NaN and infinity, which become null, and
        keys that change when they are read.

        Args:
            value: what was written.
            pairs: for each part of it the path, the part, and what is read.

        Raises:
            Unencodable: NaN or infinity is in the value.
            TypeError: a key changes.
        """
        codec.encode(self._msgspec.to_builtins(value, enc_hook=encoded, str_keys=True))
        refuse_changed_keys(pairs)

    def _field(self, default: Any) -> Any:
        if isinstance(default, (list, dict, set, bytearray)):
            make: Callable[[], Any] = default.copy
            return self._msgspec.field(default_factory=make)
        return default


def error_text(error: Exception) -> str:
    """Return what msgspec says; of any other error its type too."""
    speaks = isinstance(error, (TypeError, ValueError))
    return str(error) if speaks else f"{type(error).__name__}: {error}"


def is_plain(annotation: Any) -> bool:
    """Return whether JSON itself has the values of this annotation."""
    if get_origin(annotation) in CONTAINERS:
        return all(map(is_plain, get_args(annotation)))
    if annotation in PLAIN or annotation in CONTAINERS:
        return True
    return type(annotation).__name__ == "UnionType" and all(map(is_plain, get_args(annotation)))


def encoded(value: Any) -> Any:
    """Return what JSON has in place of a value that msgspec does not know: a model of pydantic.

    Raises:
        TypeError: it is no such model.
    """
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"a {type(value).__name__} has no JSON")


def decode_model(kind: type, value: Any) -> Any:
    """Return a value of a type that msgspec does not know: a model of pydantic.

    Raises:
        TypeError: it is no such model.
    """
    if hasattr(kind, "model_validate"):
        return kind.model_validate(value)
    raise TypeError(f"a {kind.__name__} can't be made from JSON")
