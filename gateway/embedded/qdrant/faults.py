"""How a call ends badly: the gRPC status it carries, and how the engine's own errors are read."""

from __future__ import annotations

import grpc

_MISSING = ("No point with id", "Service runtime error: Shard is not initialized")
_INTERNAL = ("Service ", "Out of memory", "Inconsistent storage")


class Fault(Exception):  # noqa: N818 - it is a gRPC status on its way out, not a programming error
    """A call that is answered with `status` and `message` instead of a response."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def invalid(message: str) -> Fault:
    """The request is wrong, whatever the state of the data."""
    return Fault(grpc.StatusCode.INVALID_ARGUMENT, message)


def missing(message: str) -> Fault:
    """What the request names does not exist."""
    return Fault(grpc.StatusCode.NOT_FOUND, message)


def unsupported(what: str) -> Fault:
    """A real Qdrant server would do this; the embedded engine does not."""
    return Fault(grpc.StatusCode.UNIMPLEMENTED, f"the embedded Qdrant does not support {what}")


def from_engine(error: Exception) -> Fault | None:
    """The fault an exception of the engine stands for; None when it is a defect of this process.

    The engine raises plain `Exception` with Qdrant's own messages, and `ValueError` or
    `OverflowError` while it reads its arguments.
    """
    message = str(error)
    if isinstance(error, ValueError | OverflowError):
        return invalid(message)
    if type(error) is not Exception:
        return None
    if message.startswith(_MISSING):
        return missing(message)
    if message.startswith(_INTERNAL):
        return Fault(grpc.StatusCode.INTERNAL, message)
    return invalid(message)
