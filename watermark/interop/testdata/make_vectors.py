"""Runs the reference programs of other engines and writes what they generate and report.

    python3 make_vectors.py WHEELS SOURCES ENGINE > ENGINE.json

WHEELS is a folder of unpacked wheels from the Python package index: vllm 0.33.0, sglang 0.5.23, sbw 1.0.0,
textseal 0.0.5, synthid-text 0.2.1. SOURCES is a folder of checkouts: lm-watermarking fb602de, three_bricks
ee9c7a2, text-generation-inference db931fc, synthid-text addb4a1. torch 2.15.0 (CPU), transformers 5.24.0,
numpy, scipy, pydantic and msgspec are installed. README.md lists the engines.

Numbers of the programs are written, never their code. Logits come from a fixed generator, so that the
programs choose among plausible tokens; they have 24 candidates a step.
"""

import importlib
import json
import sys
import types

import numpy as np
import torch

WHEELS, SOURCES, ENGINE = sys.argv[1:4]
torch.set_num_threads(1)


def rows(seed, vocab, candidates=24, spread=2.0, pool=None):
    """Yields rows of logits: a few candidates from a pool are possible."""
    rng = np.random.default_rng(seed)
    ids = np.arange(vocab) if pool is None else rng.permutation(vocab)[:pool]
    while True:
        row = np.full(vocab, -np.inf, dtype=np.float32)
        at = rng.choice(ids, size=min(candidates, len(ids)), replace=False)
        row[at] = rng.normal(0, spread, len(at)).astype(np.float32)
        yield torch.from_numpy(row)


def unmarked(seed, vocab, n, pool=400):
    rng = np.random.default_rng(seed)
    ids = rng.permutation(vocab)[:pool]
    weights = 1 / (np.arange(pool) + 3.0)
    return [int(t) for t in rng.choice(ids, size=n, p=weights / weights.sum())]


def prompt_of(seed, vocab, n):
    return [int(t) for t in np.random.default_rng(1000 + seed).integers(0, vocab, n)]


def sample(row, rng):
    p = torch.softmax(row.double(), dim=-1).numpy()
    return int(rng.choice(len(p), p=p / p.sum()))


def stub(name, **content):
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module
    return module


def package(name, path):
    stub(name).__path__ = [path]


def case(profile, key, tokens, **report):
    return {"profile": dict(profile, isotope=1, tokenizer="none"), "key": [int(k) for k in key], "tokens": [int(t) for t in tokens], **report}


def load_vllm():
    base = WHEELS + "/vllm"
    package("vllm", base)
    package("vllm.config", base + "/config")
    stub("vllm.config.utils", config=lambda c: c)
    stub("vllm.logger", init_logger=lambda _: types.SimpleNamespace(warning_once=lambda *a, **k: None))
    for name in ["v1", "v1.worker", "v1.worker.gpu", "v1.worker.gpu.sample"]:
        package("vllm." + name, base + "/" + name.replace(".", "/"))
    stub("vllm.v1.worker.gpu.sample.gumbel", gumbel_sample=None)
    package("vllm.v1.watermarking", base + "/v1/watermarking")
    g = importlib.import_module("vllm.v1.watermarking.gumbel")
    return g


