#!/usr/bin/env python3
"""Writes the test vectors of docs/spec.md, and detects marks. isotope1.py implements that page.

    python3 generate.py write [DIR]
    python3 generate.py detect --tokens FILE... --key KEYFILE --profile PROFILE
                               [--selector KEYFILE] [--prompt FILE...]

A token file is one text: ids with anything between them. The script needs OpenSSL 3 and no
network. It writes the same bytes every time.
"""
import argparse, hashlib, json, os, re, struct, sys
sys.dont_write_bytecode = True
import isotope1 as iso

def seed(name):
    return hashlib.sha256(b"isotope vectors " + name.encode()).digest()

A, B, C = bytes(range(32)), seed("leaf B"), seed("leaf C")

def ids(name, n, vocab):
    return [int.from_bytes(seed(f"{name} {i}")[:8], "big") % vocab for i in range(n)]

# ---- keys.json

def keys():
    paths = [[], [""], ["", ""], ["tenant"], ["tenant", "acme"], ["acme", "tenant"], ["ab", "c"], ["a", "bc"], ["abc"],
             ["a\0b"], ["größe", "テナント"], ["e\u0301"], ["\u00e9"], ["x" * 300]]
    return [{"leaf": leaf.hex(), "text": "isotope-secret-key-1:" + leaf.hex(), "id": iso.key_id(leaf),
             "derive": [{"labels": p, "leaf": iso.derive(leaf, p).hex()} for p in (paths if leaf == A else paths[4:6])]}
            for leaf in (A, B, C, b"\xff" * 32)]

# ---- commitments.json

def commitments():
    def case(leaf, labels, epoch, scheme):
        key = iso.derive(leaf, labels)
        salt = iso.expand(key, b"isotope/1\0commitment\0salt", 32)
        fields = (iso.key_id(key).encode(), epoch.encode(), scheme.encode(), key)
        text = b"isotope/1 commitment\0" + salt + b"".join(struct.pack("<I", len(f)) + f for f in fields)
        return {"root": "isotope-secret-key-1:" + leaf.hex(), "id": iso.key_id(leaf), "labels": labels, "key": key.hex(),
                "keyid": iso.key_id(key), "epoch": epoch, "scheme": scheme, "salt": salt.hex(),
                "commitment": "sha256:" + hashlib.sha256(text).hexdigest()}
    schemes = ["sha256:" + hashlib.sha256(name).hexdigest() for name in (b"one", b"two")]
    return [case(A, ["model", "m1", "2026-11"], "2026-11", schemes[0]), case(A, ["model", "m1", "2026-12"], "2026-12", schemes[0]),
            case(A, ["model", "m1", "2026-11"], "2026-11", schemes[1]), case(B, [], "e", schemes[0]), case(C, ["größe"], "a.b_c-1", schemes[1])]

# ---- greenlist.json

