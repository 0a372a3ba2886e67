"""A second reading of docs/spec.md: Python's standard library, and OpenSSL's AES.

Keys reach openssl on its command line, where other users of the machine can read them:
this is for checking, not for keys in use.
"""
import hashlib, hmac, json, re, struct, subprocess, sys
from decimal import Decimal, getcontext

getcontext().prec = 60
ABSENT = 0xFFFFFF
PUBLIC = b"isotope/1 dedup\0"

# ---- AES, by OpenSSL

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
    """RFC 4493 over messages of one length, not empty: a few calls of openssl for them all."""
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

# ---- contexts, green lists, bands, tags: batches, one entry for each context

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
        """The column of each context, 0 where it is free of the message."""
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

REQUIRED = "isotope scheme gamma delta width vocab tokenizer".split()
DEFAULTS = {"band": [0, 65536], "mask": "none", "prompt_context": True, "dedup": "pair", "group": 0, "lane": 0,
            "payload": 0, "exempt": []}
RULES = {
    "isotope": whole(1, 1), "scheme": text("greenlist"), "gamma": dyadic, "width": whole(0, 16),
    "delta": lambda v: type(v) in (int, float) and 0 < v <= 100 and struct.unpack("<f", struct.pack("<f", v))[0] > 0, "vocab": whole(1, 2**24 - 1),
    "tokenizer": text(r"[!#-\[\]-~]+"), "tokenizer_digest": text("sha256:[0-9a-f]{64}"),
    "band": lambda v: sequence(whole(0, 65536))(v) and len(v) == 2, "selector": text("[0-9a-f]{16}"),
    "mask": text("none|context"), "prompt_context": lambda v: type(v) is bool, "dedup": text("pair|context"),
    "group": whole(0, 2**32 - 1), "lane": whole(0, 127), "payload": whole(0, 20),
    "exempt": sequence(whole(0, ABSENT - 1)),
}

def parse_profile(data):
    """The profile with its defaults, or ValueError."""
    given = json.loads(data.decode(), object_pairs_hook=once, parse_constant=bad)
    p = {**DEFAULTS, **given} if type(given) is dict else bad("not an object")
    for name in REQUIRED:
        name in p or bad(f"{name} is missing")
    for name, value in p.items():
        name in RULES and RULES[name](value) or bad(f"{name} is unknown or has a wrong value")
    p = {name: int(v) if type(v) is float and v == v // 1 else v for name, v in p.items()}
    (p["tokenizer"] == "none") == ("tokenizer_digest" not in p) or bad("tokenizer_digest")
    (p["band"] == [0, 65536]) == ("selector" not in p) or bad("selector")
    p["mask"] == "none" or p["width"] > 0 or bad("mask")
    all(v < p["vocab"] for v in p["exempt"]) or bad("exempt")
    p["lane"] < 128 // dyadic(p["gamma"])[1] or bad("lane")
    p["payload"] == 0 or p["gamma"] == 0.5 or bad("payload")
    return p

def number(v):
    """RFC 8785, 3.2.2.3, for what a profile holds: 0 to 2^32."""
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
    return Mark(leaf, p["width"], *dyadic(p["gamma"]), p["group"], p["lane"])

# ---- detection

def log10_tail(n, s, m, w):
    """log10 P(Binomial(n, m/2^w) >= s): the tail is an integer over 2^(w n)."""
    def start(count, a, b):
        """The sum over j < count of C(n,j) a^j b^(n-j), each term, an integer, from the one before."""
        total, term = 0, b**n
        for j in range(count):
            total, term = total + term, term * (n - j) * a // ((j + 1) * b)
        return total
    def ratio(a):  # a / 2^(w n); the first 256 bits of a are enough
        cut = max(a.bit_length() - 256, 0)
        return Decimal(a >> cut) * Decimal(2) ** (cut - w * n)
    if s * 2**w > n * m:
        return ratio(start(n - s + 1, 2**w - m, m)).log10()
    below = ratio(start(s, m, 2**w - m))
    if below > Decimal("0.1"):
        return (1 - below).log10()
    return 0 - sum(below**i / i for i in range(1, 61)) / Decimal(10).ln()  # log(1 - below) by its series

def units(p, leaf, selector, texts, prompts, free_only=True):
    """The (context, id) pairs to score, and what was skipped."""
    k, vocab, banded = p["width"], p["vocab"], p["band"] != [0, 65536]
    reasons = ("vocab", "short_context", "band") + ("payload",) * (p["payload"] > 0) + ("excluded", "duplicate")
    skipped = dict.fromkeys(reasons, 0)
    left = []  # (text, context, id) of the positions that no reason has taken yet
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
    best, first = {}, set()  # what is scored once -> the tag and the pair that stand for it
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
    green = sum(profile_mark(p, leaf).green(pairs))
    return {"tokens": sum(map(len, texts)), "scored": len(pairs), "green": green, "skipped": skipped,
            "log10_p": float(log10_tail(len(pairs), green, *dyadic(p["gamma"])))}

def decode(p, leaf, selector, texts, prompts):
    """The message, by trying every one."""
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

def generate(p, leaf, selector, prompt, ids):
    """For each generated id: '-' where its position is not marked, else 'g' or 'r' for the id."""
    k, start = p["width"], len(prompt) if p["prompt_context"] else 0
    every = (prompt if p["prompt_context"] else []) + ids
    contexts = [context(every[:i], k) for i in range(len(every))]
    new = [p["mask"] == "none" or c not in contexts[:i] for i, c in enumerate(contexts)]
    if p["band"] != [0, 65536]:
        new = [yes and p["band"][0] <= h < p["band"][1] for yes, h in zip(new, hashes(selector, k, contexts))]
    green = profile_mark(p, leaf).green([(c, max(v, 0) % 2**32) for c, v in zip(contexts, every)])
    return "".join("rg"[g] if yes else "-" for yes, g in zip(new[start:], green[start:]))