def vllm():
    g = load_vllm()
    vocab, cases = 50257, []

    def write(marker, width, n, seed, router=None):
        tokens, seen, rng = [], set(), np.random.default_rng(seed)
        source = rows(seed, vocab, pool=300)
        while len(tokens) < n:
            row = next(source)
            context = tuple(([-1] * width + tokens)[-width:])
            if context in seen:
                tokens.append(sample(row, rng))
                continue
            seen.add(context)
            out = marker.sample(row[None], torch.tensor([context]), router)
            tokens.append(int(out.token_ids[0]))
        return tokens

    def report(detector, tokens):
        d = detector.detect(tokens)
        return {"scored": d.num_scored_tokens, "sum": d.score, "p": d.p_value}

    for i, (key, width) in enumerate([(42, 4), (0, 1), (2**32, 5), (2**64 - 1, 9)]):
        profile = {"scheme": "vllm-gumbel", "width": width, "vocab": vocab}
        tokens = write(g.GumbelWatermarker(key, width), width, 100, i)
        cases.append(case(dict(profile, dedup="context"), [key], tokens, what="marked", **report(g.GumbelWatermarkDetector(key, width), tokens)))
        cases.append(case(dict(profile, dedup="none"), [key], tokens + tokens[:40], what="marked, repeated",
                          **report(g.GumbelWatermarkDetector(key, width, deduplicate_contexts=False), tokens + tokens[:40])))
        text = unmarked(i, vocab, 120, 40)
        cases.append(case(dict(profile, dedup="context"), [key], text, what="unmarked", **report(g.GumbelWatermarkDetector(key, width), text)))
    for i, alpha in enumerate([0.1, 0.2, 0.5]):
        rng = torch.Generator().manual_seed(i)
        router = lambda logits: torch.multinomial(logits.exp(), 1, generator=rng)[:, 0]
        tokens = write(g.DualKeyGumbelWatermarker(42, 4, alpha=alpha), 4, 120, 10 + i, router)
        profile = {"scheme": "vllm-dual-gumbel", "width": 4, "vocab": vocab, "mixing": alpha, "dedup": "context"}
        cases.append(case(profile, [42], tokens, what="marked", **report(g.DualKeyGumbelWatermarkDetector(42, 4, alpha=alpha), tokens)))
    prf = g.PhiloxPRF(42)
    uniforms = [[c, t, float(prf.uniform(torch.tensor([c]), torch.tensor([[t]]))[0, 0])]
                for c in [[1, 2, 3, 4], [4, 5, 6, 7], [-1, -1, -1, 9], [7], [1, 2, 3, 4, 5]] for t in [0, 1, 7, 8, 50256]]
    return {"uniforms": {"key": 42, "values": uniforms}, "cases": cases}


def load_sglang():
    base = WHEELS + "/sglang"
    package("sglang", base)
    package("sglang.srt", base + "/srt")
    package("sglang.srt.sampling", base + "/srt/sampling")
    core = importlib.import_module("sglang.srt.sampling.watermarking.core")
    detector = importlib.import_module("sglang.srt.sampling.watermarking.detector")
    config = importlib.import_module("sglang.srt.sampling.watermarking.config")
    return core, detector, config


def sglang():
    core, detector, config = load_sglang()
    vocab, cases = 50257, []

    def write(keys, width, mixing, prompt, n, seed):
        tokens, seen, rng = list(prompt), set(), np.random.default_rng(seed)
        source = rows(seed, vocab, pool=300)
        signed = [config.parse_watermark_key(k) for k in keys]
        while len(tokens) < n + len(prompt):
            row = next(source)
            context = tuple(tokens[-width:])
            if context in seen or not context:
                tokens.append(sample(row, rng))
                continue
            seen.add(context)
            more = {}
            if len(keys) == 2:
                more = {"keys_b": torch.tensor([signed[1]]), "mixing_thresholds": torch.tensor([int(mixing * 2**32)])}
            hashed = torch.tensor([detector.hash_context(context)])
            out = core.select_watermark_tokens_torch(torch.softmax(row, -1)[None], hashed, torch.tensor([signed[0]]), **more)
            tokens.append(int(out[0]))
        return tokens[len(prompt):]

    sets = [(["0123456789abcdef"], 4, 0.5, 6), (["ffffffffffffffff"], 1, 0.5, 3), (["0x2a"], 2, 0.5, 0), (["8000000000000001"], 8, 0.5, 3),
            (["0123456789abcdef", "fedcba9876543210"], 4, 0.5, 6), (["1", "2"], 2, 0.3, 2)]
    for i, (keys, width, mixing, prompts) in enumerate(sets):
        prompt = prompt_of(i, vocab, prompts)
        tokens = write(keys, width, mixing, prompt, 110, 20 + i)
        numbers = [int(k, 16) for k in keys]
        profile = {"scheme": "sglang-gumbel", "width": width, "vocab": vocab, "dedup": "context"}
        if len(keys) == 2:
            profile.update(scheme="sglang-dual-gumbel", mixing=mixing)
        for given in [[], prompt] if prompt else [[]]:
            for text, what in [(tokens, "marked"), (tokens + tokens[:30], "marked, repeated"), (unmarked(50 + i, vocab, 120, 40), "unmarked")]:
                d = detector.detect(text, key=keys[0], key_b=keys[1] if len(keys) == 2 else None, prompt_token_ids=given,
                                    mixing_probability=mixing, context_window=width)
                cases.append(case(profile, numbers, text, what=what, prompt=given, scored=d.combined.num_contexts, sum=d.combined.score,
                                  log_p=d.combined.log_p_value, repeated=d.repeated_contexts, skipped=d.skipped_initial_tokens))
        text = unmarked(70 + i, vocab, 90, 60)
        d = detector.WatermarkDetector(keys[0], key_b=keys[1] if len(keys) == 2 else None, mixing_probability=mixing, context_window=width,
                                       max_contexts=32).detect_tokens(text)
        cases.append(case(dict(profile, max_contexts=32), numbers, text, what="first 32 contexts", prompt=[], scored=d.combined.num_contexts,
                          sum=d.combined.score, log_p=d.combined.log_p_value))
    hashes = [[c, detector.hash_context(c)] for c in [[], [1], [1, 2, 3, 4], [50256] * 8]]
    words = [[k, c, t, detector.watermark_hash(config.parse_watermark_key(k), c, t)]
             for k in ["0123456789abcdef", "2a"] for c in [0, 1145416960] for t in [7, 50256]]
    return {"contexts": hashes, "words": words, "cases": cases}