def greenlist():
    def case(name, before, leaf=A, k=4, gamma=(1, 1), group=0, lane=0, vocab=1000):
        mark = iso.Mark(leaf, k, *gamma, group, lane)
        context = iso.context(before, k)
        nonce = iso.nonces(mark.k_context, [context])[0]
        if k > 4:  # the CMAC of OpenSSL agrees
            assert nonce == iso.openssl_cmac(mark.k_context, b"".join(t.to_bytes(3, "little") for t in context))[:12]
        green = mark.greenlist(nonce, vocab)
        bits = sum(1 << v for v, yes in enumerate(green) if yes).to_bytes((vocab + 7) // 8, "little")
        stream = iso.keystream(mark.k_green, nonce, 48)
        return {"name": name, "leaf": leaf.hex(), "width": k, "gamma": gamma[0] / 2**gamma[1], "m": gamma[0],
                "w": gamma[1], "group": group, "lane": lane, "before": before, "vocab": vocab,
                "k_green": mark.k_green.hex(), **({"k_context": mark.k_context.hex()} if k > 4 else {}),
                "nonce": nonce.hex(), "keystream": stream.hex(), "green": sum(green),
                "sha256": hashlib.sha256(bits).hexdigest(), "first": "".join("rg"[g] for g in green[:64])}
    four = [1, 2, 3, 128255]
    out = [case("the first example", four, vocab=128256),
           case("gamma 1/4", four, gamma=(1, 2), vocab=128256),
           case("gamma 64/256 written as 1/4 is w=2; 65/256 is w=8", four, gamma=(65, 8), vocab=128256),
           case("width 2 sees the two newest", [9, 9, 3, 128255], k=2, vocab=50257)]
    out += [case(f"gamma {m}/{2**w}", four, gamma=(m, w)) for m, w in ((3, 2), (1, 4), (7, 4), (15, 4), (1, 8), (255, 8))]
    out += [case(f"width {k}", ids("context", 20, 50257), leaf=B, k=k, gamma=(1, 2)) for k in range(17)]
    out += [case("an empty context", []), case("a short context", [7], k=3), case("a long context, empty", [], k=5),
            case("a long context, short", [7, 8], k=16), case("absent because negative", [-1, 5], k=2),
            case("absent because 2^24-1", [ABSENT, 5], k=2), case("absent because larger", [2**24 + 5, 5], k=2),
            case("the largest id there is", [ABSENT - 1, 5], k=2),
            case("past the vocabulary is not absent", [1000, 999], k=2),
            case("absent in a long context", [1, ABSENT, 3, -7, 5, 2**31 - 1], k=6)]
    out += [case(f"group {g}, lane {i}, gamma {m}/{2**w}", four, group=g, lane=i, gamma=(m, w))
            for g, i, m, w in ((1, 0, 1, 1), (2**32 - 1, 0, 1, 1), (7, 1, 1, 1), (7, 127, 1, 1), (7, 63, 1, 2), (7, 31, 3, 4), (7, 15, 65, 8))]
    out += [case("the group is in K_context too", four + [6], k=5, group=7, lane=3)]
    out += [case(f"vocabulary {n}", four, vocab=n, gamma=(3, 2)) for n in (1, 63, 64, 65, 127, 129)]
    return out

ABSENT = iso.ABSENT

def bias():
    """Adds delta to green logits in float32. A float64 sum rounded to float32 is the same."""
    def f32(x):
        return struct.unpack("<f", struct.pack("<f", x))[0]
    def bits(x):
        return struct.pack(">f", x).hex()
    values = ["00000000", "80000000", "00000001", "80000001", "7f800000", "ff800000", "3f800000", "bf800000",
              "4b7fffff", "cb800001", "7f7fffff", "ff7fffff", "3dcccccd", "c0000000", "40490fdb", "33800000"]
    out = []
    cases = [(delta, (1, 1), [values[v // 2 % 16] for v in range(64)]) for delta in (2, 0.1, 1.5, 100, 1e-7)]
    every = [values[v // 8 % 16] for v in range(256)]  # each value in each place of a group of eight
    cases += [(2, gamma, every) for gamma in ((1, 1), (1, 2), (3, 4), (65, 8))]
    for delta, gamma, logits in cases:
        green = iso.Mark(A, 1, *gamma).greenlist(iso.nonces(b"", [(5,)])[0], len(logits))
        after = []
        for h, g in zip(logits, green):
            x = struct.unpack(">f", bytes.fromhex(h))[0]
            y = x + (f32(delta) if g else 0.0)
            try:
                after.append(bits(y))
            except OverflowError:
                after.append(bits(float("inf") if y > 0 else float("-inf")))
        out.append({"leaf": A.hex(), "width": 1, "gamma": gamma[0] / 2**gamma[1], "delta": delta, "before": [5], "vocab": len(logits),
                    "logits": logits, "biased": after})
    return out

# ---- band.json, dedup.json

def band():
    out = []
    for k in (0, 1, 2, 4, 5, 8, 16):
        for before in ([], [1, 2, 3], ids(f"band {k}", 16, 128256)):
            context = iso.context(before, k)
            h = iso.hashes(B, k, [context])[0]
            bands = [[0, 32768], [32768, 49152], [49152, 65536], [0, h], [h, 65536], [h, h + 1], [h + 1, 65536]]
            out.append({"selector": B.hex(), "width": k, "before": before, "h": h,
                        "bands": [{"band": b, "in": b[0] <= h < b[1]} for b in bands if b[0] < b[1]]})
    return out

def dedup():
    cases = [(k, ids(f"dedup {k}", k, 128256), v) for k in (0, 1, 2, 3, 4, 5, 6, 10, 11, 16) for v in (0, 128255)]
    cases += [(4, [1, 2, 3, 128255], 1), (2, [1, 2], 2**24 - 2), (5, [1, 2, 3, 4, 5], 2**24 - 2)]
    for k, c, v in cases:
        if k > 4:
            message = b"".join(t.to_bytes(3, "little") for t in c)
            assert iso.nonces(iso.PUBLIC, [tuple(c)])[0] == iso.openssl_cmac(iso.PUBLIC, message)[:12]
    return [{"width": k, "context": c, "id": v, "tag": iso.tags([(tuple(c), v)])[0].hex()} for k, c, v in cases]

# ---- payload.json

def payload():
    def case(name, before, bits, message, leaf=A, k=2, group=0, lane=0, vocab=300):
        mark = iso.Mark(leaf, k, 1, 1, group, lane)
        context = iso.context(before, k)
        nonce = iso.nonces(mark.k_context, [context])[0]
        column = mark.payload(bits, [context])[0]
        odd = iso.parity(column, message)
        green = [g ^ odd for g in mark.greenlist(nonce, vocab)]
        bitmap = sum(1 << v for v, yes in enumerate(green) if yes).to_bytes((vocab + 7) // 8, "little")
        return {"name": name, "leaf": leaf.hex(), "width": k, "group": group, "lane": lane, "before": before, "vocab": vocab,
                "bits": bits, "message": message, "k_payload": mark.k_payload.hex(), "nonce": nonce.hex(),
                "block": iso.ecb(mark.k_payload, [nonce + bytes(4)])[0].hex(), "column": column, "parity": odd, "green": sum(green),
                "sha256": hashlib.sha256(bitmap).hexdigest(), "first": "".join("rg"[g] for g in green[:64])}
    out = [case(f"{bits} bits, context {i}", ids(f"payload {bits} {i}", 2, 50257), bits, (2**bits - 1) // 3 * 2 % 2**bits)
           for bits in (1, 2, 3, 8, 16, 20) for i in range(6)]
    out += [case(f"message {m} of 4 bits", [11, 12], 4, m) for m in range(16)]
    out += [case(f"width {k}", ids(f"payload width {k}", 16, 50257), 16, 0xBEEF, leaf=B, k=k) for k in range(17)]
    out += [case("no context yet", [], 20, 2**20 - 1), case("a short long context", [7], 20, 2**20 - 1, k=9)]
    out += [case(f"group {g}, lane {i}, width {k}", [1, 2, 3, 4, 5, 6], 12, 0xABC, k=k, group=g, lane=i)
            for g, i, k in ((1, 0, 2), (7, 127, 4), (2**32 - 1, 5, 6))]
    assert {row["parity"] for row in out} == {0, 1} and any(row["column"] == 0 for row in out)
    return out

def decoding():
    def text(name, message, n=120, **fields):
        p = iso.parse_profile(json.dumps(profile(gamma=0.5, **fields)).encode())
        return marked_text(name, p, A, n, candidates=3, message=message)
    def one(name, texts, prompts=(), leaf=A, selector=None, **fields):
        p, c = case(name, texts, prompts, leaf, selector, gamma=0.5, **fields)
        return {**c, "label": iso.detect(p, leaf, selector, texts, prompts), "payload": iso.decode(p, leaf, selector, texts, prompts)}
    few = [v % 5 for v in ids("few", 80, 1000)]
    out = [one(f"{bits} bits, message {m}", [text(f"decode {bits} {m}", m, payload=bits)], payload=bits)
           for bits, m in ((1, 0), (1, 1), (2, 2), (3, 5), (8, 0), (8, 171), (12, 4095))]
    body = text("decode", 53, payload=6, width=1)
    out += [one("nothing", [], payload=3), one("an unmarked text", [ids("plain", 60, 1000)], payload=6),
            one("another key", [body], leaf=C, payload=6, width=1), one("one bit more", [body], payload=7, width=1),
            one("a text without a payload", [text("decode none", 0)], payload=6),
            one("few ids, pairs", [few], payload=4), one("few ids, contexts", [few], payload=4, dedup="context"),
            one("few ids, contexts, several texts", [few[i:i + 16] for i in range(0, 80, 16)], payload=4, dedup="context"),
            one("a prompt, exempt ids, ids outside the vocabulary", [body[:50] + [1000] + body[50:]], [body[:20]], payload=6, width=1,
                exempt=sorted(set(body[::7]))),
            one("two texts, two messages", [text("decode a", 9, payload=5), text("decode b", 22, payload=5)], payload=5)]
    out += [one(f"a lane, width {k}", [text(f"decode lane {k}", 45, width=k, group=9, lane=21, payload=6)], width=k, group=9, lane=21, payload=6)
            for k in (0, 4, 6)]
    out += [one("a band", [text("decode band", 30, payload=5)], selector=B, band=[0, 40000], payload=5)]
    return out

# ---- profile.json

DIGEST = "sha256:" + "0123456789abcdef" * 4
BASE = {"isotope": 1, "scheme": "greenlist", "gamma": 0.25, "delta": 2, "width": 2, "vocab": 1000, "tokenizer": "none"}

def profile(**fields):
    return {name: v for name, v in {**BASE, **fields}.items() if v is not ...}

def profiles():
    def ok(p):
        s = p if type(p) is str else json.dumps(p)
        parsed = iso.parse_profile(s.encode())
        return {"text": s, "canonical": iso.canonical(parsed), "id": iso.profile_id(parsed)}
    every = profile(gamma=0.375, delta=1.5, width=16, vocab=2**24 - 1, tokenizer="meta-llama/Llama-3.1-8B(v2)", tokenizer_digest=DIGEST,
                    band=[16384, 65536], selector=iso.key_id(B), mask="context", prompt_context=False, dedup="context",
                    group=2**32 - 1, lane=31, payload=0, exempt=[0, 5, 900])
    texts = [BASE, every, dict(reversed(every.items())), json.dumps(every, indent=2) + "\n",
             profile(band=[0, 65536], mask="none", prompt_context=True, dedup="pair", group=0, lane=0, payload=0, exempt=[]),
             profile(width=0), profile(band=[0, 1], selector=iso.key_id(A)), profile(tokenizer="!#'[]~", tokenizer_digest=DIGEST),
             profile(gamma=0.5, lane=127), profile(gamma=0.25390625, lane=15), profile(exempt=[999])]
    base = json.dumps(BASE)
    texts += [base.replace('"delta": 2', f'"delta": {d}') for d in
              ("2.50", "2e0", "1.5E+1", "100", "0.1", "0.30000000000000004", "1e-6", "0.000001", "1e-7", "1.25e-9", "33.333333333333336")]
    texts += [base.replace('"gamma": 0.25', f'"gamma": {g}') for g in ("0.250", "25e-2", "0.99609375", "0.00390625")]
    texts += [base.replace('"gamma"', '"\\u0067amma"'), " \n\t" + base + "\r\n"]
    texts += [profile(gamma=0.5, payload=1), profile(gamma=0.5, payload=20, lane=127), profile(payload=0)]
    return [ok(p) for p in texts]

def refused():
    def but(old, new):
        s = json.dumps(profile())
        assert old in s
        return s.replace(old, new, 1)
    def add(more):
        return but("}", ", " + more + "}")
    out = [(json.dumps(profile(**{name: ...})), f"{name} is missing") for name in BASE]
    out += [(but(f'"{name}": ', f'"{name}": null, "was": '), f"{name} is null") for name in BASE]
    out += [("", "nothing"), ("null", "null"), ("[]", "an array"), ("{}", "every required field is missing"),
            (but("}", ""), "it ends early"), (but("}", ",}"), "a comma before the brace"), (json.dumps(BASE) + "{}", "something follows it"),
            (json.dumps(BASE) + "}", "a brace follows it"), (json.dumps(BASE) + "]", "a bracket follows it"), (json.dumps(BASE) + ",", "a comma follows it"),
            (but(', "width"', ' "width"'), "a comma is missing"), (but('"width"', "2"), "a name that is not text"), (but("{", "{,"), "a comma before the first field"),
            ("\ufeff" + json.dumps(BASE), "a byte order mark"), (but("{", "{ // no comments in JSON\n"), "a comment")]
    out += [(add(s), r) for s, r in (
        ('"colour": "green"', "an unknown field"), ('"": 1', "an unknown field, its name empty"),
        ('"width": 2', "a repeated field"), ('"\\u0077idth": 2', "a repeated field, spelt with an escape"),
        ('"Lane": 1', "an unknown field: names are in lower case"), ('"key": "' + iso.key_id(A) + '"', "an unknown field"),
        ('"band": null', "null, in an optional field"), ('"exempt": null', "null, in an optional field"),
        ('"exempt": [null]', "null, in an array"), ('"selector": null', "null, in an optional field"), ('"payload": null', "null"),
        ('"band": [0, 32768]', "a band without its selector"), (f'"selector": "{iso.key_id(B)}"', "a selector without a band"),
        (f'"band": [0, 65536], "selector": "{iso.key_id(B)}"', "a selector with the band that is everything"),
        (f'"tokenizer_digest": "{DIGEST}"', 'a digest with the tokenizer "none"'),
        ('"mask": "pair"', "an unknown mask"), ('"mask": true', "a mask that is not text"), ('"dedup": "none"', "an unknown dedup"),
        ('"prompt_context": 1', "a number for a truth value"), ('"prompt_context": "true"', "text for a truth value"),
        ('"group": -1', "a negative group"), ('"group": 4294967296', "a group of more than 32 bits"), ('"group": 0.5', "half a group"),
        ('"lane": 64', "with gamma 1/4 there are 64 lanes"), ('"lane": -1', "a negative lane"), ('"payload": 1', "a payload needs gamma 1/2"),
        ('"exempt": [3, 2]', "exempt ids that do not ascend"), ('"exempt": [2, 2]', "an exempt id twice"),
        ('"exempt": [1000]', "an id that is not below vocab"), ('"mask": ""', "an empty mask"), ('"dedup": ""', "an empty dedup"),
        ('"selector": ""', "an empty selector"), ('"tokenizer_digest": ""', "an empty digest"),
        ('"exempt": [-1]', "a negative id"), ('"exempt": ["2"]', "an id in quotes"), ('"exempt": 2', "an id that is not in an array"))]
    out += [(add(f'"selector": "{iso.key_id(B)}", "band": {b}'), r) for b, r in (
        ("[0]", "a band of one number"), ("[0, 1, 2]", "a band of three numbers"), ("[5, 5]", "an empty band"), ("[6, 5]", "a band that falls"),
        ("[-1, 5]", "a band below 0"), ("[1, 65537]", "a band past 65536"), ("[0.5, 5]", "half a number"), ("[null, 5]", "null, in an array"),
        ("[null, null]", "null, in an array"), ("[5, null]", "null, in an array"), ('"0,5"', "a band that is text"))]
    out += [(add(f'"band": [0, 5], "selector": "{s}"'), "a selector is 16 lower-case hex digits")
            for s in ("", iso.key_id(B)[:15], iso.key_id(B).upper(), iso.key_id(B)[:15] + "g", iso.key_id(B) + "00")]
    out += [(but('"gamma": 0.25', f'"gamma": {g}'), r) for g, r in (
        ("0", "gamma 0"), ("1", "gamma 1"), ("-0.25", "a negative gamma"), ("0.1", "not dyadic"), ("0.001953125", "1/512 is finer than 8 bits"),
        ("1e400", "too large for a number"), ("[1,4]", "an array"), ("NaN", "not JSON"), (".25", "not JSON"))]
    out += [(but('"delta": 2', f'"delta": {d}'), r) for d, r in (
        ("0", "delta 0"), ("-0.0", "delta 0"), ("-2", "a negative delta"), ("1e-60", "delta 0 as a float32"), ("100.00001", "more than 100"), ("1e400", "too large"), ('"2"', "text"), ("02", "not JSON"))]
    out += [(but('"width": 2', f'"width": {k}'), r) for k, r in (("-1", "negative"), ("17", "more than 16"), ("1.5", "not whole"), ("2.0", "an integer with a fraction"), ("2e0", "an integer with an exponent"), ('"2"', "text"), ('0, "mask": "context"', "mask context needs a width above 0"))]
    out += [(but('"vocab": 1000', f'"vocab": {n}'), r) for n, r in (("0", "nothing"), ("-5", "negative"), ("16777216", "2^24 is one too many"), ("1e99", "too many"))]
    out += [(but('"isotope": 1', f'"isotope": {n}'), "another version") for n in ("0", "2", '"1"', "true")]
    out += [(but('"greenlist"', s), "an unknown scheme") for s in ('"gumbel"', '"Greenlist"', '""', '"green\\u0000list"')]
    out += [(but('"none"', f'{t}, "tokenizer_digest": "{DIGEST}"'), r) for t, r in (
        ('""', "no name"), ('"a\\"b"', "a quote"), ('"a\\\\b"', "a backslash"), ('"a\\nb"', "a control character"), ('"größe"', "not ASCII"), ('"a\\u007f"', "a delete"), ("5", "not text"))]
    out += [(but('"none"', f'"gpt2", "tokenizer_digest": "{d}"'), "a digest is sha256: and 64 lower-case hex digits")
            for d in ("", DIGEST[7:], DIGEST[:-1], DIGEST + "0", DIGEST.replace("a", "A"), DIGEST.replace("sha256", "sha512"), "sha256:" + "g" * 64)]
    out += [(but('"none"', '"gpt2"'), "a tokenizer without its digest")]
    out += [(but('0.25', f'0.5, "payload": {n}'), "a payload is 0 to 20 bits") for n in ("21", "-1", "1.5", "8.0", '"8"', "[8]", "true")]
    out += [(but('0.25', f'{g}, "payload": 8'), "a payload needs gamma 1/2") for g in ("0.25", "0.75", "0.50390625")]
    for s, reason in out:
        try:
            iso.parse_profile(s.encode())
        except ValueError:
            continue
        raise AssertionError(f"not refused: {s} ({reason})")
    return [{"text": s, "reason": reason} for s, reason in out]

# ---- neglog.json, gumbelmax.json, tournament.json

def logarithms():
    numbers = [1, 2, 3, 7, 10, 255, 256, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2**40, 2**64 - 3, 2**64 - 2, 2**64 - 1, 2**64]
    numbers += [2**63 + i * 2**55 + d for i in (0, 1, 2, 127, 128, 254, 255) for d in (-1, 0, 1)]
    numbers += [int.from_bytes(seed(f"logarithm {i}")[:8], "big") >> i % 40 for i in range(80)]
    return [{"n": str(n), "l32": str(iso.neglog(n, 32)), "l46": str(iso.neglog(n, 46))} for n in numbers]

WIDTHS = (1, 2, 3, 4, 5, 9, 16)
LANES = ((0, 0), (1, 0), (7, 1), (7, 3), (2**32 - 1, 2))

def uniforms():
    def case(name, before, ids, leaf=A, k=4, dual=0, group=0, lane=0):
        mark = iso.Gumbel(leaf, k, dual, group, lane)
        pairs = [(iso.context(before, k), v) for v in ids]
        scores = mark.score(pairs)
        return {"name": name, "leaf": leaf.hex(), "width": k, "dual": dual, "group": group, "lane": lane, "before": before, "ids": ids,
                "keys": [[key.hex() for key in pair] for pair in mark.keys],
                "u": [[f"{u:016x}" for u in us] for us in mark.uniforms(pairs)], "parts": mark.parts(pairs),
                "scores": [a for a, _ in scores], "unweighted": [b for _, b in scores]}
    four, few = [1, 2, 3, 128255], [0, 1, 2, 3, 15, 16, 17, 255, 256, 1000, 128255, 2**24 - 2]
    out = [case("the first example", four, list(range(40))), case("an empty context", [], few), case("a short context", [7], few),
           case("absent ids", [1, 2**24 - 1, -3, 5], few)]
    out += [case(f"width {k}", ids(f"uniforms {k}", 16, 50257), few, leaf=B, k=k, dual=d) for k in WIDTHS for d in (0, 0.75)]
    out += [case(f"group {g}, lane {i}, width {k}", four, few, k=k, group=g, lane=i) for g, i in LANES + ((7, 15), (7, 8)) for k in (2, 6)]
    out += [case(f"two keys, {m}/256", four, few, dual=m / 256) for m in (1, 64, 127, 128, 255)]
    out += [case("two keys, a lane", four, few, dual=0.5, group=9, lane=13)]
    return out

def coins():
    out = []
    for k in WIDTHS:
        for m in (1, 64, 128, 250):
            for salt in (0, 1, 256, 2**32 - 1):
                before = ids(f"coin {k} {m} {salt}", 16, 50257)
                key = iso.Gumbel(B, k, m / 256, 3, 1).key(iso.context(before, k), salt)
                out.append({"leaf": B.hex(), "width": k, "dual": m / 256, "group": 3, "lane": 1, "before": before, "salt": salt, "key": key})
    assert {c["key"] for c in out if c["dual"] == 0.5} == {0, 1}
    return out

def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]

def candidates(name, n, vocab=50257):
    """Returns distinct ids in mixed order, and float32 weights. Weights do not sum to 1."""
    chosen = sorted(set(ids(name, n, vocab)), key=lambda v: seed(f"order {v}"))
    return chosen, [f32(0.5 ** (i % 7) * (1 + int.from_bytes(seed(f"{name} p {v}")[:2], "big") / 65536)) for i, v in enumerate(chosen)]

def draws():
    def case(name, before, ids, probs, leaf=A, k=4, dual=0, group=0, lane=0, salt=0):
        v = iso.Gumbel(leaf, k, dual, group, lane).draw(iso.context(before, k), ids, probs, salt)
        return {"name": name, "leaf": leaf.hex(), "width": k, "dual": dual, "group": group, "lane": lane, "salt": salt, "before": before,
                "ids": ids, "probs": probs, "drawn": v}
    out = [case(f"{n} candidates, {i}", ids(f"draw {n} {i}", 4, 50257), *candidates(f"draw {n} {i}", n)) for n in (1, 2, 3, 20) for i in range(8)]
    out += [case(f"width {k}", ids(f"draw width {k}", 16, 50257), *candidates(f"draw width {k}", 12), leaf=B, k=k) for k in WIDTHS]
    out += [case(f"group {g}, lane {i}", [1, 2, 3, 4], *candidates("draw lane", 12), group=g, lane=i) for g, i in LANES]
    out += [case(f"two keys, salt {s}", [1, 2, 3, 4], *candidates("draw dual", 12), dual=0.5, salt=s) for s in range(12)]
    out += [case("one probability is not 0", [1, 2, 3, 4], [5, 6, 7], [0.0, 0.25, 0.0]), case("all are 0", [1, 2, 3, 4], [5, 6], [0.0, 0.0]),
            case("nothing", [1, 2, 3, 4], [], []), case("tiny and large", [1, 2, 3, 4], [5, 6], [f32(1e-45), f32(3e38)])]
    return out

def layers():
    def case(name, before, ids, depth=30, leaf=A, k=4, group=0, lane=0):
        mark = iso.Tournament(leaf, k, depth, group, lane)
        pairs = [(iso.context(before, k), v) for v in ids]
        scores = mark.score(pairs)
        return {"name": name, "leaf": leaf.hex(), "width": k, "depth": depth, "group": group, "lane": lane, "before": before, "ids": ids,
                "k_tournament": mark.k_tournament.hex(), "bits": [f"{b:08x}" for b in mark.bits(pairs)], "weights": mark.weights,
                "scores": [a for a, _ in scores], "unweighted": [b for _, b in scores]}
    four, few = [1, 2, 3, 128255], [0, 1, 2, 3, 4, 5, 127, 128, 1000, 128255, 2**24 - 2]
    out = [case("the first example", four, list(range(20))), case("an empty context", [], few), case("absent ids", [1, 2**24 - 1, -3, 5], few)]
    out += [case(f"depth {m}", four, few, depth=m) for m in range(1, 33)]
    out += [case(f"width {k}", ids(f"layers {k}", 16, 50257), few, leaf=B, k=k) for k in WIDTHS]
    out += [case(f"group {g}, lane {i}, width {k}", four, few, k=k, group=g, lane=i) for g, i in LANES for k in (2, 6)]
    return out

def tournaments():
    out = []
    for n, depth, match in ((1, 30, 2), (2, 1, 2), (2, 30, 2), (5, 4, 2), (5, 4, 3), (20, 30, 2), (20, 10, 4), (20, 3, 16), (40, 32, 2)):
        name = f"{n} tokens, depth {depth}, {match} in a match"
        before, (vs, probs) = ids(name, 4, 50257), candidates(name, n)
        p = iso.Tournament(A, 4, depth, 7, 3).settle(iso.context(before, 4), vs, probs, match)
        assert abs(sum(p) - 1) < 1e-40
        out.append({"name": name, "leaf": A.hex(), "width": 4, "depth": depth, "candidates": match, "group": 7, "lane": 3, "before": before,
                    "ids": vs, "probs": probs, "after": [float(w) for w in p]})
    return out

# ---- profile-draws.json, generate-draws.json, detect-draws.json

GUMBEL = {"isotope": 1, "scheme": "gumbelmax", "width": 4, "vocab": 1000, "tokenizer": "none"}
LAYERS = {"isotope": 1, "scheme": "tournament", "depth": 30, "width": 4, "vocab": 1000, "tokenizer": "none"}

def draw_profiles():
    def ok(p):
        s = p if type(p) is str else json.dumps(p)
        parsed = iso.parse_profile(s.encode())
        return {"text": s, "canonical": iso.canonical(parsed), "id": iso.profile_id(parsed)}
    more = {"tokenizer": "gpt2", "tokenizer_digest": DIGEST, "band": [0, 9], "selector": iso.key_id(B), "mask": "none", "prompt_context": False,
            "dedup": "context", "group": 7, "payload": 0, "exempt": [3, 4], "variants": 1024}
    texts = [GUMBEL, LAYERS, {**GUMBEL, **more, "lane": 15, "dual": 0.99609375, "width": 16}, {**LAYERS, **more, "lane": 3, "depth": 32, "candidates": 16, "width": 1},
             {**GUMBEL, "mask": "context", "dual": 0, "variants": 1}, {**LAYERS, "mask": "context", "candidates": 2, "variants": 1},
             {**LAYERS, "depth": 1}, json.dumps({**GUMBEL, "dual": 0}).replace('"dual": 0', '"dual": -0.0'),
             json.dumps({**GUMBEL, "dual": 0}).replace('"dual": 0', '"dual": 5.0e-1'), {**GUMBEL, "variants": 16}]
    return [ok(p) for p in texts]

def draw_refused():
    out = [({**GUMBEL, name: v}, f"{name} does not apply") for name, v in (("gamma", 0.5), ("delta", 2), ("depth", 30), ("candidates", 2))]
    out += [({**LAYERS, name: v}, f"{name} does not apply") for name, v in (("gamma", 0.5), ("delta", 2), ("dual", 0), ("dual", 0.5))]
    out += [({**profile(), name: v}, f"{name} does not apply") for name, v in (("dual", 0), ("depth", 30), ("candidates", 2), ("variants", 1))]
    out += [({**GUMBEL, name: v}, r) for name, v, r in (
        ("width", 0, "a keyed draw needs a context"), ("width", 17, "too wide"), ("dual", 1, "one key is 0"), ("dual", -0.25, "negative"), ("dual", 0.1, "not m/256"),
        ("dual", None, "null"), ("dual", "0.5", "text"), ("lane", 16, "there are 16 lanes"), ("payload", 1, "a payload needs a green list"), ("variants", 0, "no key"),
        ("variants", 1025, "too many"), ("variants", 1.5, "not whole"), ("variants", None, "null"), ("mask", "pair", "an unknown mask"))]
    out += [({**LAYERS, name: v}, r) for name, v, r in (
        ("width", 0, "a keyed draw needs a context"), ("depth", 0, "no layers"), ("depth", 33, "too deep"), ("depth", 2.5, "not whole"), ("depth", None, "null"), ("lane", 4, "there are 4 lanes"),
        ("candidates", 1, "no match"), ("candidates", 0, "no match"), ("candidates", 17, "too many"), ("candidates", None, "null"), ("payload", 8, "a payload needs a green list"))]
    out += [({name: v for name, v in LAYERS.items() if name != "depth"}, "depth is missing"), ({**LAYERS, "mask": "none", "width": 0}, "a keyed draw needs a context"),
            ({**GUMBEL, "scheme": "gumbel"}, "an unknown scheme"), ({**GUMBEL, "scheme": "GumbelMax"}, "an unknown scheme")]
    texts = [(json.dumps(p), r) for p, r in out]
    for s, reason in texts:
        try:
            iso.parse_profile(s.encode())
        except ValueError:
            continue
        raise AssertionError(f"not refused: {s} ({reason})")
    return [{"text": s, "reason": reason} for s, reason in texts]

def draw_profile(base, selector=None, **fields):
    return iso.parse_profile(json.dumps({**base, **fields, **({"selector": iso.key_id(selector)} if selector else {})}).encode())

def draw_generation():
    def one(name, prompt=(), n=40, leaf=A, selector=None, salt=0, options=5, **fields):
        p = draw_profile(GUMBEL, selector, **fields)
        vs, probs = candidates(name, options, 1000)
        us = [int.from_bytes(seed(f"{name} u {i}")[:4], "big") / 2**32 for i in range(n)]
        text = iso.write_draws(p, leaf, selector, list(prompt), vs, probs, us, salt)
        return {"name": name, "leaf": leaf.hex(), **({"selector": selector.hex()} if selector else {}), "profile": iso.canonical(p), "salt": salt,
                "prompt": list(prompt), "ids": vs, "probs": probs, "u": us, "text": text}
    return [one("one key, width 4"), one("one key, width 1", width=1), one("width 1, no mask", width=1, mask="none"), one("a prompt", [1, 2, 1, 3], width=1),
            one("a prompt that is no context", [1, 2, 1, 3], width=1, prompt_context=False), one("two keys", width=2, dual=0.25, salt=77),
            one("a band", width=2, selector=B, band=[0, 30000]), one("a lane", width=2, group=4, lane=9), one("width 6", width=6, options=2)]

def draw_detection():
    def one(name, base, texts, prompts=(), leaf=A, selector=None, **fields):
        p = draw_profile(base, selector, **fields)
        return {"name": name, "leaf": leaf.hex(), **({"selector": selector.hex()} if selector else {}), "profile": iso.canonical(p),
                "prompts": list(prompts), "texts": texts, **iso.detect(p, leaf, selector, texts, prompts)}
    def text(name, n=40, salt=0, selector=None, **fields):
        vs, probs = candidates(name, 30, 1000)
        return iso.write_draws(draw_profile(GUMBEL, selector, **fields), A, selector, [], vs, probs,
                               [int.from_bytes(seed(f"{name} u {i}")[:4], "big") / 2**32 for i in range(n)], salt)
    def best(name, p, n):
        """Returns a text whose ids score most among a few candidates.

        No tournament would write this text, but its score is far from chance.
        """
        mark, out = iso.profile_mark(p, A), []
        for i in range(n):
            c = iso.context(out, p["width"])
            tries = ids(f"{name} {i}", 4, 1000)
            out.append(max(zip(mark.score([(c, v) for v in tries]), tries))[1])
        return out
    plain = ids("plain", 40, 1000)
    drawn, narrow = text("draws"), text("narrow", width=1)
    out = [one("nothing", GUMBEL, []), one("one position", GUMBEL, [plain[:5]]), one("an unmarked text", GUMBEL, [plain]), one("a marked text", GUMBEL, [drawn]),
           one("another key", GUMBEL, [drawn], leaf=C), one("width 1, twice", GUMBEL, [narrow, narrow], width=1),
           one("width 1, contexts", GUMBEL, [narrow], width=1, dedup="context"), one("a prompt, exempt ids, ids outside the vocabulary", GUMBEL, [drawn[:20] + [1000] + drawn[20:]], [drawn[:10]], exempt=sorted(set(drawn[::7]))),
           one("a band", GUMBEL, [text("banded", width=2, selector=B, band=[0, 30000])], width=2, selector=B, band=[0, 30000]),
           one("a lane", GUMBEL, [text("laned", group=4, lane=9)], group=4, lane=9)]
    out += [one(f"two keys, {d}", GUMBEL, [text(f"dual {d}", dual=d, salt=5)], dual=d) for d in (0.5, 0.75, 0.25)]
    out += [one("two keys, an unmarked text", GUMBEL, [plain], dual=0.5)]
    out += [one(f"depth {m}, an unmarked text", LAYERS, [plain[:n]], depth=m) for m, n in ((1, 40), (2, 40), (10, 20), (30, 8))]
    out += [one(f"depth {m}, a marked text", LAYERS, [best(f"best {m}", draw_profile(LAYERS, depth=m), n)], depth=m) for m, n in ((1, 40), (4, 40), (10, 20), (30, 8))]
    return out

# ---- generate.json, detect.json

def marked_text(name, p, leaf, n, prompt=(), candidates=6, message=0):
    """Returns n ids, most of them green under a message. Each is the first green of candidates."""
    mark, out = iso.profile_mark(p, leaf), list(prompt)
    for i in range(n):
        context = iso.context(out, p["width"])
        tries = ids(f"{name} {i}", candidates, p["vocab"])
        green = mark.green([(context, v) for v in tries])
        if message:
            odd = iso.parity(mark.payload(p["payload"], [context])[0], message)
            green = [g ^ odd for g in green]
        out.append(tries[green.index(True)] if True in green else tries[0])
    return out[len(prompt):]

def case(name, texts, prompts=(), leaf=A, selector=None, **fields):
    p = iso.parse_profile(json.dumps(profile(**fields, **({"selector": iso.key_id(selector)} if selector else {}))).encode())
    return p, {"name": name, "leaf": leaf.hex(), **({"selector": selector.hex()} if selector else {}),
               "profile": iso.canonical(p), "prompts": list(prompts), "texts": texts}

def detection():
    def one(*args, **fields):
        p, c = case(*args, **fields)
        selector = bytes.fromhex(c["selector"]) if "selector" in c else None
        return {**c, **iso.detect(p, bytes.fromhex(c["leaf"]), selector, c["texts"], c["prompts"])}
    def text(name, n=60, prompt=(), leaf=A, **fields):
        return marked_text(name, iso.parse_profile(json.dumps(profile(**fields)).encode()), leaf, n, prompt)
    plain, marked = ids("plain", 60, 1000), text("marked")
    gap = marked[:20] + [1000] + marked[20:30] + [-1, 5000] + marked[30:]
    few = [v % 5 for v in ids("few", 80, 1000)]
    prompt = ids("prompt", 10, 1000)
    out = [one("nothing", []), one("an empty text", [[]]), one("too short", [[5, 6]]), one("one position", [[5, 6, 7]]),
           one("an unmarked text", [plain]), one("a marked text", [marked]), one("another key", [marked], leaf=C),
           one("ids outside the vocabulary", [gap]), one("an id past the largest", [[1, 2, 3, 2**24, 4, 5, 6, 2**31 - 1, 7]]),
           one("duplicates within a text", [marked + marked]), one("duplicates between texts", [marked, plain, marked[10:50]]),
           one("few ids, pairs", [few]), one("few ids, contexts, one text", [few], dedup="context"),
           one("few ids, contexts, several texts", [few[i:i + 16] for i in range(0, 80, 16)], dedup="context"),
           one("a first occurrence before an id outside the vocabulary, contexts", [[1, 2, 1000, 1, 2, 4, 1, 2, 5]], dedup="context"),
           one("an exempt id stands for its context", [[1, 2, 3, 1, 2, 4, 1, 2, 5]], dedup="context", exempt=[3]),
           one("an exempt id does not stand for its context", [[1, 2, 3, 1, 2, 4, 1, 2, 5]], dedup="context", exempt=[4]),
           one("exempt ids", [few], exempt=[1, 4]), one("the mask is the generator's", [few], mask="context"),
           one("a prompt", [few], [few[:5]]), one("two prompts, two texts", [few, plain], [few[:3], plain[30:33]]),
           one("the last context of a prompt", [[7, 8, 9]], [[6, 7, 8]]), one("a prompt shorter than a context", [marked], [[marked[0]]]),
           one("prompt and exempt", [marked], [marked[:20]], exempt=sorted(set(marked[::3])))]
    out += [one(f"width {k}", [text(f"width {k}", width=k, leaf=B), plain], leaf=B, width=k) for k in (0, 1, 4, 5, 16)]
    out += [one("width 0, a prompt", [plain], [prompt], width=0), one("width 0, contexts", [plain, few], width=0, dedup="context"),
            one("width 5, few ids, contexts", [[v % 2 for v in few], [v % 2 for v in plain]], width=5, dedup="context"),
            one("width 5, few ids, pairs", [[v % 2 for v in few], [v % 2 for v in plain]], width=5)]
    out += [one(f"gamma {g}", [text(f"gamma {g}", gamma=g)], gamma=g) for g in (0.5, 0.375, 0.25390625, 0.99609375, 0.00390625)]
    out += [one(f"a lane, width {k}", [text("lane", width=k, group=9, lane=21)], width=k, group=9, lane=21) for k in (2, 6)]
    out += [one("the lane beside it", [text("lane", group=9, lane=21)], group=9, lane=20)]
    for k in (1, 6):
        fields = dict(width=k, group=3, lane=1)
        body = text(f"band {k}", **fields, n=120)
        out += [one(f"band {b}, width {k}", [body], [body[:12]], selector=B, band=b, **fields)
                for b in ([0, 32768], [32768, 49152], [49152, 65536])]
    thrice = [[c, c + 1, v] for c in range(0, 40, 2) for v in ids(f"thrice {c}", 3, 1000)]
    out += [one("ids outside the vocabulary where the context is short too", [[5000, 1, 2, 3], [1, -1, 2, 3, 4], [1000]]),
            one("the smallest dedup tag decides between texts", thrice, dedup="context", gamma=0.5),
            one("the smallest dedup tag decides between texts, width 5", [[7, 7, 7] + t for t in thrice], dedup="context", gamma=0.5, width=5)]
    return out

def generation():
    def one(*args, ids, prompt=(), **fields):
        p, c = case(*args, [], **fields)
        leaf, selector = bytes.fromhex(c["leaf"]), bytes.fromhex(c.get("selector", ""))
        return {"name": c["name"], "leaf": c["leaf"], **({"selector": c["selector"]} if selector else {}), "profile": c["profile"],
                "prompt": list(prompt), "ids": ids, "marked": iso.generate(p, leaf, selector, list(prompt), ids)}
    few = [v % 4 for v in ids("generation", 40, 1000)]
    out = [one(f"mask {m}, prompt_context {c}, width {k}", ids=few, prompt=[0, 1, 2, 3, 0, 1], mask=m, prompt_context=c, width=k)
           for m, c, k in (("none", True, 2), ("none", False, 2), ("context", True, 2), ("context", False, 2), ("context", True, 5),
                           ("context", False, 5))]
    out += [one("no prompt", ids=few, mask="context"), one("width 0", ids=few[:8], prompt=[5, 6], width=0),
            one("the prompt's last context is the text's own", ids=[5, 6, 5, 6], prompt=[5, 6], mask="context"),
            one("one absent id is like another", ids=[8, 9], prompt=[4, 2**24, 5, 4, -1], mask="context"),
            one("a band, without a mask", ids=few, prompt=[9, 9], selector=B, band=[0, 32768], mask="none", width=2),
            one("a band and a mask", ids=few, prompt=[9, 9], selector=B, band=[0, 32768], mask="context", width=1),
            one("a band, a mask and a long context", ids=few, prompt=[0, 1], selector=B, band=[32768, 65536], mask="context", width=5)]
    return out

# ---- profile-scored.json, generate-scored.json

SCORED = {"marked": "scored"}

def scored_profiles():
    def ok(p):
        s = json.dumps(p)
        parsed = iso.parse_profile(s.encode())
        return {"text": s, "canonical": iso.canonical(parsed), "id": iso.profile_id(parsed)}
    rows = [profile(**SCORED), profile(marked="all"), profile(**SCORED, exempt=[1, 999]), {**GUMBEL, **SCORED}, {**LAYERS, **SCORED, "exempt": [5]},
            {**GUMBEL, "marked": "all", "dedup": "context"}, profile(**SCORED, width=0), profile(gate=0.9), profile(gate=16), profile(gate=1e-7),
            profile(**SCORED, gate=0.25, mask="context", exempt=[0])]
    return [ok(p) for p in rows]

def scored_refused():
    out = [(profile(marked=v), r) for v, r in (("none", "an unknown value"), ("", "an empty value"), (None, "null"), (True, "not text"), ("Scored", "names are in lower case"))]
    out += [(profile(gate=v), r) for v, r in ((0, "gate 0"), (-1, "a negative gate"), (16.5, "more than 16"), ("1", "text"), (None, "null"), ([1], "an array"))]
    out += [({**p, "gate": 1}, "gate does not apply") for p in (GUMBEL, LAYERS)]
    out += [(profile(**SCORED, exempt=[1000]), "an id that is not below vocab"), (profile(**SCORED, exempt=[5, 4]), "exempt ids that do not ascend")]
    texts = [(json.dumps(p), r) for p, r in out]
    for s, reason in texts:
        try:
            iso.parse_profile(s.encode())
        except ValueError:
            continue
        raise AssertionError(f"not refused: {s} ({reason})")
    return [{"text": s, "reason": reason} for s, reason in texts]

def scored_generation():
    def one(*args, ids, prompt=(), begin=0, pause=None, **fields):
        p, c = case(*args, [], **{**SCORED, **fields})
        leaf, selector = bytes.fromhex(c["leaf"]), bytes.fromhex(c.get("selector", ""))
        return {"name": c["name"], "leaf": c["leaf"], **({"selector": c["selector"]} if selector else {}), "profile": c["profile"],
                "prompt": list(prompt), "ids": ids, "begin": begin, **({} if pause is None else {"pause": pause}),
                "marked": iso.generate(p, leaf, selector, list(prompt), ids, begin, pause)}
    few = [v % 4 for v in ids("generation", 40, 1000)]
    prompt = [0, 1, 2, 3, 0, 1]
    out = [one(f"mask {m}, prompt_context {c}, width {k}, begin {b}", ids=few, prompt=prompt, begin=b, mask=m, prompt_context=c, width=k)
           for m, c, k, b in (("none", True, 2, 0), ("none", False, 2, 0), ("context", True, 2, 0), ("context", False, 2, 7), ("none", True, 2, 7),
                              ("context", True, 5, 3), ("none", True, 16, 0), ("none", True, 2, 39))]
    out += [one("no prompt", ids=few), one("width 0", ids=few[:8], prompt=[5, 6], width=0), one("exempt ids", ids=few, prompt=prompt, exempt=[1, 3]),
            one("ids outside the vocabulary", ids=few[:6] + [1000, 2**24] + few[6:12] + [-1] + few[12:20]),
            one("a band", ids=few, prompt=[9, 9], selector=B, band=[0, 32768], width=2, begin=4),
            one("a band and a mask", ids=few, prompt=[9, 9], selector=B, band=[0, 32768], mask="context", width=1),
            one("a pause", ids=few, prompt=prompt, pause=10, begin=20), one("a pause, marks everywhere", ids=few, prompt=prompt, pause=0, begin=20, marked="all")]
    assert any("g" in row["marked"] and "r" in row["marked"] for row in out)
    return out

def scored_draws():
    def one(name, prompt=(), n=40, leaf=A, selector=None, salt=0, options=5, **fields):
        vs, probs = candidates(name, options, 1000)
        p = draw_profile(GUMBEL, selector, **SCORED, **{**fields, "exempt": sorted(vs[i] for i in fields.get("exempt", ()))})
        us = [int.from_bytes(seed(f"{name} u {i}")[:4], "big") / 2**32 for i in range(n)]
        return {"name": name, "leaf": leaf.hex(), **({"selector": selector.hex()} if selector else {}), "profile": iso.canonical(p), "salt": salt,
                "prompt": list(prompt), "ids": vs, "probs": probs, "u": us, "text": iso.write_draws(p, leaf, selector, list(prompt), vs, probs, us, salt)}
    return [one("scored, width 4"), one("scored, width 1", width=1, mask="none"), one("scored, a prompt", [1, 2, 1, 3], width=1, mask="none"),
            one("scored, an exempt id", width=2, mask="none", exempt=[1]), one("scored, two exempt ids", [4, 4], width=2, mask="none", exempt=[0, 3]),
            one("scored, two keys", width=2, dual=0.25, salt=77, mask="none", exempt=[2]), one("scored, a band", width=2, selector=B, band=[0, 30000])]

def scored_gates():
    def row(name, n, spread):
        words = [int.from_bytes(seed(f"{name} {i}")[:4], "big") / 2**32 for i in range(n)]
        return [struct.unpack("<f", struct.pack("<f", spread * w))[0] for w in words]
    out = []
    for name, n, spread in (("flat", 40, 0), ("wide", 200, 12), ("narrow", 200, 40), ("two", 2, 1), ("one", 1, 0)):
        logits = row(name, n, spread)
        out += [{"name": f"{name}, gate {g}", "gate": g, "logits": logits, "biased": iso.has_choice(g, logits)} for g in (0.05, 0.5, 1, 2, 3, 4.5)]
    assert {r["biased"] for r in out} == {True, False}
    return out

# ---- the command line

FILES = {
    "keys.json": ("Keys: from a leaf its id, its text form, and the leaves derived from it by a path of labels. Lengths are of UTF-8 bytes, and nothing is normalized.", {"keys": keys}),
    "commitments.json": ("Commitments: from a root, labels, an epoch and the identity of a profile the key, its salt and its commitment.", {"cases": commitments}),
    "greenlist.json": ("Green lists: from a leaf and the ids before a position (newest last; more than width may be given; an id outside [0,2^24-1) is absent) the key K_green, the nonce, three blocks of keystream, the number green of vocab, the SHA-256 of the green bitmap (bit v mod 8 of byte v div 8), and the first decisions. bias: float32 bits of logits before and after.", {"greenlist": greenlist, "bias": bias}),
    "band.json": ("Bands: from a selector's leaf and the ids before a position the number h, and for some bands whether the context is in them.", {"contexts": band}),
    "dedup.json": ("Dedup tags: of a context and an id, under no secret.", {"tags": dedup}),
    "payload.json": ("Payloads, gamma 1/2: from a leaf, the ids before a position, the number of bits and the message the key K_payload, its block, the column (0: the context is free), the parity, the number green of vocab, the SHA-256 of the green bitmap and the first decisions. decodings: what a detector counts for the label, and the message it reads.", {"payloads": payload, "decodings": decoding}),
    "profile.json": ("Profiles: a text, its canonical form (RFC 8785, defaults written out) and its identity; and texts that are not profiles, with the reason.", {"profiles": profiles, "refused": refused}),
    "neglog.json": ("The logarithm of keyed draws: floor(2^f * -ln(n / 2^64)) for f of 32 and 46, numbers as text.", {"logarithms": logarithms}),
    "gumbelmax.json": ("Gumbel-max: from a leaf, the ids before a position and ids of tokens the keys (high, low) and, for each key, the numbers U in hexadecimal and their scores; and the score of the mark, with and without weights. coins: which of two keys a context has under a salt. draws: the id drawn among candidates, -1 for none; probs are float32.", {"uniforms": uniforms, "coins": coins, "draws": draws}),
    "tournament.json": ("Tournaments: from a leaf, the ids before a position and ids of tokens their bits in hexadecimal, the weights of layers, and the scores, with and without weights. settled: probabilities (float32) before and after all layers, for matches of so many candidates; those after are to be met within rounding.", {"layers": layers, "settled": tournaments}),
    "profile-draws.json": ("Profiles of keyed draws, as in profile.json.", {"profiles": draw_profiles, "refused": draw_refused}),
    "generate-draws.json": ("Texts drawn by a gumbelmax among the same candidates at each position, with the ordinary random numbers u, which decide by the running sum where nothing is keyed.", {"generations": draw_generation}),
    "detect-draws.json": ("What a detector counts of keyed draws: as in detect.json, with the sum of scores and log10 of the exact tail of its continuous or lattice law, and, where there are weights, those of the unweighted scores.", {"detections": draw_detection}),
    "generate.json": ("What a generator marks: for each generated id, '-' where its position is left unmarked (its context is outside the band, or came before with mask context), else whether the id is green, 'g' or 'r'.", {"generations": generation}),
    "profile-scored.json": ("Profiles with the optional fields marked and gate, as in profile.json.", {"profiles": scored_profiles, "refused": scored_refused}),
    "generate-scored.json": ("What a generator marks with \"marked\":\"scored\". generations: as in generate.json; a text begins at ids[0] and at ids[begin], nothing is marked from ids[pause] to that, and an id that the mark leaves alone is '-', too. draws: as in generate-draws.json. gates: whether a gate lets a row of logits be biased.", {"generations": scored_generation, "draws": scored_draws, "gates": scored_gates}),
    "detect.json": ("What a detector counts in texts: positions, those scored and green, those skipped by the first reason that applies, and log10 of the exact binomial tail.", {"detections": detection}),
}

def write(directory):
    for name, (comment, tables) in FILES.items():
        parts = ['{\n"comment": ' + json.dumps(comment)]
        for table, make in tables.items():
            rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in make())
            parts.append(f'"{table}": [\n{rows}\n]')
        with open(os.path.join(directory, name), "w", encoding="utf-8", newline="\n") as f:
            f.write(",\n".join(parts) + "\n}\n")

def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    w = commands.add_parser("write")
    w.add_argument("directory", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    d = commands.add_parser("detect")
    for name in ("key", "profile"):
        d.add_argument("--" + name, required=True)
    d.add_argument("--selector")
    d.add_argument("--tokens", nargs="+", required=True)
    d.add_argument("--prompt", nargs="+", default=[])
    a = parser.parse_args()
    if a.command == "write":
        return write(a.directory)
    p = iso.parse_profile(open(a.profile, "rb").read())
    if ("selector" in p) != (a.selector is not None):
        sys.exit("give --selector if the profile has a band, and only then")
    selector = iso.read_key(a.selector) if a.selector else None
    if selector and iso.key_id(selector) != p["selector"]:
        sys.exit("the selector key is not the profile's: give the key with the id in its field selector")
    def read(files):
        return [[int(t) for t in re.findall(r"-?\d+", open(f).read())] for f in files]
    found = iso.detect(p, iso.read_key(a.key), selector, read(a.tokens), read(a.prompt))
    if p["payload"]:
        found["payload"] = iso.decode(p, iso.read_key(a.key), selector, read(a.tokens), read(a.prompt))
    print(json.dumps(found, indent=1))

if __name__ == "__main__":
    main()
