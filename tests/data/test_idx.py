import gzip
import struct

import numpy as np
import pytest

from jaxneuro.data import read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(values, code=None):
    code = CODES[values.dtype.str[1:]] if code is None else code
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
GOOD = idx(IMAGES)
PACKED = gzip.compress(GOOD)
BROKEN = {
    "values cut": (GOOD[:-3], r"24 bytes of values, but 21 came.*truncated: 3 of them are missing"),
    "values cut, gz": (gzip.compress(GOOD[:-3]), "truncated: 3 of them are missing"),
    "values added": (GOOD + b"ab", "over-long: 2 bytes follow the last value"),
    "header cut": (GOOD[:9], "3 dimensions need 16 bytes of header, but the file has 9"),
    "empty": (b"", "neither an IDX nor a gzip file: it has 0 bytes"),
    "three bytes": (b"\0\0\x08", "neither an IDX nor a gzip file: it has 3 bytes"),
    "web page": (b"<!DOCTYPE html><html>", "starts with b'<!DOCTYPE html><'.*web page"),
    "other type code": (idx(IMAGES, 0x0A), "type code 0x0A, but only 0x08, 0x09, 0x0B"),
    "gzip of a page": (gzip.compress(b"<html>"), "neither an IDX nor a gzip file"),
    "gzip cut": (PACKED[:-12], "cannot be unpacked.*corrupt or truncated"),
    "gzip checksum": (PACKED[:-8] + b"\0" * 8, "cannot be unpacked"),
    "gzip stream": (PACKED[:10] + b"\xff" * 20, "cannot be unpacked"),
    "gzip magic only": (PACKED[:2], "cannot be unpacked"),
}


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 28, 28), ()])
def test_reads_what_was_written(tmp_path, dtype, shape):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    path = tmp_path / "values"
    path.write_bytes(idx(values))
    came = read_idx(path)
    np.testing.assert_array_equal(came, values)
    assert came.dtype == np.dtype(dtype)
    assert came.flags.writeable


@pytest.mark.parametrize("name", ["a", "a.gz"])
@pytest.mark.parametrize("content", [GOOD, PACKED], ids=["plain", "packed"])
def test_compression_is_seen_from_the_content(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    np.testing.assert_array_equal(read_idx(str(tmp_path / name)), IMAGES)


@pytest.mark.parametrize("fault", BROKEN)
def test_says_what_is_wrong_with_a_file(tmp_path, fault):
    content, message = BROKEN[fault]
    path = tmp_path / "broken-file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"broken-file: .*{message}"):
        read_idx(path)


def test_missing_file_and_folder_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing does not exist"):
        read_idx(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        read_idx(tmp_path)
