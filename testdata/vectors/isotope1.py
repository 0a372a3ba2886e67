"""Implements docs/spec.md a second time, with Python's standard library and OpenSSL's AES.

openssl gets the keys on its command line, where other users of the machine can read them.
Use this module for checks. Do not give it keys in use.
"""
import hashlib, hmac, json, re, struct, subprocess, sys
from decimal import Decimal, getcontext
from math import factorial, gcd

getcontext().prec = 60
ABSENT = 0xFFFFFF
PUBLIC = b"isotope/1 dedup\0"

# ---- AES of OpenSSL

def openssl(*args, data):
    return subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE, check=True).stdout

def ecb(key, blocks):
    if not blocks:
        return []
    out = openssl("enc", "-aes-128-ecb", "-nopad", "-K", key.hex(), data=b"".join(blocks))
    return [out[i:i + 16] for i in range(0, len(out), 16)]

def keystream(key, nonce, length):
    return openssl("enc", "-aes-128-ctr", "-K", key.hex(), "-iv", nonce.hex() + "00000000", data=bytes(length))

def openssl_cmac(key, message):
    return bytes.fromhex(openssl("mac", "-cipher", "AES-128-CBC", "-macopt", "hexkey:" + key.hex(),
                                 "-in", "-", "CMAC", data=message).decode())

def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))

def cmac(key, messages):
    """Returns the CMAC (RFC 4493) of each message.

    All messages have the same length, above 0. A few calls of openssl serve them all.
    """
    def double(block):
        n = int.from_bytes(block, "big") << 1
        return ((n & (1 << 128) - 1) ^ (0x87 if n >> 128 else 0)).to_bytes(16, "big")
    whole = double(ecb(key, [bytes(16)])[0])
    state = [bytes(16)] * len(messages)
    length = len(messages[0]) if messages else 0
    for at in range(0, length, 16):
        blocks = [m[at:at + 16] for m in messages]
        if at + 16 == length:
            blocks = [xor(b, whole) for b in blocks]
        elif at + 16 > length:
            blocks = [xor((b + b"\x80").ljust(16, b"\0"), double(whole)) for b in blocks]
        state = ecb(key, [xor(s, b) for s, b in zip(state, blocks)])
    return state

# ---- keys

def u32le(n):
    return struct.pack("<I", n)

def expand(leaf, info, length):
    return hmac.new(leaf, info + b"\1", hashlib.sha256).digest()[:length]

def key_id(leaf):
    return expand(leaf, b"isotope/1\0id", 8).hex()

def derive(leaf, labels):
    path = b"".join(u32le(len(s.encode())) + s.encode() for s in labels)
    return expand(leaf, b"isotope/1\0derive\0" + path, 32)

def purpose(leaf, name, k, w, group):
    return expand(leaf, b"isotope/1\0" + name + b"\0" + bytes([k, w]) + u32le(group), 16)

def read_key(path):
    lines = [s.strip() for s in open(path) if s.strip() and not s.startswith("#")]
    found = re.fullmatch("isotope-secret-key-1:([0-9a-f]{64})", lines[0]) if len(lines) == 1 else None
    if not found:
        sys.exit(f"{path}: not a key file")
    return bytes.fromhex(found[1])

# ---- contexts, green lists, bands, tags: functions on lists take one entry per context

def context(before, k):
    last = list(before)[-k:] if k else []
    return (ABSENT,) * (k - len(last)) + tuple(t if 0 <= t < ABSENT else ABSENT for t in last)

def nonces(k_context, contexts):
    messages = [b"".join(t.to_bytes(3, "little") for t in c) for c in contexts]
    if not contexts or len(contexts[0]) <= 4:
        return [m.rjust(12, b"\xff") for m in messages]
    return [tag[:12] for tag in cmac(k_context, messages)]