def green_report(scored, green, z=None, p=None):
    r = {"scored": int(scored), "sum": int(green)}
    if z is not None:
        r["z"] = float(z)
    if p is not None:
        r["p"] = float(p)
    return r


def hf():
    from transformers import WatermarkDetector, WatermarkingConfig
    from transformers.generation.logits_process import WatermarkLogitsProcessor

    cases, lists = [], []
    for i, (scheme, width, vocab, ratio, key) in enumerate([
        ("lefthash", 1, 1000, 0.25, 15485863), ("lefthash", 3, 1000, 0.5, 15485863), ("selfhash", 4, 700, 0.25, 15485863),
        ("selfhash", 2, 700, 0.25, 99991), ("selfhash", 1, 300, 0.25, 7), ("lefthash", 1, 50257, 0.25, 2**40 + 15), ("lefthash", 1, 1000, 0.25, 2**63 + 12345),
    ]):
        config = WatermarkingConfig(greenlist_ratio=ratio, bias=2.5, hashing_key=key, seeding_scheme=scheme, context_width=width)
        marker = WatermarkLogitsProcessor(vocab, "cpu", **config.to_dict())
        prompt = prompt_of(i, vocab, 4)
        tokens, rng, source = list(prompt), np.random.default_rng(i), rows(i, vocab, pool=200)
        while len(tokens) < 124:
            row = next(source)[None].clone()
            marked = marker(torch.tensor([tokens]), torch.nan_to_num(row, neginf=-50.0))[0]
            tokens.append(sample(marked, rng))
        model = types.SimpleNamespace(bos_token_id=-1, is_encoder_decoder=False, vocab_size=vocab)
        profile = {"scheme": "hf-" + scheme, "width": width, "vocab": vocab, "gamma": ratio}
        for text, what in [(tokens[4:], "marked"), (unmarked(i, vocab, 150, 40), "unmarked")]:
            for ignore in [False, True]:
                d = WatermarkDetector(model, "cpu", config, ignore_repeated_ngrams=ignore)(torch.tensor([text]), return_dict=True)
                cases.append(case(dict(profile, dedup="pair" if ignore else "none"), [key], text, what=what, unit="ngram",
                                  **green_report(d.num_tokens_scored[0], d.num_green_tokens[0], d.z_score[0], d.p_value[0])))
        for window in [tokens[:width], tokens[-width:]]:
            marker.set_seed(torch.tensor(window))
            green = marker._get_greenlist_ids(torch.tensor(window))
            lists.append(dict(profile=dict(profile, isotope=1, tokenizer="none"), key=[key], window=window, seed=marker.rng.initial_seed(),
                              first=[int(t) for t in green[:12]], size=len(green)))
    return {"lists": lists, "cases": cases}


