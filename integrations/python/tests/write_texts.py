"""Writes texts with a randomly initialised model, marked through each engine's interface.

    python3 write_texts.py FOLDER > texts.json

FOLDER holds the key files greenlist.key and gumbelmax.key and the profiles greenlist.json and gumbelmax.json. python_test.go
makes it, and tests the texts with package detect. Needs torch and transformers. vLLM needs a GPU, so its interface is
played by this program: the batch grows, shrinks and swaps as vLLM's does.
"""

import enum
import json
import os
import pathlib
import sys
import types

import torch
from transformers import GPT2Config, GPT2LMHeadModel

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from isotope_mark import Mark, read_key, read_profile
from isotope_mark import vllm
from isotope_mark.transformers import MarkProcessor

FOLDER = pathlib.Path(sys.argv[1])
VOCAB, LENGTH = 500, 240


class Direction(enum.Enum):
    UNIDIRECTIONAL = 1
    SWAP = 2


def model():
    torch.manual_seed(1)
    m = GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB, n_positions=512, n_embd=32, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None, initializer_range=0.3))
    m.eval()
    m.generation_config.pad_token_id = 0
    return m


def by_transformers(m, scheme, beams=1):
    mark = Mark(read_profile(FOLDER / f"{scheme}.json"), read_key(FOLDER / f"{scheme}.key"))
    prompt = torch.tensor([[0, 0, 7, 8, 9, 10], [11, 12, 13, 14, 15, 16]])
    attention = (prompt != 0).long()
    more = {"pad_token_id": 0}
    if mark.is_draw:
        more.update(temperature=0.9, top_k=60, top_p=0.98)
    torch.manual_seed(2)
    out = m.generate(prompt, attention_mask=attention, max_new_tokens=LENGTH, do_sample=True, top_k=0, top_p=1.0, temperature=1.0, num_beams=beams,
                     logits_processor=[MarkProcessor(mark, prompt.shape[1], **more)])
    return out[:, prompt.shape[1]:].tolist()


def by_vllm(m, scheme):
    os.environ["ISOTOPE_PROFILE_FILE"], os.environ["ISOTOPE_KEY_FILE"] = str(FOLDER / f"{scheme}.json"), str(FOLDER / f"{scheme}.key")
    processor = vllm.MarkProcessor(None, torch.device("cpu"), False)
    params = types.SimpleNamespace(temperature=0.9, top_k=-1, top_p=1.0, min_p=0.0)
    generator = torch.Generator().manual_seed(3)
    requests = [([7, 8, 9, 10], []), ([11, 12, 13], []), ([14, 15, 16, 17, 18], [])]
    update = lambda **k: types.SimpleNamespace(**{"removed": [], "added": [], "moved": [], **k})
    processor.update_state(update(added=[(i, params, p, o) for i, (p, o) in enumerate(requests)]))
    slots = [0, 1, 2]
    for step in range(LENGTH):
        if step == 20:  # the last two swap places
            processor.update_state(update(moved=[(1, 2, Direction.SWAP)]))
            slots[1], slots[2] = slots[2], slots[1]
        elif step == 40:  # the first ends, and the last takes its place
            processor.update_state(update(removed=[0], moved=[(2, 0, Direction.UNIDIRECTIONAL)]))
            slots = [slots[2], slots[1]]
        else:
            processor.update_state(None)
        with torch.no_grad():
            rows = torch.stack([m(torch.tensor([requests[s][0] + requests[s][1]])).logits[0, -1] for s in slots])
        rows = processor.apply(rows) / params.temperature
        for s, token in zip(slots, torch.multinomial(torch.softmax(rows, -1), 1, generator=generator)[:, 0].tolist()):
            requests[s][1].append(token)
    return [o for _, o in requests if len(o) == LENGTH]


def placeholders(scheme):
    """vLLM's placeholder for a token that it does not know yet is an error."""
    processor = vllm.MarkProcessor(None, torch.device("cpu"), False)
    params = types.SimpleNamespace(temperature=1.0, top_k=-1, top_p=1.0, min_p=0.0)
    processor.update_state(types.SimpleNamespace(removed=[], moved=[], added=[(0, params, [1, 2], [3, -1])]))
    try:
        processor.apply(torch.zeros(1, VOCAB))
    except RuntimeError as e:
        return str(e)
    return ""


m = model()
texts = []
for scheme in ["greenlist", "gumbelmax"]:
    texts += [{"scheme": scheme, "engine": "transformers", "texts": by_transformers(m, scheme)}, {"scheme": scheme, "engine": "vllm", "texts": by_vllm(m, scheme)}]
texts.append({"scheme": "greenlist", "engine": "transformers, beams", "texts": by_transformers(m, "greenlist", beams=2)})
torch.manual_seed(4)
plain = m.generate(torch.tensor([[7, 8, 9]]), max_new_tokens=LENGTH, do_sample=True, top_k=0)[:, 3:].tolist()
texts.append({"scheme": "none", "engine": "transformers", "texts": plain})
json.dump({"texts": texts, "placeholder": placeholders("gumbelmax"), "torch": torch.__version__}, sys.stdout)
