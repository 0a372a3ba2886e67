"""Tokenizes the texts of this benchmark with other programs, one thread each.

    peers.py DIRECTORY CACHE

DIRECTORY has a file of texts for each kind and a file of ranks for each vocabulary, and CACHE the other
files of the vocabularies. Each line of standard input is
"PROGRAM VOCABULARY KIND", and the answer a line "NANOSECONDS IDS CRC": the CPU time of the thread, the
number of ids, and the CRC-32 of the ids of all texts, or 0 for a program that only counts. A file of
texts has the length of each text in four bytes, little-endian, before it. The answer "-" says that the
program does not know the vocabulary.
"""

import base64
import json
import os
import pathlib
import struct
import sys
import time
import zlib

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import numpy
import quicktok
import tiktoken
import tokenizers

directory, cache = map(pathlib.Path, sys.argv[1:])


def texts(kind):
    b = (directory / kind).read_bytes()
    at, all = 0, []
    while at < len(b):
        (n,) = struct.unpack_from("<I", b, at)
        all.append(b[at + 4 : at + 4 + n].decode())
        at += 4 + n
    return all


QUICKTOK = {"cl100k": "cl100k_base", "o200k": "o200k_base", "llama-3": "llama3", "qwen-3": "qwen3"}
FILES = {"cl100k": "cl100k", "o200k": "gpt-4o", "llama-3": "llama-3", "qwen-3": "qwen-3"}
made = {}


def make(program, vocabulary):
    if program.startswith("quicktok"):
        e = quicktok.get_encoding(QUICKTOK[vocabulary])
        return e.count if program == "quicktok-count" else e.encode_ordinary
    if program == "tiktoken":
        if vocabulary == "qwen-3":  # its tokenizer changes texts to NFC, which tiktoken does not
            return None
        ranks = {base64.b64decode(t): int(r) for t, r in map(bytes.split, (directory / vocabulary).read_bytes().splitlines())}
        f = json.loads((cache / "vocabularies" / FILES[vocabulary] / "tokenizer.json").read_text())
        pattern = f["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
        return tiktoken.Encoding(vocabulary, pat_str=pattern, mergeable_ranks=ranks, special_tokens={}).encode_ordinary
    e = tokenizers.Tokenizer.from_file(str(cache / "vocabularies" / FILES[vocabulary] / "tokenizer.json"))
    e.encode_special_tokens = True
    return lambda text: e.encode(text, add_special_tokens=False).ids


kinds = {}
for line in sys.stdin:
    program, vocabulary, kind = line.split()
    if kind not in kinds:
        kinds[kind] = texts(kind)
    if (program, vocabulary) not in made:
        made[program, vocabulary] = make(program, vocabulary)
    encode = made[program, vocabulary]
    if encode is None:
        print("-", flush=True)
        continue
    start = time.thread_time_ns()
    out = [encode(t) for t in kinds[kind]]
    took = time.thread_time_ns() - start
    crc = 0
    if program == "quicktok-count":
        count = sum(out)
    else:
        count = sum(map(len, out))
        for ids in out:
            crc = zlib.crc32(numpy.asarray(ids, dtype="<u4").tobytes(), crc)
    print(took, count, crc, flush=True)