def load_kgw():
    sys.path.insert(0, SOURCES + "/lm-watermarking")
    stub("homoglyphs")
    w = importlib.import_module("extended_watermark_processor")
    prf = importlib.import_module("alternative_prf_schemes")
    return w, prf


def kgw():
    w, prf = load_kgw()
    vocab, cases, seeds = 600, [], []
    tokenizer = types.SimpleNamespace(bos_token_id=-1)
    names = ["simple_1", "lefthash", "selfhash", "minhash", "skipgram"] + [
        "ff-%s-%d-%s" % (f, h, s) for f, h, s in [
            ("additive_prf", 4, True), ("multiplicative_prf", 3, False), ("minfunc_prf", 4, False), ("simple_skip_prf", 5, False),
            ("anchored_skipgram_prf", 3, True), ("anchored_minhash_prf", 4, False), ("minskipgram_prf", 3, False), ("noncomm_prf", 3, True),
            ("position_prf", 4, False), ("multiplicative_prf", 9, True)]]
    for i, name in enumerate(names):
        key = 15485863 if not name.startswith("ff") or i % 2 else 2**61 + 1234567
        full = name if not name.startswith("ff") else "%s-%d" % (name, key)
        marker = w.WatermarkLogitsProcessor(vocab=list(range(vocab)), gamma=0.25, delta=2.5, seeding_scheme=full)
        width = marker.context_width
        prompt = prompt_of(i, vocab, 10)
        tokens, rng, source = list(prompt), np.random.default_rng(i), rows(i, vocab, pool=200)
        while len(tokens) < 100:
            row = torch.nan_to_num(next(source)[None].clone(), neginf=-50.0)
            tokens.append(sample(marker(torch.tensor([tokens]), row)[0], rng))
        profile = {"scheme": "kgw", "preset": name, "width": width, "vocab": vocab, "gamma": 0.25}
        for text, what in [(tokens[10:], "marked"), (unmarked(i, vocab, 150, 40), "unmarked")]:
            for legacy in [False, True] if i < 3 else [False]:
                for ignore in [False, True]:
                    d = w.WatermarkDetector(vocab=list(range(vocab)), gamma=0.25, seeding_scheme=full, device=torch.device("cpu"), tokenizer=tokenizer,
                                            normalizers=[], ignore_repeated_ngrams=ignore, select_green_tokens=not legacy)
                    r = d._score_sequence(torch.tensor(text))
                    cases.append(case(dict(profile, dedup="pair" if ignore else "none", **({"legacy": True} if legacy else {})), [key], text, what=what, unit="ngram",
                                      **green_report(r["num_tokens_scored"], r["num_green_tokens"], r["z_score"], r["p_value"])))
        function, h, _, k = prf.seeding_scheme_lookup(full)
        for window in [tokens[:h], tokens[-h:], [50256, 128255, 7, 199, 42, 1, 0, 5, 9][:h]]:
            seeds.append([name, key, window, str(prf.prf_lookup[function](torch.tensor(window), salt_key=k) % (2**64 - 1))])
    return {"table": [int(v) for v in prf.fixed_table[:8]], "seeds": seeds, "cases": cases}


def tgi():
    stub("loguru", logger=None)
    sys.path.insert(0, SOURCES + "/text-generation-inference/server/text_generation_server/utils")
    w = importlib.import_module("watermark")
    cases = []
    for i, (vocab, gamma) in enumerate([(1000, 0.5), (800, 0.25)]):
        marker = w.WatermarkLogitsProcessor(gamma=gamma, delta=2.0)
        tokens, rng, source = prompt_of(i, vocab, 1), np.random.default_rng(i), rows(i, vocab, pool=200)
        while len(tokens) < 120:
            row = torch.nan_to_num(next(source)[None].clone(), neginf=-50.0)
            tokens.append(sample(marker(torch.tensor([tokens]), row)[0], rng))
        green = [t in marker._get_greenlist_ids([p], vocab, "cpu").tolist() for p, t in zip(tokens, tokens[1:])]
        cases.append(case({"scheme": "tgi", "width": 1, "vocab": vocab, "gamma": gamma, "dedup": "none"}, [15485863], tokens, what="marked",
                          **green_report(len(green), sum(green))))
    return {"cases": cases}


