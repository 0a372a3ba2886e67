"""Draws configurations and texts by chance and writes what the reference programs report about them.

    python3 draw_vectors.py WHEELS SOURCES ENGINE COUNT SEED > FOLDER/ENGINE.json
    go test ./watermark/interop -run DrawnVectors -interop.vectors FOLDER

ENGINE is one of make_vectors.py, which says what the folders hold. The files have the form of the committed vectors,
and `law`, the natural logarithm of the p-value by scipy under the exact law of the program's own count and sum.
They are large, so they are not committed. README.md has the counts of the last run.
"""

import sys

COUNT, SEED = int(sys.argv[4]), int(sys.argv[5])

import json
import math
import types

import make_vectors as m
import numpy as np
import torch
from scipy import special, stats

rng = np.random.default_rng([SEED, sum(map(ord, m.ENGINE))])
words = lambda vocab: types.SimpleNamespace(bos_token_id=-1, vocab_size=vocab, pad_token_id=-1, eos_token_id=-1, add_special_tokens=None, decode=None,
                                            encode=lambda x, add_special_tokens: [int(t) for t in x.split()])
pick = lambda *x: x[int(rng.integers(len(x)))]
whole = lambda low, high: int(rng.integers(low, high + 1))


def number(bits):
    """A number of up to so many bits, often at an edge."""
    return pick(0, 1, 15485863, 2**bits - 1, 2**31, 2**32, 2**32 + 42, *(int(rng.integers(0, 2**63)) >> (63 - min(whole(1, bits), 63)) for _ in range(6))) % 2**bits


def vocabulary(most=70000):
    return pick(whole(2, 20), whole(20, 1000), whole(1000, most), 256, min(50257, most))


def text(vocab, width, score=None, most=160):
    """A text of some kind: short, at the edge of the vocabulary, repeating, ordinary, or marked where score tells what the mark favours."""
    kind = pick("short", "edge", "repeat", "plain", "plain", "marked", "marked")
    n = whole(0, most)
    if kind == "short":
        n = whole(0, width + 3)
    pool = rng.choice(vocab, size=min(vocab, whole(2, 300)), replace=False)
    if kind == "edge":
        pool = np.unique([0, 1 % vocab, vocab - 1, vocab - 2])
    w = 1 / (np.arange(len(pool)) + 3.0)
    out = [int(t) for t in rng.choice(pool, size=n, p=w / w.sum())]
    if kind == "repeat":
        phrase = out[:whole(1, 12)]
        out = (phrase * n)[:n]
        for _ in range(whole(0, 4)):
            if out:
                out[whole(0, len(out) - 1)] = whole(0, vocab - 1)
    if kind == "marked" and score is not None:
        out = out[:whole(0, 80)]
        for i in range(len(out)):
            out[i] = max([int(t) for t in rng.choice(pool, size=whole(1, 4))], key=lambda t: score(out[:i], t))
    return out


def green_law(n, k, p):
    return float(stats.binom.logsf(k - 1, n, p)) if n else 0.0


def gamma_law(n, s):
    p = float(special.gammaincc(n, s)) if n and s > 0 else 1.0
    return math.log(p) if p > 1e-290 else None


def two_law(n, s, a, b):
    """ln P(a X + b Y >= s) of two gamma variables of shape n."""
    if n == 0 or min(a, b) == 0 or a == b:
        return gamma_law(2 * n if a == b else n, s / max(a, b)) if n else 0.0
    x, w = np.polynomial.legendre.leggauss(400)
    top, edges, total = s / a, 60, 0.0
    for i in range(edges):  # X from 0 to s/a, and what is beyond
        low, high = top * i / edges, top * (i + 1) / edges
        at = (x + 1) / 2 * (high - low) + low
        total += (high - low) / 2 * float((w * stats.gamma.pdf(at, n) * special.gammaincc(n, (s - a * at) / b)).sum())
    total += float(special.gammaincc(n, top))
    return math.log(total) if total > 1e-290 else None


