"""Requests with files, as the GraphQL multipart request specification has them.

A form of `operations` (the JSON that a plain body would hold, with null where a file belongs),
`map` (which file belongs where) and the files. They are received piece by piece, and lie on disk
where they are larger than a megabyte.

https://github.com/jaydenseric/graphql-multipart-request-spec
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Self

import msgspec
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from gateway.errors import Code, RequestError
from gateway.execution.exchange import GraphQLRequest
from gateway.schema.uploads import Upload
from gateway.transport.csrf import require_preflight
from gateway.transport.request import decode_body
from gateway.transport.watch import ClientLeft

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from starlette.types import Receive

    from gateway.transport.limits import HttpLimits

_MAP: msgspec.json.Decoder[dict[str, list[str]]] = msgspec.json.Decoder(dict[str, list[str]])
# It warns of every malformed form, which is our client's affair and refused with a code.
logging.getLogger("python_multipart").setLevel(logging.ERROR)

_PARTS = ("operations", "map")
_SHAPE = "it must be a form of `operations`, `map` and files"


class Form:
    """The requests of one form, and the files that are put into their variables.

    A context manager: at its end the files are gone.
    """

    __slots__ = ("_files", "requests")

    def __init__(
        self, requests: GraphQLRequest | list[GraphQLRequest], files: Sequence[IO[bytes]]
    ) -> None:
        self.requests = requests
        self._files = files

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._files)


class UploadDesk:
    """Receives forms; refuses those beyond what may be received at once."""

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._busy = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one form, from its first byte until it is answered.

        Raises RequestError (SOURCE_OVERLOADED) where all are taken.
        """
        if self._busy >= self._limits.max_uploads:
            raise RequestError(
                "Too many uploads are under way; try again later.", code=Code.SOURCE_OVERLOADED
            )
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> Form:
        """The form of a body that is not refused. Raises `RequestError`, or `ClientLeft`."""
        limits = self._limits
        parser = MultiPartParser(
            Headers(raw=[(b"content-type", headers[b"content-type"])]),
            _stream(receive, limits),
            max_files=limits.max_files,
            max_fields=len(_PARTS),
            max_part_size=limits.max_body_bytes,
        )
        # Also those of parts that never ended, which are in no list of the parser's answer.
        files = parser._files_to_close_on_error  # noqa: SLF001 - it has no other name for them
        try:
            items = (await parser.parse()).multi_items()
            return Form(_requests(items, limits), files)
        except MultiPartException as error:  # before which the parser closed them
            raise RequestError(f"The form is not acceptable: {error.message}") from None
        except BaseException:
            _close(files)
            raise


def require_form(headers: Mapping[bytes, bytes], limits: HttpLimits) -> None:
    """Refuse a form by its headers. Raises `RequestError`."""
    require_preflight(headers)
    if int(headers.get(b"content-length", b"0")) > limits.max_upload_bytes:
        raise _too_large(limits)
    if b"charset" in headers[b"content-type"].lower():  # some of Python's take quadratic time
        raise RequestError(
            "The Content-Type of a form must name no charset; its texts are UTF-8.",
            code=Code.UNSUPPORTED_MEDIA_TYPE,
        )


def is_form(content_type: bytes) -> bool:
    """Whether a Content-Type is `multipart/form-data`."""
    return content_type.partition(b";")[0].strip().lower() == b"multipart/form-data"


async def _stream(receive: Receive, limits: HttpLimits) -> AsyncGenerator[bytes, None]:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limits.max_upload_bytes:
            raise _too_large(limits)
        more = message.get("more_body", False)
        yield chunk


def _requests(
    items: list[tuple[str, str | UploadFile]], limits: HttpLimits
) -> GraphQLRequest | list[GraphQLRequest]:
    """The requests of a form, its files in their places."""
    texts = {name: value for name, value in items if isinstance(value, str)}
    files = {name: value for name, value in items if isinstance(value, UploadFile)}
    if set(texts) != set(_PARTS) or len(texts) + len(files) != len(items):
        raise RequestError(f"The body is not a GraphQL request: {_SHAPE}, each once.")
    requests = decode_body(texts["operations"].encode(), limits, "`operations`")
    places = _places(texts["map"], limits)
    if places.keys() != files.keys():
        raise RequestError("The parts of the form must be the files that `map` names.")
    for name, paths in places.items():
        upload = _upload(files[name])
        for path in paths:
            _put(requests, path, upload)
    return requests


def _places(text: str, limits: HttpLimits) -> dict[str, list[str]]:
    try:
        places = _MAP.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise RequestError("`map` must be a JSON object of lists of paths.") from None
    if sum(map(len, places.values())) > limits.max_files:
        raise RequestError(f"`map` has more than {limits.max_files} places for files.")
    return places


def _upload(file: UploadFile) -> Upload:
    kind = file.content_type or "application/octet-stream"
    return Upload(file.file, file.filename or "", kind, file.size or 0)


def _put(requests: GraphQLRequest | list[GraphQLRequest], path: str, upload: Upload) -> None:
    """Put a file where a path leads to: `variables.file`, or `0.variables.files.1` in a batch."""
    steps = path.split(".")
    request: Any = requests
    if isinstance(requests, list):
        request = _step(requests, steps.pop(0))
    if not steps or steps[0] != "variables" or not isinstance(request, GraphQLRequest):
        raise _nowhere()
    parent: Any = request.variables
    for step in steps[1:-1]:
        parent = _step(parent, step)
    if len(steps) == 1 or _step(parent, steps[-1]) is not None:
        raise _nowhere()
    parent[int(steps[-1]) if isinstance(parent, list) else steps[-1]] = upload


def _step(value: Any, step: str) -> Any:
    """One member of an object, or one element of a list."""
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 6:  # noqa: PLR2004 - longer than any list here
        number = int(step)
        if number < len(value):
            return value[number]
    raise _nowhere()


def _nowhere() -> RequestError:
    return RequestError(
        "A path of `map` must lead to a null in `variables`, such as variables.file."
    )


def _too_large(limits: HttpLimits) -> RequestError:
    return RequestError(
        f"The form is larger than {limits.max_upload_bytes} bytes.", code=Code.PAYLOAD_TOO_LARGE
    )


def _close(files: Sequence[IO[bytes]]) -> None:
    for file in files:
        file.close()
