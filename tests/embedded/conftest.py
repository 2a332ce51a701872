"""Fixtures of the embedded engines' tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("embedded.life")


@pytest.fixture
def folder(tmp_path):
    """A data folder that does not exist yet."""
    return tmp_path / "data"
