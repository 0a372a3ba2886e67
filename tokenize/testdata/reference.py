"""Tokenizes texts with the programs that this package is compared with.

    reference.py PROGRAM FILE [PATTERN]

PROGRAM is hf, hf-special, tiktoken, tekken, sentencepiece or llama.cpp, and FILE a vocabulary of it.
hf leaves control tokens as text, and hf-special gives them their ids. tiktoken takes a .tiktoken file
and its pattern, with "NFC " before it if texts are normalized first, as Hugging Face's tokenizers do.

Standard input is a sequence of batches: the number of texts, then each text. A number has four bytes
in little-endian order, and comes before each text as its length in bytes. Standard output has, for
each text, the number of ids and the ids.
"""

import ctypes
import pathlib
import struct
import sys


def hf(path, special):
    import tokenizers

    tok = tokenizers.Tokenizer.from_file(path)
    tok.encode_special_tokens = not special
    tok.no_truncation()
    return lambda texts: [e.ids for e in tok.encode_batch_fast(texts, add_special_tokens=False)]


def tiktoken(path, pattern):
    import base64

    import tiktoken
    import tokenizers

    nfc = pattern.startswith("NFC ")
    pattern = pattern.removeprefix("NFC ")
    ranks = {}
    for line in pathlib.Path(path).read_bytes().splitlines():
        if line:
            token, rank = line.split()
            ranks[base64.b64decode(token)] = int(rank)
    enc = tiktoken.Encoding("file", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    def encode(texts):
        if nfc:
            texts = [tokenizers.normalizers.NFC().normalize_str(t) for t in texts]
        return enc.encode_ordinary_batch(texts, num_threads=2)

    return encode


def tekken(path):
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    tok = Tekkenizer.from_file(path)
    return lambda texts: [tok.encode(t, bos=False, eos=False) for t in texts]


def sentencepiece(path):
    import sentencepiece

    tok = sentencepiece.SentencePieceProcessor(model_file=path)
    return lambda texts: tok.encode(texts)


def llama(path):
    class Params(ctypes.Structure):  # passed through, larger than it is
        _fields_ = [("opaque", ctypes.c_char * 512)]

    cache = pathlib.Path(path).parents[2]
    (library,) = cache.glob("llama.cpp-*/libllama.so")
    c = ctypes.CDLL(str(library))
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    c.llama_log_set(quiet, None)
    llama.kept = quiet
    c.llama_backend_init()
    backends = ctypes.CDLL(str(library.parent / "libggml.so"))
    backends.ggml_backend_load_all_from_path(str(library.parent).encode())
    c.llama_model_default_params.restype = Params
    c.llama_model_load_from_file.restype = ctypes.c_void_p
    c.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
    model = c.llama_model_load_from_file(str(path).encode(), c.llama_model_default_params())
    if not model:
        sys.exit("llama.cpp did not load the model")
    c.llama_model_get_vocab.restype = ctypes.c_void_p
    c.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
    vocab = c.llama_model_get_vocab(model)
    c.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]

    def encode(texts):
        out = []
        for t in texts:
            b = t.encode()
            ids = (ctypes.c_int32 * (len(b) + 8))()
            n = c.llama_tokenize(vocab, b, len(b), ids, len(ids), False, False)
            if n < 0:
                sys.exit(f"llama.cpp needs {-n} ids for {len(b)} bytes")
            out.append(ids[:n])
        return out

    return encode


def main(program, path, pattern=""):
    encode = {
        "hf": lambda: hf(path, False),
        "hf-special": lambda: hf(path, True),
        "tiktoken": lambda: tiktoken(path, pattern),
        "tekken": lambda: tekken(path),
        "sentencepiece": lambda: sentencepiece(path),
        "llama.cpp": lambda: llama(path),
    }[program]()
    read, write = sys.stdin.buffer, sys.stdout.buffer
    while head := read.read(4):
        texts = []
        for _ in range(struct.unpack("<I", head)[0]):
            (n,) = struct.unpack("<I", read.read(4))
            texts.append(read.read(n).decode())
        for ids in encode(texts):
            write.write(struct.pack(f"<I{len(ids)}I", len(ids), *ids))
        write.flush()


main(*sys.argv[1:])