def tags(pairs):
    starts = nonces(PUBLIC, [c for c, _ in pairs])
    return ecb(PUBLIC, [n + struct.pack(">I", v) for n, (_, v) in zip(starts, pairs)])

def hashes(selector, k, contexts):
    starts = nonces(purpose(selector, b"context", k, 0, 0), contexts)
    blocks = ecb(purpose(selector, b"band", k, 0, 0), [n + bytes(4) for n in starts])
    return [int.from_bytes(b[:2], "little") for b in blocks]

class Mark:
    def __init__(self, leaf, k, m, w, group=0, lane=0):
        self.m, self.w, self.lane = m, w, lane
        self.k_green = purpose(leaf, b"green", k, w, group)
        self.k_context = purpose(leaf, b"context", k, 0, group)
        self.k_payload = purpose(leaf, b"payload", k, 0, group)

    def payload(self, bits, contexts):
        """Returns the column of each context. A context of column 0 carries no message."""
        starts = nonces(self.k_context, contexts)
        blocks = ecb(self.k_payload, [n + bytes(4) for n in starts])
        return [b[0] & 1 and 1 + int.from_bytes(b[8:], "little") % (2**bits - 1) for b in blocks]

    def decide(self, block, v):
        bit = v * self.w % 128
        return int.from_bytes(block, "little") >> bit & (1 << self.w) - 1 < self.m

    def green(self, pairs):
        pairs = [(c, v ^ self.lane) for c, v in pairs]
        starts = nonces(self.k_context, [c for c, _ in pairs])
        blocks = ecb(self.k_green, [n + struct.pack(">I", v * self.w // 128) for n, (_, v) in zip(starts, pairs)])
        return [self.decide(b, v) for b, (_, v) in zip(blocks, pairs)]

    def greenlist(self, nonce, vocab):
        stream = keystream(self.k_green, nonce, (vocab + 128) * self.w // 128 * 16 + 16)
        at = lambda v: v * self.w // 128 * 16
        return [self.decide(stream[at(u):at(u) + 16], u) for u in (v ^ self.lane for v in range(vocab))]

# ---- keyed draws

def neglog(n, f):
    """Returns floor(2^f * -ln(n / 2^64)). 60 digits leave about 20 for the floor."""
    if n == 2**64:
        return 0
    x = -(Decimal(n) / 2**64).ln() * 2**f
    assert abs(x - x.to_integral_value()) > Decimal("1e-30"), "too close to a whole number for this precision"
    return int(x)

class Gumbel:
    def __init__(self, leaf, k, dual=0, group=0, lane=0):
        self.m, self.lane = int(dual * 256), lane
        self.k_context = purpose(leaf, b"context", k, 0, group)
        self.k_coin = purpose(leaf, b"coin", k, 0, group)
        self.keys = [(purpose(leaf, name, k, 8, group), purpose(leaf, name + b"-low", k, 64, group))
                     for name in (b"gumbel", b"gumbel-dual")[:2 if self.m else 1]]

    def uniforms(self, pairs):
        """Returns, for each key, the number U of each pair."""
        starts = nonces(self.k_context, [c for c, _ in pairs])
        ids = [v ^ self.lane for _, v in pairs]
        out = []
        for high, low in self.keys:
            his = ecb(high, [n + struct.pack(">I", v // 16) for n, v in zip(starts, ids)])
            los = ecb(low, [n + struct.pack(">I", v // 2) for n, v in zip(starts, ids)])
            out.append([h[v % 16] * 2**56 + int.from_bytes(l[v % 2 * 8:v % 2 * 8 + 8], "little") // 2**8
                        for h, l, v in zip(his, los, ids)])
        return out

    def parts(self, pairs):
        return [[neglog(2**64 - u, 32) for u in us] for us in self.uniforms(pairs)]

    def score(self, pairs):
        """Returns, for each pair, its score and its unweighted score."""
        parts = self.parts(pairs)
        if not self.m:
            return [(s, s) for s in parts[0]]
        return [((self.m * a + (256 - self.m) * b) // 256, a + b) for a, b in zip(*parts)]

    def key(self, context, salt):
        """Returns 0 or 1, the key that a context uses in a request with this salt."""
        if not self.m:
            return 0
        nonce = nonces(self.k_context, [context])[0]
        return 0 if ecb(self.k_coin, [nonce + struct.pack(">I", salt)])[0][0] < self.m else 1

    def draw(self, context, ids, weights, salt=0):
        """Returns the drawn id, or -1 where no weight is above 0. Weights are floats."""
        us = self.uniforms([(context, v) for v in ids])[self.key(context, salt)]
        rank = [((2 * neglog(u + 1, 46) + 1) / w, v) for u, v, w in zip(us, ids, weights) if w > 0]
        return min(rank)[1] if rank else -1

class Tournament:
    def __init__(self, leaf, k, depth, group=0, lane=0):
        self.depth, self.lane = depth, lane
        self.k_context = purpose(leaf, b"context", k, 0, group)
        self.k_tournament = purpose(leaf, b"tournament", k, 32, group)
        d = gcd(depth - 1, 9)
        self.weights = [(10 * (depth - 1) - 9 * l) // d for l in range(depth)] if depth > 1 else [1]

    def bits(self, pairs):
        """Returns the bits of each pair as a number."""
        starts = nonces(self.k_context, [c for c, _ in pairs])
        ids = [v ^ self.lane for _, v in pairs]
        blocks = ecb(self.k_tournament, [n + struct.pack(">I", v // 4) for n, v in zip(starts, ids)])
        return [int.from_bytes(b[v % 4 * 4:v % 4 * 4 + 4], "little") % 2**self.depth for b, v in zip(blocks, ids)]

    def score(self, pairs):
        return [(sum(w for l, w in enumerate(self.weights) if b >> l & 1), bin(b).count("1")) for b in self.bits(pairs)]

    def settle(self, context, ids, weights, candidates):
        """Returns the weights after all layers, to 60 digits. They sum to 1."""
        p = [Decimal(w) for w in weights]
        p = [w / sum(p) for w in p]
        bits = self.bits([(context, v) for v in ids])
        for l in range(self.depth):
            ones = [b >> l & 1 for b in bits]
            q = sum(w for w, one in zip(p, ones) if one)
            # The winner has a 0 only where all candidates have a 0.
            win, lose = (1 - (1 - q)**candidates, (1 - q)**candidates)
            p = [w / q * win if one else w / (1 - q) * lose for w, one in zip(p, ones)]
        return p

def gamma_tail(n, x):
    """Returns P(Gamma(n, 1) >= x)."""
    term, total = Decimal(1), Decimal(1)
    for j in range(1, n):
        term = term * x / j
        total += term
    return total * (-x).exp() if n else Decimal(int(x <= 0))

def exponential_tail(n, a, b, x):
    """Returns P(a G1 + b G2 >= x) for two independent Gamma(n, 1) variables.

    An exponential variable of the larger mean is the sum of a geometric number of exponential
    variables of the smaller mean. So the sum is a mixture of Gamma laws.
    """
    a, b = max(a, b), min(a, b)
    p = Decimal(b) / Decimal(a)
    y = Decimal(x) / Decimal(b)
    total, weight, mass, k = Decimal(0), p**n, Decimal(0), n
    term = tail = None
    while 1 - mass > Decimal("1e-45"):
        if tail is None:
            tail = gamma_tail(k + n, y)
            term = (-y).exp() * y**(k + n - 1) / factorial(k + n - 1)
        else:
            term = term * y / (k + n - 1)
            tail += term
        total, mass = total + weight * tail, mass + weight
        weight = weight * (1 - p) * k / (k - n + 1)
        k += 1
    return total

def layers_tail(n, weights, s):
    """Returns P(sum >= s), where each weight counts n times, each time by a fair bit.

    It counts the outcomes.
    """
    law = {0: 1}
    for w in weights * n:
        more = dict(law)
        for v, c in law.items():
            more[v + w] = more.get(v + w, 0) + c
        law = more
    return Decimal(sum(c for v, c in law.items() if v >= s)) / Decimal(2)**(n * len(weights))

def parity(column, message):
    return bin(column & message).count("1") % 2

# ---- profiles

def bad(reason):
    raise ValueError(reason)

def once(pairs):
    return dict(pairs) if len(dict(pairs)) == len(pairs) else bad("a repeated field")

def whole(low, high):
    return lambda v: type(v) is int and low <= v <= high

def sequence(check, rising=True):
    return lambda v: type(v) is list and all(map(check, v)) and all(a < b for a, b in zip(v, v[1:]))

def text(pattern):
    return lambda v: type(v) is str and re.fullmatch(pattern, v)

def dyadic(gamma):
    for w in (1, 2, 4, 8):
        if type(gamma) in (int, float) and 0 < gamma < 1 and gamma * 2**w % 1 == 0:
            return int(gamma * 2**w), w

REQUIRED = "isotope scheme width vocab tokenizer".split()
DEFAULTS = {"band": [0, 65536], "prompt_context": True, "dedup": "pair", "group": 0, "lane": 0, "payload": 0, "exempt": []}
OF_SCHEME = {  # required fields, defaults, bits of a token
    "greenlist": ("gamma delta".split(), {"mask": "none"}, lambda p: dyadic(p["gamma"])[1]),
    "gumbelmax": ([], {"mask": "context", "dual": 0, "variants": 1}, lambda p: 8),
    "tournament": (["depth"], {"mask": "context", "candidates": 2, "variants": 1}, lambda p: 32),
}
RULES = {
    "isotope": whole(1, 1), "scheme": lambda v: type(v) is str and v in OF_SCHEME, "gamma": dyadic, "width": whole(0, 16),
    "dual": lambda v: type(v) in (int, float) and 0 <= v < 1 and v * 256 % 1 == 0, "depth": whole(1, 32), "candidates": whole(2, 16),
    "variants": whole(1, 1024),
    "delta": lambda v: type(v) in (int, float) and 0 < v <= 100 and struct.unpack("<f", struct.pack("<f", v))[0] > 0, "vocab": whole(1, 2**24 - 1),
    "tokenizer": text(r"[!#-\[\]-~]+"), "tokenizer_digest": text("sha256:[0-9a-f]{64}"),
    "band": lambda v: sequence(whole(0, 65536))(v) and len(v) == 2, "selector": text("[0-9a-f]{16}"),
    "mask": text("none|context"), "prompt_context": lambda v: type(v) is bool, "dedup": text("pair|context"),
    "group": whole(0, 2**32 - 1), "lane": whole(0, 127), "payload": whole(0, 20),
    "exempt": sequence(whole(0, ABSENT - 1)), "marked": text("all|scored"),
    "gate": lambda v: type(v) in (int, float) and 0 < v <= 16,
}
OPTIONAL = {"gate": "greenlist"}  # fields of one scheme that are absent by default

def parse_profile(data):
    """Returns the profile with its defaults. Raises ValueError if data holds no profile."""
    given = json.loads(data.decode(), object_pairs_hook=once, parse_constant=bad)
    type(given) is dict or bad("the text is not an object")
    RULES["scheme"](given.get("scheme")) or bad("scheme is missing or unknown")
    needs, defaults, bits = OF_SCHEME[given["scheme"]]
    p = {**DEFAULTS, **defaults, **given}
    for name in REQUIRED + needs:
        name in p or bad(f"{name} is missing")
    for other, (names, more, _) in OF_SCHEME.items():
        for name in names + list(more):
            name in needs or name in defaults or name not in p or bad(f"{name} belongs to another scheme")
    for name, value in p.items():
        name in RULES and RULES[name](value) or bad(f"{name} is unknown or has a wrong value")
        OPTIONAL.get(name, p["scheme"]) == p["scheme"] or bad(f"{name} belongs to another scheme")
    if p.get("marked") == "all":
        del p["marked"]  # the default is not written, so that older profiles keep their identity
    p = {name: int(v) if type(v) is float and v == v // 1 else v for name, v in p.items()}
    (p["tokenizer"] == "none") == ("tokenizer_digest" not in p) or bad("a tokenizer and tokenizer_digest go together")
    (p["band"] == [0, 65536]) == ("selector" not in p) or bad("a band and its selector go together")
    p["mask"] == "none" or p["width"] > 0 or bad("mask context needs a width above 0")
    all(v < p["vocab"] for v in p["exempt"]) or bad("exempt holds an id that is not below vocab")
    p["lane"] < 128 // bits(p) or bad("lane is too large for the bits of a token")
    p["payload"] == 0 or p.get("gamma") == 0.5 or bad("payload needs gamma 1/2")
    p["scheme"] == "greenlist" or p["width"] > 0 or bad("a keyed draw needs a width above 0")
    return p

def number(v):
    """Writes a number by section 3.2.2.3 of RFC 8785. Numbers of a profile are 0 to 2^32."""
    digits = repr(v)
    if v and v < 1e-6:
        mantissa, exponent = digits.split("e")
        return f"{mantissa}e{int(exponent)}"
    return format(Decimal(digits), "f").removesuffix(".0")

def canonical(v):
    if type(v) is dict:
        return "{" + ",".join(f'"{name}":{canonical(v[name])}' for name in sorted(v)) + "}"
    if type(v) is list:
        return "[" + ",".join(map(canonical, v)) + "]"
    return json.dumps(v) if type(v) in (str, bool) else number(v)

def profile_id(p):
    return "sha256:" + hashlib.sha256(canonical(p).encode()).hexdigest()

def profile_mark(p, leaf):
    if p["scheme"] == "gumbelmax":
        return Gumbel(leaf, p["width"], p["dual"], p["group"], p["lane"])
    if p["scheme"] == "tournament":
        return Tournament(leaf, p["width"], p["depth"], p["group"], p["lane"])
    return Mark(leaf, p["width"], *dyadic(p["gamma"]), p["group"], p["lane"])

# ---- detection

def log10_tail(n, s, m, w):
    """Returns log10 P(Binomial(n, m/2^w) >= s). The tail is an integer over 2^(w n)."""
    def start(count, a, b):
        """Returns the sum over j < count of C(n,j) a^j b^(n-j). Every term is an integer."""
        total, term = 0, b**n
        for j in range(count):
            total, term = total + term, term * (n - j) * a // ((j + 1) * b)
        return total
    def ratio(a):  # returns a / 2^(w n), from the first 256 bits of a
        cut = max(a.bit_length() - 256, 0)
        return Decimal(a >> cut) * Decimal(2) ** (cut - w * n)
    if s * 2**w > n * m:
        return ratio(start(n - s + 1, 2**w - m, m)).log10()
    below = ratio(start(s, m, 2**w - m))
    if below > Decimal("0.1"):
        return (1 - below).log10()
    return 0 - sum(below**i / i for i in range(1, 61)) / Decimal(10).ln()  # the series of ln(1 - below)

def units(p, leaf, selector, texts, prompts, free_only=True):
    """Returns the (context, id) pairs to score, and the count of each reason to skip."""
    k, vocab, banded = p["width"], p["vocab"], p["band"] != [0, 65536]
    reasons = ("vocab", "short_context", "band") + ("payload",) * (p["payload"] > 0) + ("excluded", "duplicate")
    skipped = dict.fromkeys(reasons, 0)
    left = []  # (text, context, id) of each position that no reason has skipped yet
    for number_, ids in enumerate(texts):
        for i, v in enumerate(ids):
            if any(not 0 <= t < vocab for t in ids[max(i - k, 0):i + 1]):
                skipped["vocab"] += 1
            elif i < k:
                skipped["short_context"] += 1
            else:
                left.append((number_, tuple(ids[i - k:i]), v))
    def keep(reason, wanted):
        kept = [entry for entry, yes in zip(left, wanted) if yes]
        skipped[reason] = len(left) - len(kept)
        return kept
    if banded:
        left = keep("band", [p["band"][0] <= h < p["band"][1] for h in hashes(selector, k, [c for _, c, _ in left])])
    if p["payload"] and free_only:
        left = keep("payload", [column == 0 for column in profile_mark(p, leaf).payload(p["payload"], [c for _, c, _ in left])])
    best, first = {}, set()  # unit, which is scored once -> its tag and its pair
    of = []
    for (number_, c, v), tag in zip(left, tags([(c, v) for _, c, v in left])):
        unit = tag if p["dedup"] == "pair" else c
        of.append(unit)
        if p["dedup"] == "pair":
            best[unit] = (tag, (c, v))
        elif (number_, c) not in first:
            first.add((number_, c))
            best[unit] = min(best.get(unit, (tag, (c, v))), (tag, (c, v)))
    seen = {tuple(q[i:i + k]) for q in prompts for i in range(len(q) - k + 1)}
    best = {unit: b for unit, b in best.items() if b[1][0] not in seen and b[1][1] not in p["exempt"]}
    left = keep("excluded", [unit in best for unit in of])
    skipped["duplicate"] = len(left) - len(best)
    return [pair for _, pair in best.values()], skipped

def detect(p, leaf, selector, texts, prompts):
    pairs, skipped = units(p, leaf, selector, texts, prompts)
    if p["scheme"] != "greenlist":
        return detect_draw(p, leaf, texts, pairs, skipped)
    green = sum(profile_mark(p, leaf).green(pairs))
    return {"tokens": sum(map(len, texts)), "scored": len(pairs), "green": green, "skipped": skipped,
            "log10_p": float(log10_tail(len(pairs), green, *dyadic(p["gamma"])))}

def detect_draw(p, leaf, texts, pairs, skipped):
    """Tests one key. It does not read the number of variants."""
    mark, n = profile_mark(p, leaf), len(pairs)
    scores = mark.score(pairs)
    s, plain = sum(a for a, _ in scores), sum(b for _, b in scores)
    x, y = Decimal(s) / 2**32, Decimal(plain) / 2**32
    if p["scheme"] == "tournament":
        tails = layers_tail(n, mark.weights, s), layers_tail(n, [1] * mark.depth, plain)
    elif p["dual"] == 0:
        tails = gamma_tail(n, x), gamma_tail(n, y)
    else:
        tails = exponential_tail(n, p["dual"], 1 - p["dual"], x), gamma_tail(2 * n, y)
    found = {"tokens": sum(map(len, texts)), "scored": n, "sum": s, "skipped": skipped, "log10_p": float(tails[0].log10()),
             "unweighted": {"sum": plain, "log10_p": float(tails[1].log10())}}
    if p["scheme"] == "gumbelmax" and p["dual"] == 0:
        del found["unweighted"]
    return found

def decode(p, leaf, selector, texts, prompts):
    """Returns the message. It tries every one."""
    pairs, _ = units(p, leaf, selector, texts, prompts, free_only=False)
    mark, bits = profile_mark(p, leaf), p["payload"]
    seen = list(zip(mark.green(pairs), mark.payload(bits, [c for c, _ in pairs])))
    sums = [sum(x ^ parity(column, m) for x, column in seen) for m in range(2**bits)]
    best = max(range(2**bits), key=lambda m: (sums[m], -m))
    second = max((m for m in range(2**bits) if m != best), key=lambda m: (sums[m], -m))
    log10_p = float(log10_tail(len(pairs), sums[best], 1, 1))
    return {"bits": bits, "message": best, "runner_up": second, "margin": sums[best] - sums[second], "scored": len(pairs),
            "sum": sums[best], "log10_p": log10_p, "log10_p_adjusted": min(0.0, log10_p + bits * float(Decimal(2).log10()))}

# ---- generation

def has_choice(gate, logits):
    """Reports whether a gate lets a row be biased: the entropy of softmax(logits) is above it.

    Raises an error for a row that is too close to call.
    """
    row = [Decimal(x) for x in logits if x > float("-inf")]
    weights = [(x - max(row)).exp() for x in row]
    total = sum(weights)
    entropy = -sum(w / total * (w / total).ln() for w in weights)
    assert abs(entropy - Decimal(gate)) > Decimal("0.002"), "too close to the gate"
    return entropy > Decimal(gate)

def positions(p, leaf, selector, every, begins=(0,), pause=None):
    """Returns, for each position of a text and its prompt, the context and whether it is marked.

    A published text begins at each position of begins. From pause on nothing is published, until the
    next begin.
    """
    contexts = [context(every[:i], p["width"]) for i in range(len(every))]
    new = [p["mask"] == "none" or c not in contexts[:i] for i, c in enumerate(contexts)]
    if "marked" in p:
        own = [i - max([b for b in begins if b <= i], default=i) for i in range(len(every))]
        new = [yes and n >= p["width"] and all(v < p["vocab"] for v in c) for yes, n, c in zip(new, own, contexts)]
    if pause is not None:
        new = [yes and not pause <= i < max(begins) for i, yes in enumerate(new)]
    if p["band"] != [0, 65536]:
        new = [yes and p["band"][0] <= h < p["band"][1] for yes, h in zip(new, hashes(selector, p["width"], contexts))]
    return contexts, new

def write_draws(p, leaf, selector, prompt, ids, weights, us, salt=0):
    """Returns a text that gumbelmax draws from the same candidates at each position.

    us are the ordinary random numbers. They decide where a position is not marked, and whether an
    exempt id is drawn where it is.
    """
    def by_sum(candidates, target):
        at = 0.0
        for v, w in candidates:
            at += w
            if at > target:
                return v
    out, before = [], list(prompt) if p["prompt_context"] else []
    begin, pairs = len(before), list(zip(ids, weights))
    left = [(v, w) for v, w in pairs if "marked" in p and v in p["exempt"]]
    rest = [(v, w) for v, w in pairs if (v, w) not in left]
    for u in us:
        contexts, marked = positions(p, leaf, selector, before + [0], [begin])
        target = u * sum(weights)
        if not marked[-1]:
            v = by_sum(pairs, target)
        elif left and target < sum(w for _, w in left):
            v = by_sum(left, target)
        else:
            v = profile_mark(p, leaf).draw(contexts[-1], [v for v, _ in rest], [w for _, w in rest], salt)
        before.append(v)
        out.append(v)
    return out

def generate(p, leaf, selector, prompt, ids, begin=0, pause=None):
    """Returns a letter per generated id: '-' where its position is not marked, else 'g' or 'r'.

    A text begins at ids[0], and another at ids[begin]. Between ids[pause] and that nothing is marked. An id that the mark leaves alone is '-', too,
    and so is one outside the vocabulary.
    """
    start = len(prompt) if p["prompt_context"] else 0
    every = (prompt if p["prompt_context"] else []) + ids
    contexts, new = positions(p, leaf, selector, every, [start, start + begin], None if pause is None else start + pause)
    if "marked" in p:
        new = [yes and v not in p["exempt"] and 0 <= v < p["vocab"] for yes, v in zip(new, every)]
    green = profile_mark(p, leaf).green([(c, max(v, 0) % 2**32) for c, v in zip(contexts, every)])
    return "".join("rg"[g] if yes else "-" for yes, g in zip(new[start:], green[start:]))
