"""The package against testdata/vectors, bit for bit. Run: python -m unittest discover tests"""

import copy
import hashlib
import json
import os
import pathlib
import pickle
import stat
import struct
import tempfile
import unittest

import numpy as np

import isotope_mark.aes as aes
from isotope_mark import History, KeyFileError, Mark, ProfileError, parse_key, parse_profile, read_key, read_profile
from isotope_mark.keys import Key
from isotope_mark.mark import neglog
from isotope_mark.sampling import truncate

VECTORS = pathlib.Path(__file__).parents[3] / "testdata" / "vectors"


def vectors(name, part):
    return json.loads((VECTORS / f"{name}.json").read_text())[part]


def profile(**fields):
    base = {"isotope": 1, "vocab": (1 << 24) - 1, "tokenizer": "none"}
    return parse_profile(json.dumps({**base, **fields}))


def key(leaf):
    return Key(bytes.fromhex(leaf))


class AESTest(unittest.TestCase):
    """FIPS 197, appendix C.1, and RFC 4493, section 4, with and without the package cryptography."""

    def check(self):
        c = aes.AES(bytes(range(16)))
        self.assertEqual(c.block(bytes.fromhex("00112233445566778899aabbccddeeff")).hex(), "69c4e0d86a7b0430d8cdb78070b4c55a")
        c = aes.AES(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
        message = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411")
        self.assertEqual(c.cmac(message[:16]).hex(), "070a16b46b4d4144f79bdd9dd04a287c")
        self.assertEqual(c.cmac(message).hex(), "dfa66747de9ae63030ca32611497c827")

    def test_numpy(self):
        kept, aes.Cipher = aes.Cipher, None
        try:
            self.check()
        finally:
            aes.Cipher = kept

    def test_installed(self):
        self.check()


class KeyTest(unittest.TestCase):
    def test_vectors(self):
        for v in vectors("keys", "keys"):
            k = parse_key(v["text"])
            self.assertEqual(k.id, v["id"])
            for d in v["derive"]:
                self.assertEqual(k.derive(*d["labels"]), key(d["leaf"]))

    def test_refusals(self):
        good = "isotope-secret-key-1:" + "0a" * 32
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "k")
            for text, mode, want in [
                (good + "\n", 0o600, None), ("# a\n\n" + good, 0o600, None), (good, 0o644, "chmod 600"), (good, 0o640, "chmod 600"),
                (good + "\n" + good, 0o600, "more than one"), ("# nothing", 0o600, "no key"), (good[:-1], 0o600, "not a key"),
                (good.upper(), 0o600, "not a key"), ("integer-key-1:42", 0o600, "not a key"), ("#" * 70000, 0o600, "longer"),
            ]:
                with self.subTest(want=want, mode=mode):
                    pathlib.Path(path).write_text(text)
                    os.chmod(path, mode)
                    if want is None:
                        self.assertEqual(read_key(path), parse_key(good))
                        continue
                    with self.assertRaisesRegex(KeyFileError, want) as caught:
                        read_key(path)
                    self.assertNotIn("0a0a0a", str(caught.exception).lower())
        with self.assertRaisesRegex(KeyFileError, "history") as caught:
            read_key(good)
        self.assertNotIn("0a0a", str(caught.exception))

    def test_does_not_show(self):
        k = parse_key("isotope-secret-key-1:" + "0a" * 32)
        for text in [repr(k), str(k), f"{k}", "%s" % k]:
            self.assertNotIn("0a0a", text)
        with self.assertRaises(TypeError):
            pickle.dumps(k)
        with self.assertRaises(TypeError):
            copy.deepcopy(k)


class ProfileTest(unittest.TestCase):
    def test_vectors(self):
        n = 0
        for name in ["profile", "profile-draws", "profile-scored"]:
            for v in vectors(name, "profiles"):
                with self.subTest(v["text"]):
                    p = parse_profile(v["text"])
                    self.assertEqual(p.canonical(), v["canonical"])
                    self.assertEqual(p.id, v["id"])
                    n += 1
            for v in vectors(name, "refused"):
                with self.subTest(v["reason"]), self.assertRaises(ProfileError):
                    parse_profile(v["text"])
                n += 1
        self.assertGreater(n, 150)

    def test_engines_are_refused(self):
        with self.assertRaisesRegex(ProfileError, "other engines"):
            parse_profile('{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":100,"tokenizer":"none"}')

    def test_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "p.json")
            pathlib.Path(path).write_text('{"isotope":1}')
            with self.assertRaisesRegex(ProfileError, "p.json"):
                read_profile(path)