def out(cases, profile, key, tokens, scored, total, law, **more):
    cases.append(m.case(profile, key, tokens, what="drawn", scored=int(scored), sum=float(total), law=law, **more))


def vllm():
    g, cases = m.load_vllm(), []
    while len(cases) < COUNT:
        key, width, vocab, dual, every = number(64), whole(1, 15), vocabulary(), whole(0, 1), pick(0, 0, 1)
        alpha = pick(0.1, 0.5, 0, 1, float(rng.random()), 0.999)
        kind = g.DualKeyGumbelWatermarkDetector if dual else g.GumbelWatermarkDetector
        d = kind(key, width, deduplicate_contexts=not every, **({"alpha": alpha} if dual else {}))
        score = lambda before, t: float(d._score_tokens(torch.tensor([([-1] * width + before)[-width:]]), torch.tensor([t]))[0])
        tokens = text(vocab, width, score)
        r = d.detect(tokens)
        profile = {"scheme": "vllm-dual-gumbel" if dual else "vllm-gumbel", "width": width, "vocab": vocab, "dedup": "none" if every else "context"}
        if dual:
            profile["mixing"] = alpha
        law = two_law(r.num_scored_tokens, r.score, 1 - alpha, alpha) if dual else gamma_law(r.num_scored_tokens, r.score)
        out(cases, profile, [key], tokens, r.num_scored_tokens, r.score, law)
    return cases


def sglang():
    _, detector, config = m.load_sglang()
    cases = []
    while len(cases) < COUNT:
        numbers, width, vocab, limit = [number(64) for _ in range(whole(1, 2))], whole(1, 16), vocabulary(), pick(4096, 4096, whole(1, 60))
        mixing = pick(0.5, float(rng.uniform(1e-6, 1 - 1e-6)), 0.01, 0.99)
        keys = [pick("", "0x", "0X") + pick(format(k, "x"), format(k, "016X")) for k in numbers]
        prompt = [whole(0, vocab - 1) for _ in range(pick(0, whole(0, 3), whole(0, 40)))]
        d = detector.WatermarkDetector(keys[0], key_b=keys[1] if len(keys) == 2 else None, mixing_probability=mixing, context_window=width, max_contexts=limit)

        def score(before, t):
            h = detector.hash_context((prompt + before)[-width:])
            a = config.parse_watermark_key(keys[0])
            if len(keys) == 2 and detector.position_coin(a, config.parse_watermark_key(keys[1]), h) >= int(mixing * 2**32):
                a = config.parse_watermark_key(keys[1])
            return d._score(a, h, t)

        tokens = text(vocab, width, score)
        r = d.detect_tokens(tokens, prompt_token_ids=prompt).combined
        profile = {"scheme": "sglang-gumbel", "width": width, "vocab": vocab, "dedup": "context", "max_contexts": limit}
        if len(keys) == 2:
            profile.update(scheme="sglang-dual-gumbel", mixing=mixing)
        out(cases, profile, numbers, tokens, r.num_contexts, r.score, gamma_law(r.num_contexts, r.score), prompt=prompt)
    return cases


def window_score(cached, width, own, prompt):
    """What a detector of the kind of lm-watermarking says of a token."""
    def score(before, t):
        before = prompt + before
        if len(before) < width - own:
            return 0
        return cached(tuple(before[len(before) - width + own:] + [t] * own), t)
    return score


def given(tokens, prompt, need):
    """What the program is given so that the prompt's last tokens are context."""
    return prompt[max(0, len(prompt) - need):] + tokens


def prompt_or_none(vocab, need):
    """A prompt that fills the context, or none. A shorter prompt leaves positions that these programs cannot score."""
    return [whole(0, vocab - 1) for _ in range(pick(0, 0, need, need + whole(0, 5)))]


