import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

GZIP_MAGIC = b"\x1f\x8b"
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> Shaped[np.ndarray, "..."]:
    """Read an array from an IDX file, the format of MNIST, plain or compressed by gzip.

    The file is two zero bytes, a byte for the type, a byte for the number of dimensions, the
    size of each dimension as a big-endian 32-bit integer, then the values. Whether it is
    compressed is seen from its content, so a `.gz` that a browser has unpacked is read too.

    **Arguments:**

    - `path`: the file.

    **Returns:** the array in the machine's byte order, of the type and shape the file declares.

    **Raises:** `FileNotFoundError` when there is no such file; `ValueError`, which names the file
    and what is wrong, when it is not a whole and sound IDX file.

    Reference: LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "three.idx"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    >>> read_idx(path)
    array([7, 8, 9], dtype=uint8)
    """
    path = Path(path).expanduser()
    content = _content(path)
    dtype, shape, start = _header(path, content)
    wanted, came = math.prod(shape) * dtype.itemsize, len(content) - start
    if came != wanted:
        fault = (
            f"is truncated: {wanted - came} of them are missing"
            if came < wanted
            else f"is over-long: {came - wanted} bytes follow the last value"
        )
        raise ValueError(
            f"{path}: the header declares shape {shape} of {dtype.name}, so {wanted} bytes of "
            f"values, but {came} came; the file {fault}. Download it again."
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _content(path: Path) -> bytes:
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {found}. Pass the path of an IDX file.")
    content = path.read_bytes()
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path}: starts as a gzip file but cannot be unpacked ({error}); it is corrupt or "
            "truncated. Download it again."
        ) from error


def _header(path: Path, content: bytes) -> tuple[np.dtype, tuple[int, ...], int]:
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError(
            f"{path}: is neither an IDX nor a gzip file: it has {len(content)} bytes and starts "
            f"with {content[:16]!r}, where IDX starts with two zero bytes and gzip with "
            f"{GZIP_MAGIC!r}. Pass an original IDX file (a saved web page is a common mistake)."
        )
    code, dimensions = content[2], content[3]
    if code not in DTYPES:
        known = ", ".join(f"0x{known:02X}" for known in DTYPES)
        raise ValueError(
            f"{path}: has the IDX type code 0x{code:02X}, but only {known} exist. "
            "The file is corrupt or not IDX; pass an original one."
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ValueError(
            f"{path}: is truncated within its header: {dimensions} dimensions need {start} bytes "
            f"of header, but the file has {len(content)}. Download it again."
        )
    return np.dtype(DTYPES[code]), struct.unpack_from(f">{dimensions}I", content, 4), start