def load_three_bricks():
    sys.path.insert(0, SOURCES + "/three_bricks")
    d = importlib.import_module("wm.detector")
    g = importlib.import_module("wm.generator")
    return d, g


def three_bricks():
    d, g = load_three_bricks()
    cases = []
    for i, (scheme, h, seed, vocab, payload) in enumerate([
        ("greenlist", 4, 0, 900, 0), ("greenlist", 1, 12345, 900, 5), ("gumbel", 4, 0, 900, 0), ("gumbel", 2, 2**40 + 3, 900, 7), ("gumbel", 1, 0, 900, 0),
    ]):
        gamma = 0.25
        tokenizer = types.SimpleNamespace(vocab_size=vocab, pad_token_id=-1, eos_token_id=-1, encode=lambda x, add_special_tokens: [int(t) for t in x.split()])
        model = types.SimpleNamespace(config=types.SimpleNamespace(max_sequence_length=1000, pad_token_id=-1, eos_token_id=-1, vocab_size=vocab))
        maker = {"greenlist": g.MarylandGenerator, "gumbel": g.OpenaiGenerator}[scheme]
        more = {"gamma": gamma, "delta": 3.0} if scheme == "greenlist" else {}
        torch.manual_seed(i)
        marker = maker(model, tokenizer, ngram=h, seed=seed, payload=payload, **more)
        tokens, source = prompt_of(i, vocab, h), rows(i, vocab, pool=200)
        while len(tokens) < 110:
            row = torch.nan_to_num(next(source)[None].clone(), neginf=-50.0)
            tokens.append(int(marker.sample_next(row, torch.tensor([tokens[-h:]]), 1.0, 1.0)[0]))
        finder = {"greenlist": d.MarylandDetector, "gumbel": d.OpenaiDetector}[scheme](tokenizer, ngram=h, seed=seed, **({"gamma": gamma} if more else {}))
        profile = {"scheme": "three-bricks-" + scheme, "width": h, "vocab": vocab, "message": payload, **({"gamma": gamma} if more else {})}
        for text, what in [(tokens[h:], "marked"), (unmarked(i, vocab, 150, 40), "unmarked")]:
            for method, dedup in [("none", "none"), ("v1", "context"), ("v2", "pair")]:
                scores = np.asarray(finder.get_scores_by_t([" ".join(map(str, text))], method, payload_max=payload)[0])
                p = finder.get_pvalues([scores])[0][payload]
                cases.append(case(dict(profile, dedup=dedup), [seed], text, what=what, scored=len(scores), sum=float(scores[:, payload].astype(np.float64).sum()), p=float(p)))
    return {"cases": cases}


def load_textseal():
    sys.path.insert(0, WHEELS)
    for name in ["textseal", "textseal.common"]:
        package(name, WHEELS + "/" + name.replace(".", "/"))
    core = importlib.import_module("textseal.common.watermark.core")
    package("textseal.posthoc", WHEELS + "/textseal/posthoc")
    d = importlib.import_module("textseal.posthoc.detector")
    prf = importlib.import_module("textseal.common.watermark.pseudorandom")
    return core, d, prf