def hf():
    from transformers import WatermarkDetector, WatermarkingConfig

    cases = []
    while len(cases) < COUNT:
        own, vocab, ratio = whole(0, 1), vocabulary(3000), pick(0.25, 0.5, float(rng.uniform(0.02, 0.98)))
        width, key, every = whole(1, 8), number(62 if own else 64), whole(0, 1)
        if int(vocab * ratio) < 1:
            continue
        config = WatermarkingConfig(greenlist_ratio=ratio, bias=2.0, hashing_key=key, seeding_scheme="selfhash" if own else "lefthash", context_width=width)
        bos = pick(None, None, whole(0, vocab - 1))
        d = WatermarkDetector(types.SimpleNamespace(bos_token_id=-1 if bos is None else bos, is_encoder_decoder=False, vocab_size=vocab), "cpu", config,
                              ignore_repeated_ngrams=not every)
        prompt, tokens = prompt_or_none(vocab, width - own), text(vocab, width, most=100)
        if bos is not None and (prompt or tokens) and whole(0, 2):
            prompt, tokens = [], [bos] + tokens
        ids = given(tokens, prompt, width - own)
        if bos is not None and prompt and ids and ids[0] == bos:
            continue  # the program would take the prompt's end for a start
        if len(ids) - (bool(ids) and ids[0] == bos) <= width:
            scored, total = 0, 0  # the program refuses the text
            if own:
                continue
        else:
            r = d(torch.tensor([ids]), return_dict=True)
            scored, total = r.num_tokens_scored[0], r.num_green_tokens[0]
        profile = {"scheme": "hf-selfhash" if own else "hf-lefthash", "width": width, "vocab": vocab, "gamma": ratio, "dedup": "none" if every else "pair"}
        if bos is not None:
            profile["bos"] = bos
        out(cases, profile, [key], tokens, scored, total, green_law(int(scored), int(total), int(vocab * ratio) / vocab), prompt=prompt, unit="ngram")
    return cases


def kgw():
    w, prf = m.load_kgw()
    cases = []
    while len(cases) < COUNT:
        vocab, ratio, legacy, every = vocabulary(3000), pick(0.25, 0.5, float(rng.uniform(0.02, 0.98))), pick(False, False, True), whole(0, 1)
        name = pick("simple_1", "lefthash", "selfhash", "algorithm-3", "minhash", "skipgram", *["ff"] * 12)
        key = 15485863
        if int(vocab * ratio) < 1:
            continue
        if name == "ff":
            name = "ff-%s-%d-%s" % (pick(*prf.prf_lookup), whole(2, 9), pick("True", "False"))
            key = number(63)
        full = "%s-%d" % (name, key) if name[0] == "f" else name
        try:
            d = w.WatermarkDetector(vocab=list(range(vocab)), gamma=ratio, seeding_scheme=full, device=torch.device("cpu"), tokenizer=words(vocab),
                                    normalizers=[], ignore_repeated_ngrams=not every, select_green_tokens=not legacy)
        except Exception:
            continue
        own, width = d.self_salt, d.context_width
        prompt = prompt_or_none(vocab, width - own)
        tokens = text(vocab, width, window_score(d._get_ngram_score_cached, width, own, prompt) if vocab < 1000 else None, most=100)
        ids = given(tokens, prompt, width - own)
        if len(ids) <= width:
            continue
        r = d._score_sequence(torch.tensor(ids), return_z_at_T=False)  # whose own check fails on some short texts
        n, k = r["num_tokens_scored"], r["num_green_tokens"]
        profile = {"scheme": "kgw", "preset": name, "vocab": vocab, "gamma": ratio, "dedup": "none" if every else "pair", "legacy": legacy}
        out(cases, profile, [key], tokens, n, k, green_law(int(n), int(k), int(vocab * ratio) / vocab), prompt=prompt, unit="ngram")
    return cases


