"""AES-128 of many blocks at once (FIPS 197), and CMAC (RFC 4493).

The package `cryptography` does the work if it is installed. Without it, numpy does, which takes some
microseconds a block. numpy looks tables up by secret bytes, so its time and its use of the cache depend on the
key. Install `cryptography` where others run code on the same machine.
"""

import numpy as np

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
except ImportError:
    Cipher = None


def _tables():
    """The S-box and the four tables that join it with the mixing of columns, computed from their definition."""
    exp, log, x = [0] * 255, [0] * 256, 1
    for i in range(255):
        exp[i], log[x] = x, i
        x ^= (x << 1) ^ (0x11B if x & 0x80 else 0)  # times 3
        x &= 0xFF
    sbox = np.zeros(256, dtype=np.uint8)
    for v in range(256):
        b = exp[-log[v] % 255] if v else 0
        bits = b
        for shift in range(1, 5):
            bits ^= (b << shift | b >> 8 - shift) & 0xFF
        sbox[v] = bits ^ 0x63
    s = sbox.astype(np.uint32)
    double = (s << 1 ^ np.where(s & 0x80, 0x11B, 0)).astype(np.uint32)
    first = double | s << 8 | s << 16 | (double ^ s) << 24
    return sbox, [first << 8 * i | first >> (32 - 8 * i) if i else first for i in range(4)]


_SBOX, _MIX = _tables()


class AES:
    """AES-128 under one key."""

    def __init__(self, key):
        if len(key) != 16:
            raise ValueError("an AES-128 key has 16 bytes")
        if Cipher is not None:
            self._cipher = Cipher(algorithms.AES(bytes(key)), modes.ECB())
            return
        self._cipher = None
        words, rcon = [key[4 * i:4 * i + 4] for i in range(4)], 1
        for i in range(4, 44):
            word = words[-1]
            if i % 4 == 0:
                word = bytes(int(_SBOX[b]) for b in word[1:] + word[:1])
                word = bytes([word[0] ^ rcon]) + word[1:]
                rcon = rcon << 1 ^ (0x11B if rcon & 0x80 else 0)
            words.append(bytes(a ^ b for a, b in zip(word, words[-4])))
        self._rounds = np.frombuffer(b"".join(words), dtype="<u4").reshape(11, 4)

    def encrypt(self, blocks):
        """Returns the encryption of an array of shape (n, 16) and type uint8, in the same shape."""
        blocks = np.ascontiguousarray(blocks, dtype=np.uint8)
        if self._cipher is not None:
            e = self._cipher.encryptor()
            return np.frombuffer(e.update(blocks.tobytes()) + e.finalize(), dtype=np.uint8).reshape(-1, 16)
        state = blocks.view("<u4") ^ self._rounds[0]
        for r in range(1, 10):
            state = self._columns(state, lambda byte, row: _MIX[row][byte]) ^ self._rounds[r]
        last = self._columns(state, lambda byte, row: _SBOX[byte].astype(np.uint32) << 8 * row) ^ self._rounds[10]
        return np.ascontiguousarray(last.astype("<u4")).view(np.uint8).reshape(-1, 16)

    @staticmethod
    def _columns(state, lookup):
        """One round without its key: row r of column c comes from column c + r."""
        out = np.zeros_like(state)
        for row in range(4):
            byte = np.roll(state, -row, axis=1) >> 8 * row & 0xFF
            out ^= lookup(byte, row)
        return out

    def block(self, block):
        """Returns the encryption of 16 bytes."""
        return self.encrypt(np.frombuffer(block, dtype=np.uint8).reshape(1, 16)).tobytes()

    def cmac(self, message):
        """Returns the CMAC of a message that is not empty."""
        def double(block):
            n = int.from_bytes(block, "big") << 1
            return (n & (1 << 128) - 1 ^ (0x87 if n >> 128 else 0)).to_bytes(16, "big")

        whole = double(self.block(bytes(16)))
        full, rest = divmod(len(message) - 1, 16)
        last = message[16 * full:]
        if rest == 15:
            last = bytes(a ^ b for a, b in zip(last, whole))
        else:
            last = bytes(a ^ b for a, b in zip((last + b"\x80").ljust(16, b"\0"), double(whole)))
        state = bytes(16)
        for block in [message[16 * i:16 * i + 16] for i in range(full)] + [last]:
            state = self.block(bytes(a ^ b for a, b in zip(state, block)))
        return state
