"""Green lists and Gumbel-max draws of isotope/1."""

import struct
from decimal import Decimal, localcontext

import numpy as np

from .aes import AES
from .errors import ProfileError
from .profile import MAX_ID, _share

_WIDEST_SLOTS = 4


class Mark:
    """A profile that is bound to a key. Immutable; safe to share between threads.

    selector is the key of a band. variant chooses one of the keys of a profile with several: pick it by chance
    for each text.
    """

    def __init__(self, profile, key, selector=None, variant=None):
        p = self.profile = profile
        if p.scheme == "tournament":
            raise ProfileError("scheme tournament is not written by this package; use greenlist or gumbelmax")
        if p.payload:
            raise ProfileError("payload is not written by this package")
        if p.selector and (selector is None or selector.id != p.selector):
            raise ProfileError(f"selector does not match the profile, which needs the key {p.selector}")
        if not p.selector and selector is not None:
            raise ProfileError("selector is given, but the profile covers all contexts")
        if p.variants > 1:
            if variant is None or not 0 <= variant < p.variants:
                raise ProfileError(f"the profile has {p.variants} variants; give one from 0 to {p.variants - 1} for each text")
            key = key.derive("variant", str(variant))
        elif variant not in (None, 0):
            raise ProfileError("the profile has one variant")
        self.key_id = key.id

        def aes(name, bits):
            return AES(key.purpose(name, p.width, bits, p.group))

        self._context = aes(b"context", 0)
        self._coin = aes(b"coin", 0)
        if p.scheme == "greenlist":
            self._m, w = _share(p.gamma)
            self._green = aes(b"green", w)
        else:
            self._m = int(p.dual * 256)
            names = [b"gumbel", b"gumbel-dual"][:2 if self._m else 1]
            self._gumbel = [(aes(name, 8), aes(name + b"-low", 64)) for name in names]
        self._band = None
        if p.selector:
            self._band = AES(selector.purpose(b"band", p.width, 0, 0)), AES(selector.purpose(b"context", p.width, 0, 0))

    @property
    def is_draw(self):
        """Whether the mark takes the place of the engine's draw. Else it is a bias."""
        return self.profile.scheme == "gumbelmax"

    def context(self, before):
        """Returns the context of the position after the ids before: width ids, absent ones as MAX_ID."""
        k = self.profile.width
        last = [int(t) for t in before[max(0, len(before) - k):]] if k else []
        return (MAX_ID,) * (k - len(last)) + tuple(t if 0 <= t < MAX_ID else MAX_ID for t in last)

    def _nonce(self, context, wide):
        message = b"".join(t.to_bytes(3, "little") for t in context)
        if len(context) <= _WIDEST_SLOTS:
            return message.rjust(12, b"\xff")
        return wide.cmac(message)[:12]

    def _blocks(self, cipher, nonce, numbers):
        """Returns the blocks of a nonce with counters, of shape (n, 16)."""
        blocks = np.empty((len(numbers), 16), dtype=np.uint8)
        blocks[:, :12] = np.frombuffer(nonce, dtype=np.uint8)
        blocks[:, 12:] = np.asarray(numbers, dtype=">u4").reshape(-1, 1).view(np.uint8)
        return cipher.encrypt(blocks)

    def in_band(self, context):
        """Whether a context belongs to the band of the mark."""
        if self._band is None:
            return True
        band, wide = self._band
        block = band.block(self._nonce(context, wide) + bytes(4))
        return self.profile.band[0] <= int.from_bytes(block[:2], "little") < self.profile.band[1]

    # Green list.

    def green(self, context, ids=None):
        """Returns which ids are green after a context, as booleans. Without ids, those of the whole vocabulary."""
        p, w = self.profile, self.profile.bits
        ids = np.arange(p.vocab, dtype=np.int64) if ids is None else np.asarray(ids, dtype=np.int64)
        at = (ids ^ p.lane) * w
        numbers, where = np.unique(at // 128, return_inverse=True)
        blocks = self._blocks(self._green, self._nonce(context, self._context), numbers)
        bit = at % 128
        lanes = blocks[where.reshape(-1), bit // 8] >> (bit % 8).astype(np.uint8) & (1 << w) - 1
        return lanes < self._m

    def bias(self, row, context):
        """Adds delta to the green entries of a row of float32 logits, in place.

        It leaves alone a context outside the band, and a row whose entropy is not above the profile's gate. With
        "marked": "scored" it adds a constant to the logits of exempt ids, so that they keep their probability at
        temperature 1. It raises TypeError for anything but one row, a numpy array of float32 of one dimension: the
        rows of a batch have contexts of their own.
        """
        if not isinstance(row, np.ndarray) or row.dtype != np.float32 or row.ndim != 1:
            raise TypeError("a row of logits is a numpy array of float32 with one dimension; convert it, and call bias for each row of a batch")
        if self.is_draw:
            raise TypeError("a gumbelmax has no bias; call draw or choose")
        if not self.in_band(context) or not self.has_choice(row):
            return
        n = min(len(row), self.profile.vocab)
        exempt = self.spared()
        exempt = exempt[exempt < n]
        before, kept = row.copy() if len(exempt) else row, row[exempt]
        with np.errstate(over="ignore", invalid="ignore"):
            row[:n] += np.where(self.green(context)[:n], np.float32(self.profile.delta), np.float32(0))
            if len(exempt):
                others = np.ones(len(row), dtype=bool)
                others[exempt] = False
                shift = _log_sum_exp(row[others]) - _log_sum_exp(before[others])
                row[exempt] = kept + np.float32(shift if np.isfinite(shift) else 0)

    def spared(self):
        """Returns the ids that the mark leaves alone: the exempt ones with "marked": "scored", else none."""
        return np.asarray(self.profile.exempt if self.profile.marked == "scored" else (), dtype=np.int64)

    def has_choice(self, row):
        """Whether the profile's gate lets a row be biased: the entropy of its softmax at temperature 1 is above the gate."""
        if not self.profile.gate:
            return True
        x = np.asarray(row, dtype=np.float64)
        x = x[x > -np.inf] - np.max(x)
        w = np.exp(x)
        p = w / w.sum()
        return float(-(p * np.log(np.maximum(p, 5e-324))).sum()) > self.profile.gate

    # Gumbel-max.

    def first_key(self, context, salt=0):
        """Whether a context has the first of two keys in the text of a salt."""
        if not self._m:
            return True
        return self._coin.block(self._nonce(context, self._context) + struct.pack(">I", salt))[0] < self._m

    def uniforms(self, context, ids, which=0):
        """Returns U of each id under a key, as uint64."""
        ids = np.asarray(ids, dtype=np.int64) ^ self.profile.lane
        nonce = self._nonce(context, self._context)
        high, low = self._gumbel[which]
        numbers, where = np.unique(ids // 16, return_inverse=True)
        hi = self._blocks(high, nonce, numbers)[where.reshape(-1), ids % 16].astype(np.uint64)
        numbers, where = np.unique(ids // 2, return_inverse=True)
        lo = np.ascontiguousarray(self._blocks(low, nonce, numbers)).view("<u8")[where.reshape(-1), ids % 2].astype(np.uint64)
        return hi << np.uint64(56) | lo >> np.uint64(8)

    def draw(self, context, ids, weights, salt=0):
        """Draws one of ids, whose weights are doubles in proportion to their probabilities. Returns -1 if none is above 0."""
        if not self.is_draw:
            raise TypeError("a greenlist draws nothing; call bias, and let the engine draw")
        ids, weights = np.asarray(ids, dtype=np.int64), np.asarray(weights, dtype=np.float64)
        keep = weights > 0
        ids, weights = ids[keep], weights[keep]
        if len(ids) == 0:
            return -1
        u = self.uniforms(context, ids, 0 if self.first_key(context, salt) else 1)
        # 2^64 - U as a double is exact to 53 bits, also where U is close to 2^64.
        rest = (~u).astype(np.float64)  # 2^64 - 1 - U
        about = -np.log1p(-rest / 2.0**64) * 2.0**47
        # The exact numerator is within 2 of it. Only ids that can still win are computed to the last digit.
        slack = 2 + about * 1e-12
        least = np.min((about + slack) / weights)
        chance = np.nonzero((about - slack) / weights <= least * (1 + 1e-12))[0]
        best = None
        for i in chance:
            q = (2 * neglog(int(u[i]) + 1, 46) + 1) / weights[i]
            if best is None or (q, ids[i]) < best:
                best = (q, ids[i])
        return int(best[1])

    def choose(self, context, ids, weights, salt=0):
        """Returns the candidates that a keyed draw leaves to the engine, and their weights.

        That is the id of the draw. With "marked": "scored" the exempt candidates keep their weights, and the id of the
        draw among the others has the weight of all others. So an ordinary draw of the engine does the rest.
        """
        ids, weights = np.asarray(ids, dtype=np.int64), np.asarray(weights, dtype=np.float64)
        left = np.isin(ids, self.spared()) & (weights > 0)
        token = self.draw(context, ids[~left], weights[~left], salt)
        if token < 0:
            return ids[left], weights[left]
        if not left.any():
            return np.array([token]), np.array([1.0])
        return np.append(ids[left], token), np.append(weights[left], weights[~left].sum())


def _log_sum_exp(x):
    """Returns ln of the sum of e^x in double precision. Entries that are not numbers count as none."""
    x = np.asarray(x, dtype=np.float64)
    x = x[x > -np.inf]
    if len(x) == 0:
        return -np.inf
    top = x.max()
    return top if np.isinf(top) else top + np.log(np.exp(x - top).sum())


def neglog(n, bits):
    """Returns floor(2^bits * -ln(n / 2^64)) for 1 <= n <= 2^64."""
    if n == 1 << 64:
        return 0
    digits = 50
    while True:
        with localcontext() as c:
            c.prec = digits
            x = -(Decimal(n) / (1 << 64)).ln() * (1 << bits)
            floor = int(x)
            # The logarithm is irrational, so enough digits decide.
            if min(x - floor, floor + 1 - x) > Decimal(10) ** (20 - digits):
                return floor
        digits *= 2