def textseal():
    core, d, prf = load_textseal()
    vocab, cases = 900, []
    for i, (kind, n, key) in enumerate([("greenlist", 1, 42), ("greenlist", 2, 2**50 + 9), ("gumbelmax", 1, 42), ("gumbelmax", 4, 8775), ("gumbelmax", 10, 1)]):
        args = core.WatermarkConfig(secret_key=key, ngram=n, watermark_type=kind, method="binary" if kind == "greenlist" else "uniform", gamma=0.5)
        tokens, rng, source = prompt_of(i, vocab, n), np.random.default_rng(i), rows(i, vocab, pool=200)
        while len(tokens) < 120:
            row = torch.nan_to_num(next(source), neginf=-50.0)
            scores = core.score_all_next_tokens(torch.tensor([tokens[-n:]]), args, vocab)[0]
            if kind == "greenlist":
                tokens.append(sample(row + 2 * scores, rng))
            else:
                tokens.append(int(torch.argmax(scores ** (1 / torch.softmax(row, -1)))))
        tokenizer = types.SimpleNamespace(encode=lambda x, add_special_tokens: [int(t) for t in x.split()], add_special_tokens=None, decode=None, vocab_size=vocab)
        finder = {"greenlist": d.GreenlistDetector, "gumbelmax": d.GumbelmaxDetector}[kind](tokenizer, args)
        scheme = {"greenlist": "textseal-greenlist", "gumbelmax": "textseal-gumbel"}[kind]
        profile = {"scheme": scheme, "width": n, "vocab": vocab, **({"gamma": 0.5} if kind == "greenlist" else {})}
        for text, what in [(tokens[n:], "marked"), (unmarked(i, vocab, 150, 40), "unmarked")]:
            for method, dedup in [("none", "none"), ("v1", "context"), ("v2", "pair")]:
                scores = finder.get_scores_by_t([" ".join(map(str, text))], method, seen_windows=set())[0]
                p = finder.get_pvalue(sum(scores), len(scores), 1e-200)
                cases.append(case(dict(profile, dedup=dedup), [key], text, what=what, scored=len(scores), sum=float(np.sum(scores)), p=float(p)))
    # The 2026 repository has the same function. Its detector adds alpha s_a + (1-alpha) s_b and matches the
    # moments of a gamma law; that part is written here after its source, and the function is the program's.
    from scipy import special
    for i, alpha in enumerate([0.5, 0.8]):
        keys, n = [42, 42 + 12345], 2
        args = [core.WatermarkConfig(secret_key=k, ngram=n, method="uniform") for k in keys]
        tokens, rng, source = prompt_of(30 + i, vocab, n), np.random.default_rng(i), rows(30 + i, vocab, pool=200)
        while len(tokens) < 122:
            row = torch.nan_to_num(next(source), neginf=-50.0)
            scores = core.score_all_next_tokens(torch.tensor([tokens[-n:]]), args[0 if rng.random() < alpha else 1], vocab)[0]
            tokens.append(int(torch.argmax(scores ** (1 / torch.softmax(row, -1)))))
        text, seen, total, scored = tokens[n:], set(), 0.0, 0
        for at in range(n + 1, len(text)):
            gram = tuple(text[at - n:at + 1])
            if gram not in seen:
                seen.add(gram)
                a, b = [-(1 - core.score_listed_tokens(torch.tensor([text[at - n:at]]), x, [text[at]])[0, 0]).log().item() for x in args]
                total, scored = total + alpha * a + (1 - alpha) * b, scored + 1
        v = alpha**2 + (1 - alpha) ** 2
        cases.append(case({"scheme": "textseal-dual", "width": n, "vocab": vocab, "mixing": alpha, "dedup": "pair"}, keys, text, what="marked",
                          scored=scored, sum=total, p=float(special.gammaincc(scored / v, total / v))))
    hashes = [[w, x, k, int(prf._hash(prf._weighted_sum(torch.tensor([w])), torch.tensor([x]), k, "cpu")[0])]
              for w in [[1, 2], [128000, 791], [0], [5] * 10] for x in [3, 374, 128255] for k in [42, 1234, 2**62 + 7]]
    return {"hashes": hashes, "cases": cases}


