"""Formulas of inputs that follow from others, such as `debt / income`: arithmetic alone, never run as a program."""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping

LONGEST = 200  # chosen here: characters; what needs more is no formula that a reader can check
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {"min": min, "max": max}


def names_in(text: str) -> frozenset[str]:
    """The inputs that a formula needs.

    Raises:
        ValueError: It is no formula of numbers, inputs, + - * /, brackets, min and max.
    """
    return frozenset(_names(_parsed(text)))


def value_of(text: str, inputs: Mapping[str, float | None]) -> float | None:
    """What a formula gives; None where an input is missing, or where it divides by zero or overflows.

    Raises:
        ValueError: As `names_in`.
    """
    tree = _parsed(text)
    if any(inputs.get(name) is None for name in _names(tree)):
        return None
    try:
        found = _value(tree, inputs)
    except (ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ValueError(f"the formula has more than {LONGEST} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the odd literals of strangers, which are refused or harmless
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"'{text}' is no formula") from error
    odd = next(_odd(tree), None)
    if odd is not None:
        raise ValueError(f"'{ast.unparse(odd)}' is not for formulas: they have numbers, inputs, + - * /, min and max")
    return tree


def _odd(node: ast.expr) -> Iterator[ast.expr]:
    """The parts that are no arithmetic."""
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return
        case ast.Name():
            return
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield from _odd(inner)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            yield from _odd(left)
            yield from _odd(right)
        case ast.Call(func=ast.Name(id=name), args=[_, _, *_] as parts, keywords=[]) if name in _FUNCTIONS:
            for part in parts:
                yield from _odd(part)
        case _:
            yield node


def _names(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield name
        case ast.UnaryOp(operand=inner):
            yield from _names(inner)
        case ast.BinOp(left=left, right=right):
            yield from _names(left)
            yield from _names(right)
        case ast.Call(args=parts):
            for part in parts:
                yield from _names(part)
        case _:  # a number
            return


def _value(node: ast.expr, inputs: Mapping[str, float | None]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return float(inputs[name] or 0.0)
        case ast.UnaryOp(operand=inner):
            return -_value(inner, inputs)
        case ast.BinOp(op=op, left=left, right=right):
            return _OPERATORS[type(op)](_value(left, inputs), _value(right, inputs))
        case ast.Call(func=ast.Name(id=name), args=parts):
            return _FUNCTIONS[name](*(_value(part, inputs) for part in parts))
        case _:
            raise ValueError(f"'{ast.unparse(node)}' is not for formulas")  # `_parsed` has refused it
