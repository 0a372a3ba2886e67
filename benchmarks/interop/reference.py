"""Tests texts with the reference programs, for the Go program beside it.

    python3 reference.py WHEELS SOURCES ENGINE

reads a JSON list of ids from each line of its input, tests it with the program's own detector, and answers with the CPU
seconds that took. See watermark/interop/testdata/README.md for WHEELS and SOURCES.
"""

import json
import pathlib
import sys
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "watermark" / "interop" / "testdata"))
import make_vectors as m
import torch

VOCAB, KEY = 32000, 15485863
words = types.SimpleNamespace(bos_token_id=-1, vocab_size=VOCAB, pad_token_id=-1, eos_token_id=-1, add_special_tokens=None, decode=None,
                              encode=lambda x, add_special_tokens: [int(t) for t in x.split()])
spell = lambda ids: " ".join(map(str, ids))


def vllm():
    return m.load_vllm().GumbelWatermarkDetector(KEY).detect


def vllm_dual():
    return m.load_vllm().DualKeyGumbelWatermarkDetector(KEY).detect


def sglang():
    detect = m.load_sglang()[1].detect
    return lambda ids: detect(ids, key=f"{KEY:x}")


def sglang_dual():
    detect = m.load_sglang()[1].detect
    return lambda ids: detect(ids, key=f"{KEY:x}", key_b=f"{KEY + 1:x}")


def hf(scheme, width):
    def load():
        from transformers import WatermarkDetector, WatermarkingConfig

        model = types.SimpleNamespace(bos_token_id=-1, is_encoder_decoder=False, vocab_size=VOCAB)
        # A new detector for each text, so that its cache starts empty, as ours does.
        config = WatermarkingConfig(seeding_scheme=scheme, context_width=width)
        detector = WatermarkDetector(model, "cpu", config, ignore_repeated_ngrams=True)

        def detect(ids):
            detector._get_ngram_score_cached.cache_clear()
            return detector(torch.tensor([ids]))
        return detect
    return load


def kgw(scheme):
    def load():
        w, _ = m.load_kgw()
        make = lambda: w.WatermarkDetector(vocab=range(VOCAB), gamma=0.25, seeding_scheme=scheme, device=torch.device("cpu"), tokenizer=words, normalizers=[])
        return lambda ids: make()._score_sequence(torch.tensor(ids))
    return load


def sbw():
    _, d = m.load_sbw()
    make = d.WatermarkDetector(device=torch.device("cpu"), tokenizer=words, vocab=range(VOCAB), gamma=0.5, seeding_scheme="gpu-fused-selfhash", normalizers=[])
    return lambda ids: make._score_sequence(torch.tensor(ids))


def three_bricks(kind):
    def load():
        d, _ = m.load_three_bricks()
        detector = {"greenlist": d.MarylandDetector, "gumbel": d.OpenaiDetector}[kind](words, ngram=4, seed=0)
        return lambda ids: detector.get_pvalues([m.np.asarray(detector.get_scores_by_t([spell(ids)], "v2")[0])])
    return load


def textseal(kind):
    def load():
        core, d, _ = m.load_textseal()
        args = core.WatermarkConfig(secret_key=KEY, ngram=2, watermark_type=kind, method="binary" if kind == "greenlist" else "uniform")
        detector = {"greenlist": d.GreenlistDetector, "gumbelmax": d.GumbelmaxDetector}[kind](words, args)

        def detect(ids):
            scores = detector.get_scores_by_t([spell(ids)], "v2", seen_windows=set())[0]
            return detector.get_pvalue(sum(scores), len(scores), 1e-200)
        return detect
    return load


def synthid(where):
    def load():
        keys = list(range(1, 31))
        if where == "hf":
            from transformers.generation.logits_process import SynthIDTextWatermarkLogitsProcessor as Processor

            p = Processor(ngram_len=5, keys=keys, sampling_table_size=65536, sampling_table_seed=0, context_history_size=1024, device="cpu")
        else:
            sys.path.insert(0, m.SOURCES + "/synthid-text/src")
            from synthid_text.logits_processing import SynthIDLogitsProcessor

            p = SynthIDLogitsProcessor(ngram_len=5, keys=keys, context_history_size=1024, temperature=1.0, top_k=40, device=torch.device("cpu"))

        def detect(ids):
            ids = torch.tensor([ids])
            return (p.compute_g_values(ids) * p.compute_context_repetition_mask(ids)[..., None]).sum()
        return detect
    return load


engines = {
    "vllm-gumbel": vllm, "vllm-dual-gumbel": vllm_dual, "sglang-gumbel": sglang, "sglang-dual-gumbel": sglang_dual, "hf-lefthash": hf("lefthash", 1), "hf-selfhash": hf("selfhash", 4),
    "kgw simple_1": kgw("simple_1"), "kgw selfhash": kgw("selfhash"), "sbw gpu-fused-selfhash": sbw, "three-bricks-greenlist": three_bricks("greenlist"),
    "three-bricks-gumbel": three_bricks("gumbel"), "textseal-greenlist": textseal("greenlist"), "textseal-gumbel": textseal("gumbelmax"),
    "synthid-hf": synthid("hf"), "synthid-deepmind": synthid("deepmind"),
}

detect = engines[sys.argv[3]]()
with torch.no_grad():
    for line in sys.stdin:
        ids = json.loads(line)
        start = time.process_time()
        detect(ids)
        print(time.process_time() - start, flush=True)
