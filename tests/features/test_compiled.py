"""Compiled code is there whether or not it can be kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from features import compiled


def test_without_a_folder_to_keep_it_the_code_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(signature: str, *, cache: bool = False) -> Callable[..., Any]:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: (signature, function)

    monkeypatch.setattr(compiled, "njit", njit)
    assert compiled.compiled("f8(f8)")(abs) == ("f8(f8)", abs)
