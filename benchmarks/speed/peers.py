"""Runs the code of other projects for peers_test.go, on one thread.

    peers.py versions
    peers.py

The first call prints the versions of the packages. The second one prints a line with the names of the
peers that this Python has. It then answers each line of standard input with the CPU time of the thread in
nanoseconds. The lines are

    greenlist VOCABULARY    the green list of transformers on a row of logits, gamma 1/2
    sampler VOCABULARY      temperature, top-k 40 and top-p 0.9 of transformers, and a draw, without a mark
    quicktok ENCODING FILE  the ids of a text
"""

import importlib.metadata
import importlib.util
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

have = {name for name in ("torch", "transformers", "quicktok") if importlib.util.find_spec(name)}
if sys.argv[1:] == ["versions"]:
    packages = {"torch": "torch", "transformers": "transformers", "quicktok": "quicktok-v1"}
    print(", ".join(f"{packages[n]} {importlib.metadata.version(packages[n])}" for n in packages if n in have))
    sys.exit()

peers = []
if {"torch", "transformers"} <= have:
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(1)
    peers += ["greenlist", "sampler"]
if "quicktok" in have:
    import quicktok

    peers += ["quicktok"]

kept = {}


def keep(make, *key):
    if (make, *key) not in kept:
        kept[make, *key] = make(*key)
    return kept[make, *key]


def greenlist(vocabulary):
    """Returns a call that biases one row after another token."""
    processor = transformers.WatermarkLogitsProcessor(
        vocab_size=vocabulary, device="cpu", greenlist_ratio=0.5, bias=1e-30, seeding_scheme="lefthash", context_width=1
    )
    row, ids, step = torch.randn(1, vocabulary) * 3, torch.zeros(1, 2, dtype=torch.long), 0

    def call():
        nonlocal step
        step += 1
        ids[0, 1] = step % vocabulary
        return processor(ids, row)

    return call


def sampler(vocabulary):
    """Returns a call that draws from one of 8 rows."""
    warpers = [
        transformers.TemperatureLogitsWarper(0.8),
        transformers.TopKLogitsWarper(40),
        transformers.TopPLogitsWarper(0.9),
    ]
    rows, ids, step = torch.randn(8, 1, vocabulary) * 3, torch.zeros(1, 2, dtype=torch.long), 0

    def call():
        nonlocal step
        step += 1
        row = rows[step % 8]
        for w in warpers:
            row = w(ids, row)
        return torch.multinomial(torch.softmax(row, -1), 1)

    return call


def encoding(name):
    return quicktok.get_encoding(name).encode_ordinary


def text(file):
    with open(file, encoding="utf-8") as f:
        return f.read()


print(*peers, flush=True)
for line in sys.stdin:
    match line.split():
        case ["greenlist", vocabulary]:
            call = keep(greenlist, int(vocabulary))
        case ["sampler", vocabulary]:
            call = keep(sampler, int(vocabulary))
        case ["quicktok", name, file]:
            encode, content = keep(encoding, name), keep(text, file)
            call = lambda: encode(content)
    start = time.thread_time_ns()
    call()
    print(time.thread_time_ns() - start, flush=True)