class GreenListTest(unittest.TestCase):
    def test_lists(self):
        n = 0
        for v in vectors("greenlist", "greenlist"):
            with self.subTest(v["name"]):
                p = profile(scheme="greenlist", gamma=v["gamma"], delta=1, width=v["width"], group=v["group"], lane=v["lane"], vocab=v["vocab"])
                m = Mark(p, key(v["leaf"]))
                green = m.green(m.context(v["before"]))
                self.assertEqual(int(green.sum()), v["green"])
                self.assertEqual("".join("g" if g else "r" for g in green[:len(v["first"])]), v["first"])
                self.assertEqual(hashlib.sha256(np.packbits(green, bitorder="little").tobytes()).hexdigest(), v["sha256"])
                some = np.arange(0, v["vocab"], 7)
                self.assertTrue((m.green(m.context(v["before"]), some) == green[some]).all())
                n += 1
        self.assertGreater(n, 40)

    def test_bias(self):
        for v in vectors("greenlist", "bias"):
            p = profile(scheme="greenlist", gamma=v["gamma"], delta=v["delta"], width=v["width"], vocab=v["vocab"])
            m = Mark(p, key(v["leaf"]))
            row = np.array([struct.unpack(">f", bytes.fromhex(x))[0] for x in v["logits"]], dtype=np.float32)
            m.bias(row, m.context(v["before"]))
            want = v.get("biased") or v.get("marked") or v.get("out")
            self.assertEqual(len(row), len(want))
            self.assertEqual([x.hex() for x in np.split(np.frombuffer(row.astype(">f4").tobytes(), dtype="V4"), 1)[0].tolist()], want)

    def test_texts(self):
        n = 0
        for v in vectors("generate", "generations") + vectors("generate-scored", "generations"):
            p = parse_profile(v["profile"])
            if p.payload or p.selector and "selector" not in v or v.get("begin") or "pause" in v:
                continue  # this package marks answers that begin after the prompt
            with self.subTest(v["name"]):
                m = Mark(p, key(v["leaf"]), **({"selector": key(v["selector"])} if p.selector else {}))
                h, out = History(m, v["prompt"]), ""
                for t in v["ids"]:
                    c = h.context()
                    spared = t in m.spared() or p.marked == "scored" and not 0 <= t < p.vocab
                    out += "-" if spared or not h.marked() else "g" if m.green(c, [max(t, 0)])[0] else "r"
                    h.accept(t)
                self.assertEqual(out, v["marked"])
                n += 1
        self.assertGreater(n, 12)

    def test_gates(self):
        for v in vectors("generate-scored", "gates"):
            p = profile(scheme="greenlist", gamma=0.5, delta=1, width=0, gate=v["gate"], vocab=len(v["logits"]))
            m = Mark(p, parse_key("isotope-secret-key-1:" + "0a" * 32))
            self.assertEqual(m.has_choice(np.array(v["logits"], dtype=np.float32)), v["biased"], v["name"])

    def test_exempt_ids_keep_their_probability(self):
        rng = np.random.default_rng(1)
        p = profile(scheme="greenlist", gamma=0.25, delta=2, width=1, vocab=100, marked="scored", exempt=[3, 50])
        m = Mark(p, parse_key("isotope-secret-key-1:" + "0b" * 32))
        soft = lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum()
        for _ in range(20):
            row = rng.normal(size=100).astype(np.float32) * 3
            marked = row.copy()
            m.bias(marked, m.context([7]))
            self.assertTrue(np.allclose(soft(marked.astype(float))[[3, 50]], soft(row.astype(float))[[3, 50]], rtol=1e-5))
            self.assertFalse(np.allclose(soft(marked.astype(float)), soft(row.astype(float)), rtol=1e-2))


