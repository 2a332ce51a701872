"""Vectors as they come are read whole, however long they are."""

from __future__ import annotations

import pytest
from qdrant_client import grpc as pb

from gateway.embedded.qdrant.faults import Fault
from gateway.embedded.qdrant.vectors import stored_vectors


def message(numbers):
    return pb.Vectors(vector=pb.Vector(dense=pb.DenseVector(data=numbers)))


@pytest.mark.parametrize("size", [1, 31, 32, 4_095, 4_096, 65_536])
def test_all_numbers_in_their_order(size):
    """Also where the length of what is sent takes another byte."""
    numbers = [index / 4 for index in range(size)]
    assert list(*stored_vectors([message(numbers)], {"": size})) == numbers


@pytest.mark.parametrize("numbers", [[], [1.0], [1.0, float("nan")], [float("inf"), 1.0]])
def test_what_is_no_vector_of_the_collection(numbers):
    """Of another length, or with numbers that are not finite."""
    with pytest.raises(Fault):
        stored_vectors([message([0.5, 0.5]), message(numbers)], {"": 2})
