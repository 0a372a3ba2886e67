#!/usr/bin/env python3
"""Writes files with reference programs, and what those read back from them.

Usage: reference.py FOLDER. Writes files into FOLDER, and an index.json that has for each
file the texts that pyarrow, warcio or zstandard read from it. Package corpus must read the
same. Needs pyarrow, warcio and zstandard from PyPI.
"""
import bz2
import gzip
import io
import json
import lzma
import os
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

folder = sys.argv[1]
index = []
rng = random.Random(7)
words = "the river was high that spring été 河水 😀 a b c long-word".split()


def sentence(n):
    return " ".join(rng.choice(words) for _ in range(n))


texts = [sentence(rng.randint(1, 60)) for _ in range(500)]
nulls = [None if i % 7 == 3 else t for i, t in enumerate(texts)]
repeats = [texts[i % 5] for i in range(500)]


def parquet(name, table, field, **kw):
    path = os.path.join(folder, name)
    pq.write_table(table, path, **kw)
    want = []
    for row in pq.read_table(path).to_pylist():
        v = row[field]
        if field == "messages":
            v = None if v is None else [m["content"] for m in v if m["role"] == "assistant" and m["content"]]
        elif isinstance(v, dict):
            v = [v["text"]] if v["text"] else None
        elif isinstance(v, list):
            v = [x for x in v if x]
        elif v:
            v = [v]
        want.append([x.decode() if isinstance(x, bytes) else x for x in v or []])
    index.append({"file": name, "rows": want})


for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    for version in ["1.0", "2.0"]:
        for crc in [False, True]:
            parquet(f"plain-{codec}-{version}-{crc}.parquet", pa.table({"id": range(500), "text": nulls}), "text",
                    compression=codec, data_page_version=version, write_page_checksum=crc, row_group_size=123, data_page_size=512)
for encoding in ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]:
    for version in ["1.0", "2.0"]:
        parquet(f"encoding-{encoding}-{version}.parquet", pa.table({"text": nulls, "score": [0.5] * 500}), "text",
                use_dictionary=False, column_encoding={"text": encoding}, data_page_version=version, data_page_size=2000)
parquet("dictionary.parquet", pa.table({"text": repeats}), "text", data_page_size=100)
parquet("dictionary-overflow.parquet", pa.table({"text": texts}), "text", dictionary_pagesize_limit=1000)
parquet("required.parquet", pa.table({"text": pa.array(texts)}, schema=pa.schema([pa.field("text", pa.string(), nullable=False)])), "text")
parquet("large-string.parquet", pa.table({"text": pa.array(nulls, pa.large_string())}), "text")
parquet("binary.parquet", pa.table({"text": pa.array([t.encode() for t in texts], pa.binary())}), "text")
parquet("dictionary-type.parquet", pa.table({"text": pa.array(repeats).dictionary_encode()}), "text")
for legacy in [False, True]:
    lists = [None if i % 11 == 5 else texts[i:i + i % 4] + ([None] if i % 3 == 0 else []) for i in range(490)]
    parquet(f"list-{legacy}.parquet", pa.table({"output": lists}), "output", use_compliant_nested_type=not legacy, data_page_size=700)
    structs = [None if i % 13 == 4 else {"text": nulls[i], "meta": {"n": i, "tags": ["x"] * (i % 3)}} for i in range(500)]
    parquet(f"struct-{legacy}.parquet", pa.table({"answer": structs}), "answer", use_compliant_nested_type=not legacy)
    chats = [None if i % 17 == 2 else [{"role": "user", "content": texts[(i + 1) % 500]}, {"role": "assistant", "content": nulls[i]}] * (i % 3) for i in range(500)]
    for version in ["1.0", "2.0"]:
        parquet(f"chat-{legacy}-{version}.parquet", pa.table({"messages": chats}), "messages", use_compliant_nested_type=not legacy,
                data_page_version=version, data_page_size=900, row_group_size=77, compression="zstd")


def crawl(name, **kw):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        w = WARCWriter(f, **kw)
        w.write_record(w.create_warcinfo_record("x.warc", {"software": "reference"}))
        for i, t in enumerate(texts[:40]):
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/plain; charset=utf-8")], protocol="HTTP/1.1")
            w.write_record(w.create_warc_record(f"http://example.test/{i}", "response", payload=io.BytesIO(t.encode()), http_headers=headers))
            w.write_record(w.create_warc_record(f"http://example.test/r{i}", "resource", payload=io.BytesIO(t.encode()), warc_content_type="text/plain"))
            w.write_record(w.create_warc_record(f"http://example.test/{i}", "request", payload=io.BytesIO(b"GET / HTTP/1.1\r\n\r\n"),
                                                warc_content_type="application/http; msgtype=request"))
            w.write_record(w.create_warc_record(f"http://example.test/c{i}", "conversion", payload=io.BytesIO(t.encode()), warc_content_type="text/plain"))
    want, places = [], []
    with open(path, "rb") as f:
        it = ArchiveIterator(f)
        for record in it:
            if record.rec_type in ("response", "resource", "conversion"):
                want.append([record.content_stream().read().decode()])
                places.append([it.get_record_offset(), record.rec_headers.get_header("WARC-Target-URI"), record.rec_headers.get_header("WARC-Record-ID")])
    index.append({"file": name, "rows": want, "places": places, "stored": kw.get("gzip", True)})


crawl("crawl.warc.gz", gzip=True)
crawl("crawl.warc", gzip=False)
crawl("crawl-1.1.warc.gz", gzip=True, warc_version="1.1")

data = "".join(json.dumps({"text": t}, ensure_ascii=i % 2 == 0) + "\n" for i, t in enumerate(texts)).encode()
rows = [[t] for t in texts]


def compressed(name, content):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(content)
    index.append({"file": name, "rows": rows})


third = len(data) // 3
parts = [data[:third], data[third:2 * third], data[2 * third:]]
for level in [-5, 1, 3, 19]:
    z = zstandard.ZstdCompressor(level=level, write_checksum=True)
    compressed(f"level{level}.jsonl.zst", z.compress(data))
    compressed(f"frames{level}.jsonl.zst", b"".join(z.compress(p) for p in parts))
z = zstandard.ZstdCompressor(write_content_size=False)
compressed("stream.jsonl.zst", z.stream_reader(io.BytesIO(data)).read())
compressed("threads.jsonl.zst", zstandard.ZstdCompressor(threads=2).compress(data))
compressed("window.jsonl.zst", zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=26, enable_ldm=True)).compress(data))
compressed("members.jsonl.gz", b"".join(gzip.compress(p) for p in parts))
compressed("streams.jsonl.bz2", b"".join(bz2.compress(p) for p in parts))
compressed("streams.jsonl.xz", b"".join(lzma.compress(p, check=c) for p, c in zip(parts, [lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256])))
compressed("preset9.jsonl.xz", lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
compressed("delta.jsonl.xz", lzma.compress(data, filters=[{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2}]))

with open(os.path.join(folder, "index.json"), "w", encoding="utf-8") as f:
    json.dump(index, f)
print(len(index), "files")
