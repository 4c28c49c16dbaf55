"""Validate one part of exports, and put into an answer what another process needs to go on as if it had done it.

`make_part` is a pure function of its request and of the exports: it can run anywhere, more than once, and gives the
same bytes each time. A Kubernetes job, a batch system or a cluster of workers calls it.
"""

from collections.abc import Mapping, Sequence

from masivo_stream.edges.export.source import Input
from masivo_stream.model.contract import Kind
from masivo_stream.model.parts import PartRequest
from masivo_stream.model.settings import Settings


def make_part(request: bytes) -> bytes:
    """Return the answer to a request (msgpack of `PartRequest`): the content of an answer file.

    Raises:
        InputError: an export cannot be read, is not the one of the request, or changed meanwhile.
    """
    raise NotImplementedError


def ask_for_part(inputs: Mapping[Kind, Sequence[Input]], settings: Settings, part: int, parts: int) -> PartRequest:
    """Return the request for part `part` (from 1) of `parts`.

    Raises:
        InputError: an export cannot be read, or is a pipe.
    """
    raise NotImplementedError


def answer_name(request: PartRequest) -> str:
    """Return the name of the file that holds the answer to a request."""
    raise NotImplementedError
