"""Compressed bodies: every coding, whole, cut, wrongly named, and made to burst."""

import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.sending.answer_body import MOST_LAYERS, unpack

TEXT = b'{"error":"no","details":"customers[17].email"}' * 20
PLENTY = 1_000_000


def bare(body):
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(body) + deflate.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "GZIP": gzip.compress,
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("coding", PACKERS)
@given(body=st.binary(max_size=300))
def test_a_compressed_body_is_unpacked(coding, body):
    """Byte for byte, and known to be all of it."""
    found = unpack(PACKERS[coding](body), coding, PLENTY, complete=True)
    assert (found.body, found.complete, found.known) == (body, True, True)


def test_deflate_may_be_bare():
    """Some servers leave out the two bytes that the RFC wants."""
    assert unpack(bare(TEXT), "deflate", PLENTY, complete=True).body == TEXT


def test_several_codings_are_unpacked_in_order():
    """In the order of the header; more than a few are not an answer."""
    assert unpack(gzip.compress(zlib.compress(TEXT)), "deflate, gzip", PLENTY, complete=True).body == TEXT
    assert not unpack(TEXT, ", ".join(["gzip"] * (MOST_LAYERS + 1)), PLENTY, complete=True).known


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_several_members_are_one_body(coding, pack):
    """As `gzip -c` and `zstd` themselves append them."""
    assert unpack(pack(TEXT) + pack(TEXT), coding, PLENTY, complete=True).body == TEXT + TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_a_decompression_bomb_is_cut_at_the_cap(coding):
    """No more than the cap is unpacked, and that it is not all is known."""
    found = unpack(PACKERS[coding](bytes(50_000_000)), coding, 1000, complete=True)
    assert (found.body, found.complete) == (bytes(1000), False)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("left_out", [1, 5, 20])
def test_a_compressed_body_that_was_cut_is_incomplete(coding, left_out):
    """What can be unpacked of it is its beginning."""
    found = unpack(PACKERS[coding](TEXT)[:-left_out], coding, PLENTY, complete=True)
    assert TEXT.startswith(found.body)
    assert not found.complete


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "gzip, gzip"])
@pytest.mark.parametrize("body", [TEXT, b"<html>", b"", b"null"])
def test_a_body_that_its_header_falsely_calls_compressed_is_taken_as_it_is(coding, body):
    """A proxy that unpacks and leaves the header."""
    found = unpack(body, coding, PLENTY, complete=True)
    assert (found.body, found.complete, found.known) == (body, True, True)


@pytest.mark.parametrize("coding", ["br", "compress", "gzip, br", "aes128gcm", "\xff"])
def test_an_unknown_coding_is_reported(coding):
    """The bytes are returned as they are."""
    assert not unpack(b"\x0b\x02\x80", coding, PLENTY, complete=True).known


@given(st.binary(max_size=100), st.sampled_from([*PACKERS, "br", "gzip,deflate", ",,"]), st.integers(1, 50))
def test_any_bytes_are_unpacked_or_returned_as_they_are(body, coding, most):
    """Whatever the header says; and never more than the cap is unpacked."""
    found = unpack(body, coding, most, complete=True)
    assert len(found.body) <= max(most, len(body))
