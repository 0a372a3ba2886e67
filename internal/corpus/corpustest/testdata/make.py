#!/usr/bin/env python3
"""Makes the files that Go has no writer for. Needs pyarrow and zstandard.

Run it in this folder: python3 make.py. Its output is committed, so that tests need
neither. Compressed bytes may differ between versions of the libraries, what they hold
does not.
"""
import bz2
import io
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

rows = [json.loads(line) for line in open("rows.jsonl", encoding="utf-8")]
data = open("rows.jsonl", "rb").read()


def write(name, content):
    with open(name, "wb") as f:
        f.write(content)


write("rows.jsonl.bz2", bz2.compress(data[:300]) + bz2.compress(data[300:]))
write("rows.jsonl.xz", lzma.compress(data[:300]) + lzma.compress(data[300:], check=lzma.CHECK_SHA256))
write("rows.x86.xz", lzma.compress(data, filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}]))
zeros = b"\0" * (1 << 24)
text = b"a" * (1 << 24)
write("bomb.bz2", bz2.compress(text))
write("bomb.xz", lzma.compress(text))
write("large-dictionary.xz", lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]))

samples = [json.dumps({"text": "a sentence about number %d and its neighbours" % i}).encode() for i in range(2000)]
dictionary = zstandard.train_dictionary(1024, samples)
write("dictionary.zst", zstandard.ZstdCompressor(dict_data=dictionary).compress(data))
write("long-window.zst", zstandard.ZstdCompressor(
    compression_params=zstandard.ZstdCompressionParameters(window_log=30, write_content_size=False)).stream_reader(
    io.BytesIO(data)).read())

table = pa.table({"prompt": [r["prompt"] for r in rows], "output": [r["output"] for r in rows],
                  "score": [float("nan")] * len(rows)})
pq.write_table(table, "rows.parquet", row_group_size=2)
pq.write_table(table, "rows-v1.parquet", compression="gzip", version="1.0", use_dictionary=False, write_page_checksum=True)
chat = pa.array([[{"role": "user", "content": r["prompt"]}, {"role": "assistant", "content": r["output"]}] for r in rows])
pq.write_table(pa.table({"messages": chat}), "rows-chat.parquet", compression="zstd", data_page_version="2.0")
pq.write_table(pa.table({"output": pa.array([[r["output"]] for r in rows]), "prompt": [r["prompt"] for r in rows]}),
               "rows-list.parquet", compression="brotli", column_encoding={"prompt": "DELTA_BYTE_ARRAY"}, use_dictionary=False)
pq.write_table(pa.table({"answer": pa.array([{"text": r["output"]} for r in rows]), "prompt": [r["prompt"] for r in rows]}),
               "rows-struct.parquet", compression="lz4", column_encoding={"prompt": "DELTA_LENGTH_BYTE_ARRAY"}, use_dictionary=False)
pq.write_table(pa.table({"id": [1, 2], "score": [0.5, 0.25]}), "no-text.parquet")
pq.write_table(pa.table({"text": pa.array([None, "a text", None]), "id": [1, 2, 3]}), "nulls.parquet")