class GumbelTest(unittest.TestCase):
    def mark(self, v, **more):
        return Mark(profile(scheme="gumbelmax", width=v["width"], dual=v["dual"], group=v["group"], lane=v["lane"], **more), key(v["leaf"]))

    def test_neglog(self):
        for v in vectors("neglog", "logarithms"):
            for bits in (32, 46):
                if f"l{bits}" in v:
                    self.assertEqual(neglog(int(v["n"]), bits), int(v[f"l{bits}"]))

    def test_uniforms(self):
        for v in vectors("gumbelmax", "uniforms"):
            m = self.mark(v)
            for which, want in enumerate(v["u"]):
                got = m.uniforms(m.context(v["before"]), v["ids"], which)
                self.assertEqual([f"{int(u):016x}" for u in got], want)

    def test_coins(self):
        for v in vectors("gumbelmax", "coins"):
            m = self.mark(v)
            self.assertEqual(0 if m.first_key(m.context(v["before"]), v["salt"]) else 1, v["key"])

    def test_draws(self):
        for v in vectors("gumbelmax", "draws"):
            m = self.mark(v)
            with self.subTest(v["name"]):
                self.assertEqual(m.draw(m.context(v["before"]), v["ids"], v["probs"], v["salt"]), v["drawn"])

    def test_texts(self):
        for v in vectors("generate-draws", "generations") + vectors("generate-scored", "draws"):
            p = parse_profile(v["profile"])
            if p.scheme != "gumbelmax":
                continue
            with self.subTest(v["name"]):
                m = Mark(p, key(v["leaf"]), variant=v.get("variant"), **({"selector": key(v["selector"])} if p.selector else {}))
                h, out = History(m, v["prompt"]), []
                for u in v["u"]:
                    ids, weights = v["ids"], v["probs"]
                    if h.marked():
                        ids, weights = m.choose(h.context(), ids, weights, v["salt"])
                    total, at = sum(weights), 0.0
                    for t, w in zip(ids, weights):
                        at += w
                        if at > u * total:
                            break
                    t = int(t)
                    out.append(t)
                    h.accept(t)
                self.assertEqual(out, v.get("out") or v.get("drawn") or v.get("text"))


class SamplingTest(unittest.TestCase):
    def test_truncate(self):
        row = [0.0, 2.0, -np.inf, np.nan, 1.0, 2.0]
        for more, want in [
            ({}, [1, 5, 4, 0]), ({"top_k": 2}, [1, 5]), ({"top_k": 1}, [1]), ({"top_p": 0.1}, [1]), ({"top_p": 0.5}, [1, 5]),
            ({"min_p": 0.3}, [1, 5, 4]), ({"temperature": 0.5, "min_p": 0.3}, [1, 5]), ({"top_k": 3, "top_p": 0.99}, [1, 5, 4]),
        ]:
            with self.subTest(more):
                ids, weights = truncate(row, **more)
                self.assertEqual(ids.tolist(), want)
                self.assertEqual(weights[0], 1)
        self.assertEqual(truncate([-np.inf, np.nan])[0].tolist(), [])
        self.assertEqual(truncate([1.0, np.inf, np.inf])[0].tolist(), [1, 2])


class RefusalTest(unittest.TestCase):
    def test_marks(self):
        k = key("00" * 32)
        for p, want in [
            (profile(scheme="tournament", depth=3, width=4), "tournament"), (profile(scheme="greenlist", gamma=0.5, delta=1, width=1, payload=3), "payload"),
            (profile(scheme="gumbelmax", width=4, variants=3), "variants"),
            (profile(scheme="greenlist", gamma=0.5, delta=1, width=1, band=[0, 9], selector="0" * 16), "selector"),
        ]:
            with self.subTest(want), self.assertRaisesRegex(ProfileError, want):
                Mark(p, k)

    def test_rows(self):
        """One row of float32 is marked. What would be marked wrongly is refused."""
        green = Mark(profile(scheme="greenlist", gamma=0.5, delta=1, width=1, vocab=20), key("00" * 32))
        draw = Mark(profile(scheme="gumbelmax", width=4, vocab=20), key("00" * 32))
        row = np.zeros(20, dtype=np.float32)
        green.bias(row, green.context([1]))
        self.assertTrue(0 < row.sum() < 20)
        for bad in [np.zeros((1, 20), dtype=np.float32), np.zeros(20), [0.0] * 20]:
            with self.subTest(type(bad)), self.assertRaisesRegex(TypeError, "float32"):
                green.bias(bad, green.context([1]))
        with self.assertRaisesRegex(TypeError, "draw"):
            draw.bias(row, draw.context([1]))
        with self.assertRaisesRegex(TypeError, "bias"):
            green.draw(green.context([1]), [1, 2], [0.5, 0.5])

    def test_server_without_files(self):
        from isotope_mark.vllm import MarkProcessor
        for name in ["ISOTOPE_PROFILE_FILE", "ISOTOPE_KEY_FILE"]:
            kept = os.environ.pop(name, None)
            try:
                with self.assertRaisesRegex(ValueError, "ISOTOPE_PROFILE_FILE|ISOTOPE_KEY_FILE"):
                    MarkProcessor(None, None, False)
            finally:
                if kept is not None:
                    os.environ[name] = kept


if __name__ == "__main__":
    unittest.main()