def sbw():
    b, d = m.load_sbw()
    cases = []
    functions = ["additive_prf", "anchored_minhash_prf", "anchored_skipgram_prf", "minfunc_prf", "minhash_prf", "minskipgram_prf", "multiplicative_prf",
                 "noncomm_prf", "position_prf", "simple_skip_prf", "skipgram_prf"]
    while len(cases) < COUNT:
        name = pick("simple_1", "lefthash", "minhash", "skipgram", "selfhash", "selfhash-%d" % whole(1, 99), "gpu-simple_1", "gpu-minhash", "gpu-skipgram", "gpu-selfhash",
                    "gpu-selfhash-cpuhash", "gpu-selfhash-fullvocab", "gpu-fused-selfhash", "gpu-fused-selfhash-fullvocab", "gpu-fused-simple_4", "gpu-fused-simple_4-fullvocab",
                    *["ff-%s-%d-%s" % (pick(*functions), whole(2, 8), pick("False", "True", "True-20")) for _ in range(6)],
                    *["gpu-ff-%s-%d-%s" % (pick(*functions), whole(2, 8), pick("False", "True", "True-fullvocab")) for _ in range(12)])
        gpu = name.startswith("gpu")
        vocab, ratio, every, key = vocabulary() if gpu else vocabulary(3000), pick(0.25, 0.5, float(rng.uniform(0.02, 0.98))), whole(0, 1), number(63)
        if int(vocab * ratio) < 1:
            continue
        f = d.WatermarkDetector(device=torch.device("cpu"), tokenizer=words(vocab), vocab=list(range(vocab)), gamma=ratio, seeding_scheme=name, hash_key=key,
                                normalizers=[], ignore_repeated_ngrams=not every)
        width, own = f.watermark.context_width, f.watermark.self_salt
        prompt = prompt_or_none(vocab, width - own)
        tokens = text(vocab, width, window_score(f._get_ngram_score_cached, width, own, prompt) if vocab < 1000 or gpu and not whole(0, 2) else None, most=100)
        ids = given(tokens, prompt, width - own)
        if len(ids) <= width:
            continue
        r = f._score_sequence(torch.tensor(ids))
        n, k = r["num_tokens_scored"], r["num_green_tokens"]
        # The share of 31-bit words that the program calls green, by trying.
        share = int(vocab * ratio) / vocab
        if gpu:
            low, high = 0, 2**31
            while low < high:
                mid = (low + high) // 2
                low, high = (mid + 1, high) if bool((torch.tensor([mid]).float() * b._UNIFORM_SCALE < ratio)[0]) else (low, mid)
            share = low / 2**31
        profile = {"scheme": "sbw", "preset": name, "vocab": vocab, "gamma": ratio, "dedup": "none" if every else "pair"}
        out(cases, profile, [key], tokens, n, k, green_law(int(n), int(k), share), prompt=prompt, unit="ngram")
    return cases


def tgi():
    m.stub("loguru", logger=None)
    sys.path.insert(0, m.SOURCES + "/text-generation-inference/server/text_generation_server/utils")
    import watermark as w

    cases = []
    while len(cases) < COUNT:
        vocab, ratio = vocabulary(3000), pick(0.25, 0.5, float(rng.uniform(0.02, 0.98)))
        if int(vocab * ratio) < 1:
            continue
        p = w.WatermarkLogitsProcessor(gamma=ratio, delta=2.0)
        key = p.hash_key
        prompt, tokens = prompt_or_none(vocab, 1), text(vocab, 1, most=60)
        ids = given(tokens, prompt, 1)
        green = [b in p._get_greenlist_ids([a], vocab, "cpu").tolist() for a, b in zip(ids, ids[1:])]
        profile = {"scheme": "tgi", "width": 1, "vocab": vocab, "gamma": ratio, "dedup": "none"}
        out(cases, profile, [key], tokens, len(green), sum(green), green_law(len(green), sum(green), int(vocab * ratio) / vocab), prompt=prompt)
    return cases