def synthid_cases(scheme, vocab, make, call, more, keysets):
    cases = []
    for i, (depth, length, table) in enumerate(keysets):
        keys = [654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468, 990, 966, 226, 324, 585, 118, 504, 421, 521, 129, 669, 732,
                225, 90, 960][:depth]
        if i == 2:
            keys = [2**40 + k for k in keys]
        marker = make(keys, length, table)
        tokens, rng, source = [], np.random.default_rng(i), rows(i, vocab, pool=120, spread=1.0)
        while len(tokens) < 110:
            row = torch.nan_to_num(next(source)[None], neginf=-50.0)
            tokens.append(call(marker, tokens, row, rng))
        profile = {"scheme": scheme, "width": length - 1, "vocab": vocab, "depth": depth, "dedup": "context", **more(table)}
        for text, what in [(tokens, "marked"), (unmarked(i, vocab, 150, 30), "unmarked"), (tokens[:60] + [7] + tokens[60:], "ended")]:
            finder = make(keys, length, table)
            ids = torch.tensor([text])
            g = finder.compute_g_values(ids)[0]
            mask = finder.compute_context_repetition_mask(ids)[0].long()
            extra = {}
            if what == "ended":
                mask = mask * finder.compute_eos_token_mask(ids, 7)[0, length - 1:].long()
                extra = {"eos": 7}
            scored = int(mask.sum())
            weights = np.linspace(10, 1, depth)
            weights *= depth / weights.sum()
            g = g.numpy() * mask.numpy()[:, None]
            cases.append(case(dict(profile, **extra), keys, text, what=what, scored=scored, sum=int(g.sum()), mean=float(g.sum() / (depth * scored)),
                              weighted=float((g * weights).sum()), rows=["".join(map(str, r)) for r in g[:3].astype(int).tolist()]))
    return {"cases": cases}


def synthid_hf():
    from transformers.generation.logits_process import SynthIDTextWatermarkLogitsProcessor as Processor

    def make(keys, length, table):
        return Processor(ngram_len=length, keys=keys, sampling_table_size=table[0], sampling_table_seed=table[1], context_history_size=1024, device="cpu")

    def call(marker, tokens, row, rng):
        return sample(marker(torch.tensor([tokens]) if tokens else torch.zeros((1, 1), dtype=torch.long), row)[0], rng)

    return synthid_cases("synthid-hf", 500, make, call, lambda t: {"table_size": t[0], "table_seed": t[1]},
                         [(30, 5, (65536, 0)), (9, 3, (65536, 0)), (30, 5, (65536, 0)), (9, 5, (1000, 77))])


def synthid_deepmind(path=None, scheme="synthid-deepmind"):
    sys.path.insert(0, path or SOURCES + "/synthid-text/src")
    lp = importlib.import_module("synthid_text.logits_processing")
    table = path is not None

    def make(keys, length, t):
        more = {"sampling_table_size": t[0], "sampling_table_seed": t[1]} if table else {}
        return lp.SynthIDLogitsProcessor(ngram_len=length, keys=keys, context_history_size=1024, temperature=1.0, top_k=24, device=torch.device("cpu"), **more)

    def call(marker, tokens, row, rng):
        scores, ids, _ = marker.watermarked_call(torch.tensor([tokens]) if tokens else torch.zeros((1, 1), dtype=torch.long), row)
        return int(ids[0, sample(scores[0], rng)])

    more = (lambda t: {"table_size": t[0], "table_seed": t[1]}) if table else (lambda t: {})
    return synthid_cases(scheme, 500, make, call, more, [(30, 5, (65536, 0)), (9, 3, (65536, 0)), (30, 5, (65536, 0))])


def synthid_pypi():
    return synthid_deepmind(WHEELS, "synthid-hf")


def load_sbw():
    sys.path.insert(0, WHEELS)
    torch.compile = lambda f=None, **k: f if f is not None else (lambda g: g)
    b = importlib.import_module("sbw.batch")
    d = importlib.import_module("sbw.detector")
    return b, d


