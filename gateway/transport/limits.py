"""What an HTTP request may cost before and while it is answered."""

from __future__ import annotations

from dataclasses import dataclass

_BYTES_PER_BRACKET = 16
_FEW_BRACKETS = 1_000
"""What a document needs for itself, however small a body may be."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one HTTP request. Sizes in bytes, times in seconds.

    `body_seconds`: from the headers to the last byte of the body. `answer_seconds`: the deadline
    of the execution, counted from the whole body; `grace_seconds` later it is cancelled whatever
    it does. `max_batch`: requests in one JSON array, 0 refuses arrays. `max_json_depth`: how deep
    variables may nest. `max_brackets`: opening brackets in a body; each may be an object or a list,
    and those are dearer than their bytes.

    Of forms with files: `max_upload_bytes` of the whole form, 0 refuses them; `max_files` in one,
    counted once for each place; `max_uploads` forms at once; `upload_seconds` from the headers to
    the last byte, and then again for the answer.
    """

    max_body_bytes: int = 1_048_576
    max_query_string_bytes: int = 16_384
    max_json_depth: int = 64
    max_batch: int = 10
    body_seconds: float = 5.0
    answer_seconds: float = 2.0
    grace_seconds: float = 0.5
    max_upload_bytes: int = 0
    max_files: int = 10
    max_uploads: int = 8
    upload_seconds: float = 60.0

    @property
    def max_brackets(self) -> int:
        """One for each sixteen bytes that a body may have."""
        return max(self.max_body_bytes // _BYTES_PER_BRACKET, _FEW_BRACKETS)