def three_bricks():
    d, _ = m.load_three_bricks()
    cases = []
    while len(cases) < COUNT:
        greens, vocab, width, seed, salt = whole(0, 1), vocabulary(3000), whole(1, 8), number(64), pick(35317, 35317, number(62) or 1)
        ratio, message, (method, dedup) = pick(0.25, 0.5, float(rng.uniform(0.02, 0.98))), pick(0, whole(0, vocab - 1)), pick(("none", "none"), ("v1", "context"), ("v2", "pair"))
        if int(vocab * ratio) < 1:
            continue
        f = d.MarylandDetector(words(vocab), ngram=width, seed=seed, salt_key=salt, gamma=ratio) if greens else d.OpenaiDetector(words(vocab), ngram=width, seed=seed, salt_key=salt)
        prompt = prompt_or_none(vocab, width)
        score = lambda before, t: float(f.score_tok((prompt + before)[-width:], t)[message]) if len(prompt + before) >= width else 0
        tokens = text(vocab, width, score if vocab < 1000 else None, most=60)
        ids = given(tokens, prompt, width)
        if prompt:
            ids = [0] + ids  # the program leaves one token more out than it needs to
        scores = f.get_scores_by_t([" ".join(map(str, ids))], method, payload_max=message)[0]
        total = float(np.asarray([s[message] for s in scores], dtype=np.float64).sum())
        profile = {"scheme": "three-bricks-greenlist" if greens else "three-bricks-gumbel", "width": width, "vocab": vocab, "message": message, "salt": salt, "dedup": dedup}
        if greens:
            profile["gamma"] = ratio
        law = green_law(len(scores), int(total), int(vocab * ratio) / vocab) if greens else gamma_law(len(scores), total)
        # A salt such as 1 or 2^32 gives one seed to many windows.
        out(cases, profile, [seed], tokens, len(scores), total, law, prompt=prompt, unit="ngram")
    return cases


