"""Annotations that tie a field of the schema to a table: an entry with its fields, or one of its names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from typing import Annotated, Any, cast, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

AUTO, MOST = "auto", 10**9
UNFIT = "unfit"  # the type of errors whose message the value is added to
UNKNOWN = "unknown"  # the type of errors of a choice whose name is missing or in no table


class Choice:
    """The field is an instance of a class of the table, written as its name, or as `name` and its fields."""

    def __init__(self, table: Mapping[str, type[Any]], aliases: Mapping[str, str] | None = None) -> None:
        self.table, self.aliases = table, aliases or {}

    def name_of(self, value: object) -> str | None:
        """The name that a written value gives, aliases resolved; None where it gives none."""
        name = value.get("name") if isinstance(value, dict) else value
        return self.aliases.get(name, name) if isinstance(name, str) else None

    def keys_of(self, name: str) -> list[str]:
        """The keys that an entry takes besides `name`."""
        return [field.name for field in fields(self.table[name])]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._entry)

    def _entry(self, value: Any) -> Any:
        """The instance that a written value stands for. The schema of a class is made when it is chosen."""
        name = self.name_of(value)
        if name is None or name not in self.table:
            raise PydanticCustomError(UNKNOWN, "is in no table")
        plain = {} if isinstance(value, str) else {key: value[key] for key in value if key != "name"}
        cls: Any = self.table[name]
        return _adapter(cls).validate_python(plain)


class OneOf:
    """The field is one of the names as text."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(self.names)


class AutoOr:
    """The field is auto, or a whole number from 1 to MOST."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_auto_or_count)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"const": AUTO}, {"type": "integer", "minimum": 1, "maximum": MOST}]}


class OrListOf:
    """The field is one value, or a list of as many as one likes; a message about one speaks of one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        one = handler.generate_schema(get_args(source)[0])
        several = SchemaValidator(core_schema.tuple_variable_schema(one, min_length=1, strict=True))

        def validated(value: Any, alone: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return several.validate_python(value, strict=True) if isinstance(value, tuple) else alone(value)

        return core_schema.no_info_wrap_validator_function(validated, one)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        one = handler(schema)
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    """What makes an instance of a class of a mapping of its fields."""
    form: Any = Annotated[cls, _OfFields()]
    return TypeAdapter(form)


class _OfFields:
    """A dataclass whose fields are strict, though it is itself written as a mapping."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        # of the class itself strict would ask for an instance
        cast(dict[str, Any], handler.resolve_ref_schema(schema))["strict"] = False
        return schema


def _auto_or_count(value: Any) -> int | str:
    if value == AUTO or (type(value) is int and 1 <= value <= MOST):
        counted: int | str = value
        return counted
    raise PydanticCustomError(UNFIT, f"should be auto or a whole number from 1 to {MOST}")
