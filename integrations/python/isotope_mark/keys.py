"""Keys and key files."""

import hashlib
import hmac
import os
import stat
import struct

from .errors import KeyFileError

PREFIX = "isotope-secret-key-1:"
_MAX_FILE = 1 << 16


class Key:
    """A secret of 32 bytes. Printing, formatting or pickling a key does not show it."""

    __slots__ = ("_expand", "id")

    def __init__(self, leaf):
        if len(leaf) != 32:
            raise KeyFileError("a key has 32 bytes")
        leaf = bytes(leaf)
        # A closure keeps the bytes out of vars() and of debuggers that print attributes.
        self._expand = lambda info, length: hmac.new(leaf, info + b"\1", hashlib.sha256).digest()[:length]
        self.id = self._expand(b"isotope/1\0id", 8).hex()

    def derive(self, *labels):
        """Returns the key of a path of labels."""
        path = b"".join(struct.pack("<I", len(s.encode())) + s.encode() for s in labels)
        return Key(self._expand(b"isotope/1\0derive\0" + path, 32))

    def purpose(self, name, width, bits, group):
        """Returns the 16 bytes of an AES key."""
        return self._expand(b"isotope/1\0" + name + b"\0" + bytes([width, bits]) + struct.pack("<I", group), 16)

    def __repr__(self):
        return f"key {self.id}"

    def __reduce__(self):
        raise TypeError("a key is not pickled; read its file in each process")

    def __eq__(self, other):
        return isinstance(other, Key) and hmac.compare_digest(self._expand(b"isotope/1\0equal", 32), other._expand(b"isotope/1\0equal", 32))

    __hash__ = None


def parse_key(text):
    """Returns the key of its text form. White space around the text does not count."""
    digits = text.strip().removeprefix(PREFIX)
    if not text.strip().startswith(PREFIX) or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise KeyFileError(f'not a key: want "{PREFIX}" and 64 lower-case hex digits')
    return Key(bytes.fromhex(digits))


def read_key(path):
    """Reads a file of one key and any number of "#" comment lines.

    It refuses a file that anybody but its owner can read.
    """
    if "isotope-secret-key" in os.fspath(path):
        raise KeyFileError("a key was given where the name of a key file belongs; it may be in the shell's history now")
    with open(path, "rb") as f:
        mode = os.fstat(f.fileno()).st_mode
        if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
            raise KeyFileError(f"key file {path}: mode {stat.S_IMODE(mode):04o} lets others read the key; run: chmod 600 {path}")
        data = f.read(_MAX_FILE + 1)
    if len(data) > _MAX_FILE:
        raise KeyFileError(f"key file {path}: longer than {_MAX_FILE} bytes")
    try:
        lines = [line.strip() for line in data.decode().splitlines()]
    except UnicodeDecodeError:
        raise KeyFileError(f"key file {path}: not text") from None
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) != 1:
        raise KeyFileError(f"key file {path}: {'more than one key' if lines else 'no key in it'}")
    try:
        return parse_key(lines[0])
    except KeyFileError as e:
        raise KeyFileError(f"key file {path}: {e}") from None