def textseal():
    core, d, _ = m.load_textseal()
    cases = []
    while len(cases) < COUNT:
        greens, vocab, width, key = whole(0, 1), vocabulary(200000), whole(1, 10), number(62)
        ratio, (method, dedup) = pick(0.25, 0.5, float(rng.uniform(0.02, 0.98))), pick(("none", "none"), ("v1", "context"), ("v2", "pair"))
        args = core.WatermarkConfig(secret_key=key, ngram=width, watermark_type="greenlist" if greens else "gumbelmax", method="binary" if greens else "uniform", gamma=ratio)
        f = (d.GreenlistDetector if greens else d.GumbelmaxDetector)(words(vocab), args)
        score = lambda before, t: float(f.score_tok(before[-width:], t)) if len(before) >= width else 0
        prompt = prompt_or_none(vocab, width)
        tokens = text(vocab, width, lambda before, t: score(prompt + before, t))
        ids = given(tokens, prompt, width)
        if prompt:
            ids = [0] + ids
        scores = f.get_scores_by_t([" ".join(map(str, ids))], method, seen_windows=set())[0]
        total = float(np.sum(scores))
        profile = {"scheme": "textseal-greenlist" if greens else "textseal-gumbel", "width": width, "vocab": vocab, "dedup": dedup}
        law = gamma_law(len(scores), total)
        if greens:
            profile["gamma"] = ratio
            share = float((torch.arange(8191).float() / 8191 < ratio).sum()) / 8191
            law = green_law(len(scores), int(total), share)
        out(cases, profile, [key], tokens, len(scores), total, law, prompt=prompt)
    # Two keys: the function is the program's, and the sum is made after the source of 2026.
    for _ in range(COUNT // 3):
        keys, vocab, width, alpha = [number(62), number(62)], vocabulary(200000), whole(1, 10), pick(0.5, 0.8, float(rng.random()))
        args = [core.WatermarkConfig(secret_key=k, ngram=width, method="uniform") for k in keys]
        both = lambda before, t: [-(1 - core.score_listed_tokens(torch.tensor([before]), x, [t])[0, 0]).log().item() for x in args]
        weigh = lambda before, t: float(np.dot(both(before, t), [alpha, 1 - alpha]))
        tokens, seen, total, scored = text(vocab, width, lambda before, t: weigh(before[-width:], t) if len(before) >= width else 0, most=80), set(), 0.0, 0
        for at in range(width + 1, len(tokens)):
            gram = tuple(tokens[at - width:at + 1])
            if gram not in seen:
                seen.add(gram)
                total, scored = total + weigh(tokens[at - width:at], tokens[at]), scored + 1
        out(cases, {"scheme": "textseal-dual", "width": width, "vocab": vocab, "mixing": alpha, "dedup": "pair"}, keys, tokens, scored, total, two_law(scored, total, alpha, 1 - alpha))
    return cases


def layer_law(scored, layers, total):
    """ln P of a weighted count of ones or more, where `layers` are the weights in whole numbers."""
    law = np.ones(1)
    for w in layers:
        one = np.zeros(scored * w + 1)
        one[::w] = stats.binom.pmf(np.arange(scored + 1), scored, 0.5)
        law = np.convolve(law, one)
    p = float(law[max(total, 0):].sum())
    return math.log(p) if p > 1e-290 else None


def synthid(scheme, make):
    cases = []
    while len(cases) < COUNT:
        depth, width, vocab, table = pick(30, 9, whole(1, 64)), whole(1, 15), vocabulary(200000), pick((65536, 0), (whole(2, 70000), whole(0, 2**32)))
        keys = [number(63) for _ in range(depth)]
        p, tokens = make(keys, width + 1, table), text(vocab, width)
        eos = pick(None, whole(0, vocab - 1), tokens[len(tokens) // 2] if tokens else 0)
        weighted = bool(whole(0, 3) == 0)
        g = np.zeros((0, depth), dtype=np.int64)
        if len(tokens) > width:
            ids = torch.tensor([tokens])
            mask = p.compute_context_repetition_mask(ids)[0].long()
            if eos is not None:
                mask = mask * p.compute_eos_token_mask(ids, eos)[0, width:].long()
            g = p.compute_g_values(ids)[0].numpy()[mask.numpy() == 1]
        weights = np.linspace(10, 1, depth)
        weights *= depth / weights.sum()
        total = float((g * weights).sum()) if weighted else int(g.sum())
        law = green_law(len(g) * depth, int(g.sum()), 0.5)
        if weighted:
            whole_weights = [10 * (depth - 1) - 9 * l for l in range(depth)] if depth > 1 else [1]
            law = layer_law(len(g), whole_weights, int((g * np.array(whole_weights)).sum())) if len(g) and len(g) * sum(whole_weights) < 20000 else None if len(g) else 0.0
        profile = {"scheme": scheme, "width": width, "vocab": vocab, "depth": depth, "dedup": "context", "weighted": weighted}
        if scheme == "synthid-hf":
            profile.update(table_size=table[0], table_seed=table[1])
        if eos is not None:
            profile["eos"] = eos
        out(cases, profile, keys, tokens, len(g), total, law)
    return cases


def synthid_hf():
    from transformers.generation.logits_process import SynthIDTextWatermarkLogitsProcessor as P

    return synthid("synthid-hf", lambda keys, length, t: P(ngram_len=length, keys=keys, sampling_table_size=t[0], sampling_table_seed=t[1], context_history_size=1024, device="cpu"))


def synthid_source(path, scheme):
    sys.path.insert(0, path)
    from synthid_text.logits_processing import SynthIDLogitsProcessor as P

    more = lambda t: {"sampling_table_size": t[0], "sampling_table_seed": t[1]} if scheme == "synthid-hf" else {}
    return synthid(scheme, lambda keys, length, t: P(ngram_len=length, keys=keys, context_history_size=1024, temperature=1.0, top_k=24, device=torch.device("cpu"), **more(t)))


makers = {"vllm": vllm, "sglang": sglang, "hf": hf, "kgw": kgw, "sbw": sbw, "tgi": tgi, "three-bricks": three_bricks, "textseal": textseal, "synthid-hf": synthid_hf,
          "synthid-pypi": lambda: synthid_source(m.WHEELS, "synthid-hf"), "synthid-deepmind": lambda: synthid_source(m.SOURCES + "/synthid-text/src", "synthid-deepmind")}
if __name__ == "__main__":
    with torch.no_grad():
        json.dump({"engine": m.ENGINE, "torch": torch.__version__, "cases": makers[m.ENGINE]()}, sys.stdout, separators=(",", ":"))
    print()
