"""What other programs need for the same text. JSON lines come through standard input.

    peers.py versions
    peers.py tokenizers tokenizer.json   decode each row and turn it into token ids, in one thread
    peers.py detector tokenizer.json     the same, and a test of each row in numpy
    peers.py reader tokenizer.json FOLDER     datatrove's reader of the files in a folder
    peers.py datatrove tokenizer.json FOLDER  the same, and its step that counts tokens

The last two read zstd files themselves. They need datatrove, and the others do not.
The detector has the rule of a green list of half the vocabulary with two tokens of context, and
scores each distinct pair once. Its hash is a multiplication and not AES, and its p-value is that of
the normal law: this is the least that such a test costs in numpy. It prints the seconds of processor
time, and neither starting Python nor loading the tokenizer counts.
"""

import importlib.metadata
import json
import math
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import numpy
import tokenizers

BATCH = 256


def batches():
    rows = []
    for line in sys.stdin.buffer:
        rows.append(json.loads(line)["text"])
        if len(rows) == BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


def log10_p(ids):
    x = numpy.asarray(ids, dtype=numpy.uint64)
    if len(x) < 3:
        return 0.0
    pairs = numpy.unique((x[:-2] << numpy.uint64(40)) | (x[1:-1] << numpy.uint64(20)) | x[2:])
    h = (pairs ^ numpy.uint64(0x9E3779B97F4A7C15)) * numpy.uint64(0xD1B54A32D192ED03)
    h ^= h >> numpy.uint64(29)
    green = int(numpy.count_nonzero((h * numpy.uint64(0xBF58476D1CE4E5B9)) >> numpy.uint64(63)))
    z = (2 * green - len(pairs)) / math.sqrt(len(pairs))
    return math.log10(max(math.erfc(z / math.sqrt(2)) / 2, 1e-300))


def datatrove(mode, tokenizer, folder):
    """Reads as a pipeline of datatrove does, in one thread."""
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.tokens import TokensCounter
    import loguru

    loguru.logger.remove()  # it reports each file
    counter = TokensCounter(tokenizer, batch_size=BATCH)
    counter.tokenizer  # loads it
    begun = time.process_time()
    documents = JsonlReader(folder, compression="zstd", glob_pattern="part-*.jsonl.zst").run()
    if mode == "datatrove":
        tokens = sum(d.metadata["token_count"] for d in counter.run(documents))
    else:
        tokens = 0
        for _ in documents:
            pass
    print(json.dumps({"cpu": time.process_time() - begun, "tokens": tokens}))


def main():
    mode = sys.argv[1]
    if mode == "versions":
        try:
            also = ", datatrove " + importlib.metadata.version("datatrove")
        except importlib.metadata.PackageNotFoundError:
            also = ""
        print(f"Python {sys.version.split()[0]}, tokenizers {tokenizers.__version__}, numpy {numpy.__version__}{also}")
        return
    if mode in ("reader", "datatrove"):
        datatrove(mode, *sys.argv[2:])
        return
    tokenizer = tokenizers.Tokenizer.from_file(sys.argv[2])
    begun = time.process_time()
    smallest, tokens = 0.0, 0
    for rows in batches():
        for e in tokenizer.encode_batch(rows, add_special_tokens=False):
            ids = e.ids
            tokens += len(ids)
            if mode == "detector":
                smallest = min(smallest, log10_p(ids))
    print(json.dumps({"cpu": time.process_time() - begun, "tokens": tokens, "log10_p": smallest}))


main()