def sbw():
    b, d = load_sbw()
    vocab, cases = 600, []
    tokenizer = types.SimpleNamespace(bos_token_id=-1)
    names = ["simple_1", "lefthash", "minhash", "skipgram", "selfhash", "selfhash-100", "ff-additive_prf-4-False", "ff-noncomm_prf-3-True-20", "gpu-simple_1",
             "gpu-minhash", "gpu-skipgram", "gpu-selfhash", "gpu-selfhash-cpuhash-100", "gpu-fused-selfhash", "gpu-fused-selfhash-fullvocab",
             "gpu-fused-simple_4", "gpu-fused-simple_4-100", "gpu-ff-anchored_skipgram_prf-3-False", "gpu-ff-position_prf-4-False",
             "gpu-ff-minskipgram_prf-3-True-fullvocab", "gpu-ff-simple_skip_prf-5-False", "gpu-ff-multiplicative_prf-3-False", "gpu-ff-minfunc_prf-3-False",
             "gpu-fused-selfhash-fullvocab-cudagraphs"]
    for i, name in enumerate(names):
        key, gamma = [15485863, 2**61 + 1234567][i % 2], [0.5, 0.25, 0.3][i % 3]
        batch = b.WatermarkBatch(vocab=list(range(vocab)), gamma=gamma, delta=2.5, seeding_scheme=name, hash_key=key, device=torch.device("cpu"))
        finder = d.WatermarkDetector(device=torch.device("cpu"), tokenizer=tokenizer, vocab=list(range(vocab)), gamma=gamma, seeding_scheme=name, hash_key=key,
                                     normalizers=[])
        h, own = batch.context_width, batch.self_salt
        tokens, rng, source = prompt_of(i, vocab, h), np.random.default_rng(i), rows(i, vocab, candidates=8, pool=200)
        while len(tokens) < 90:
            row = torch.nan_to_num(next(source), neginf=-50.0)
            for t in torch.nonzero(row > -50)[:, 0].tolist():
                prefix = tuple(tokens[len(tokens) - h + 1:] + [t]) if own else tuple(tokens[-h:])
                if finder._get_ngram_score_cached(prefix, t):
                    row[t] += 2.5
            tokens.append(sample(row, rng))
        profile = {"scheme": "sbw", "preset": name, "width": h, "vocab": vocab, "gamma": gamma}
        for text, what in [(tokens[h:], "marked"), (unmarked(i, vocab, 150, 40), "unmarked")]:
            for ignore in [False, True]:
                finder.ignore_repeated_ngrams = ignore
                r = finder._score_sequence(torch.tensor(text))
                cases.append(case(dict(profile, dedup="pair" if ignore else "none"), [key], text, what=what, unit="ngram",
                                  **green_report(r["num_tokens_scored"], r["num_green_tokens"], r["z_score"], r["p_value"])))
    edges = []
    for g in [0.5, 0.25, 0.1, 0.3]:
        for m in [int(g * 2**31) + k for k in (-200, -65, -64, -1, 0, 1, 63, 64, 65, 128, 129, 200)]:
            edges.append([g, m, bool((torch.tensor([m]).float() * b._UNIFORM_SCALE < g)[0])])
    return {"edges": edges, "cases": cases}


def torch_generator():
    out = {"permutations": [], "uniforms": [], "bits": []}
    for seed, n in [(0, 10), (42, 10), (2**32 + 42, 10), (154858630, 20), (2971215073, 1000003), (464 * 15485863, 50257)]:
        g = torch.Generator().manual_seed(seed)
        p = torch.randperm(n, generator=g)
        out["permutations"].append({"seed": seed, "n": n, "first": [int(v) for v in p[:12]], "last": [int(v) for v in p[-4:]]})
    for seed in [0, 3745403367]:
        g = torch.Generator().manual_seed(seed)
        u = torch.rand(2000, generator=g)
        out["uniforms"].append({"seed": seed, "values": [[i, float(u[i])] for i in (0, 1, 2, 623, 624, 1248, 1999)]})
        g = torch.Generator().manual_seed(seed)
        out["bits"].append({"seed": seed, "n": 700, "values": "".join(str(int(v)) for v in torch.randint(0, 2, (700,), generator=g))})
    return out


makers = {"vllm": vllm, "sglang": sglang, "hf": hf, "kgw": kgw, "tgi": tgi, "three-bricks": three_bricks, "textseal": textseal, "synthid-hf": synthid_hf,
          "synthid-pypi": synthid_pypi, "synthid-deepmind": synthid_deepmind, "sbw": sbw, "torch": torch_generator}
if __name__ == "__main__":
    result = {"engine": ENGINE, "torch": torch.__version__, **makers[ENGINE]()}
    json.dump(result, sys.stdout, separators=(",", ":"))
    print()
