#!/usr/bin/env python3
"""Trains students of a real model on its marked answers, and audits them.

    python3 students.py --isotope ISOTOPE --realmodel REALMODEL --work DIR [--model FILE] [--arm NAME] [--quick]

ISOTOPE is the command, built with the tag llama, and REALMODEL is the Go program of this folder. An arm
has four steps, each with a file in DIR/ARM that is not made twice: the teacher's answers (train.jsonl),
the student (student.pt), the student's answers to prompts on other topics (answers.jsonl), and the
audits (result.json). So the program may be stopped, and continues where it was. Answers that are half
written are continued, too. It uses a GPU if torch sees one, and result.json says which device ran.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import time

# width, delta, share of marked training texts, kind of prompts; share 0 is the clean twin. An arm whose name
# ends in "account" has all its training text from one account of a registry. One that ends in "then-clean"
# fine-tunes the student of the arm before it once more, on unmarked answers.
ARMS = {
    "k1-d3": (1, 3, 1, "chat"), "clean": (1, 3, 0, "chat"), "k1-d2": (1, 2, 1, "chat"), "k2-d3": (2, 3, 1, "chat"),
    "k1-d3-quarter": (1, 3, 0.25, "chat"), "k1-d3-reasoning": (1, 3, 1, "reasoning"),
    "k1-d3-5percent": (1, 3, 0.05, "chat"), "k1-d3-key2": (1, 3, 1, "chat"),
    "k1-d3-account": (1, 3, 1, "chat"), "k1-d2-then-clean": (1, 2, 0, "chat"),
}
THEN = "-then-clean"
EPOCH, ACCOUNT, ACCOUNTS, DECOYS = "2026-11", "account-1", 20, 100
END = 2  # the id that ends a turn of SmolLM2
TEMPERATURE = 0.8  # of the students


def run(*command, code=(0,)):
    """Runs a program and returns what it prints."""
    r = subprocess.run(command, capture_output=True, text=True)
    if r.returncode not in code:
        raise SystemExit("%s: %s" % (" ".join(command[:3]), r.stderr))
    return r.stdout


def once(path, make):
    """Makes a file unless it is there. make gets the name of a file that is renamed at the end."""
    if not os.path.exists(path):
        make(path + ".tmp")
        os.rename(path + ".tmp", path)
    return path


def read(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as lines:
        return [json.loads(x) for x in lines]


def load(a, weights=None):
    """Returns the model, untuned or with the weights of a student."""
    import torch
    from transformers import AutoModelForCausalLM
    torch.manual_seed(1)
    if not torch.cuda.is_available():
        torch.set_num_threads(a.threads)
    folder, file = os.path.split(a.model)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    if weights:
        model.load_state_dict(torch.load(weights, map_location=model.device))
    return model


def register(a, key, path):
    """Writes a registry of accounts under the key: four cohorts, and decoys."""
    root = run(a.isotope, "-q", "key", "id", key).split()[0]
    cohorts = [{"id": "cohort-%d" % i, "epoch": EPOCH} for i in range(1, 5)]
    tenants = [{"id": "account-%d" % i, "cohort": "cohort-%d" % (i % 4 + 1), "epoch": EPOCH} for i in range(1, ACCOUNTS + 1)]
    tenants += [{"id": "decoy-%d" % i, "epoch": EPOCH, "decoy": True} for i in range(1, DECOYS + 1)]
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"isotope_registry": 1, "root": root, "epochs": [{"id": EPOCH}], "cohorts": cohorts, "tenants": tenants}, f)


def teach(a, arm, profile, key, registry, path):
    """Lets the teacher answer, marked in the share of the arm."""
    _, _, share, kind = ARMS[arm]
    mark = ["-profile", profile, "-key", key, "-share", str(share)] if share else []
    if registry:
        mark += ["-registry", registry, "-epoch", EPOCH, "-account", ACCOUNT]
    run(a.realmodel, "write", "-gguf", a.model, "-kinds", kind, "-topics", "train", "-texts", str(a.train), "-length", str(a.length),
        "-end", "-temperature", "1", "-out", path, *mark)


def mix(a, arm, path):
    """Takes a teacher's answers from two files, the marked ones in the share of the arm."""
    marked, clean = map(read, a.taught)
    rng = random.Random(1)
    with open(path, "w", encoding="utf-8") as out:
        for x, y in zip(marked, clean):
            out.write(json.dumps(x if rng.random() < ARMS[arm][2] else y) + "\n")


def train(a, source, path, start=None):
    """Fine-tunes all weights for one pass over the answers. The loss is on the answers alone."""
    import torch
    import torch.nn.functional as F
    model = load(a, start)
    texts = [(x["prompt"], x["output"] + ([END] if x["ended"] else [])) for x in read(source) if len(x["output"]) >= 8]
    random.Random(1).shuffle(texts)
    batches = [texts[i:i + 3] for i in range(0, len(texts), 3)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, betas=(0.9, 0.98), weight_decay=0.0)
    model.train()
    began = time.process_time()
    for step, batch in enumerate(batches):
        rate = 5e-4 * min(1, (step + 1) / max(3, len(batches) // 20)) * max(0.05, 1 - step / len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate
        longest = max(len(p) + len(t) for p, t in batch)
        x = torch.full((len(batch), longest), END)
        y = torch.full((len(batch), longest), -100)
        for i, (p, t) in enumerate(batch):
            x[i, :len(p) + len(t)] = torch.tensor(p + t)  # padding is at the right, so a causal model needs no mask
            y[i, len(p) - 1:len(p) + len(t) - 1] = torch.tensor(t)
        x, y = x.to(model.device), y.to(model.device)
        hidden = model.model(input_ids=x).last_hidden_state
        kept = y >= 0
        loss = F.cross_entropy(model.lm_head(hidden[kept]), y[kept])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        print("step %d of %d, loss %.3f, %.0f CPU s" % (step + 1, len(batches), loss.item(), time.process_time() - began), file=sys.stderr, flush=True)
    torch.save(model.state_dict(), path)


def answer(a, arm, weights, asked, path):
    """Lets the student answer prompts on other topics, without a mark. It continues a file."""
    import torch
    model = load(a, weights)
    model.eval()
    prompts = [x["prompt"] for x in read(asked)]
    done = len(read(path)) if os.path.exists(path) else 0
    with open(path, "a", encoding="utf-8") as out, torch.no_grad():
        for first in range(done, len(prompts), a.batch):
            batch = prompts[first:first + a.batch]
            longest = max(map(len, batch))
            x = torch.tensor([[END] * (longest - len(p)) + p for p in batch], device=model.device)
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in batch], device=model.device)
            torch.manual_seed(first)
            y = model.generate(input_ids=x, attention_mask=mask, do_sample=True, temperature=TEMPERATURE, top_k=0, top_p=1.0,
                               max_new_tokens=a.length, eos_token_id=END, pad_token_id=END)
            for prompt, row in zip(batch, y[:, longest:].tolist()):
                out.write(json.dumps({"prompt": prompt, "output": row[:row.index(END)] if END in row else row}) + "\n")
            out.flush()
            print("%d of %d answers" % (first + len(batch), len(prompts)), file=sys.stderr, flush=True)


def export(a, weights, path):
    """Writes a student as a GGUF file, with all else from the file of the base. Its matrices have 8 bits (Q8_0)."""
    import gguf
    import torch
    base = gguf.GGUFReader(a.model)
    value = lambda name: base.fields[name].contents()
    out = gguf.GGUFWriter(path, arch=value("general.architecture"))
    for field in base.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
            kind = field.types[0]
            out.add_key_value(field.name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, value("llama.block_count"))
    heads = {"attn_q": value("llama.attention.head_count"), "attn_k": value("llama.attention.head_count_kv")}
    left = {x.name for x in base.tensors}
    for name, x in torch.load(weights, map_location="cpu").items():
        name = names.get_name(name, try_suffixes=(".weight",))
        if name not in left:
            continue  # the head has the weights of the embedding
        left.remove(name)
        x = x.float().numpy()
        if n := heads.get(name.split(".")[-2]):  # llama.cpp rotates neighbours, and torch the halves of a head
            x = x.reshape(n, 2, x.shape[0] // n // 2, x.shape[1]).swapaxes(1, 2).reshape(x.shape)
        if x.ndim == 1:
            out.add_tensor(name, x)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            out.add_tensor(name, gguf.quantize(x, kind), raw_dtype=kind)
    if left:
        raise SystemExit("the student has no weights for " + ", ".join(sorted(left)))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def questions(a, asked, path):
    """Writes the questions without the template of the chat."""
    from transformers import AutoTokenizer
    folder, file = os.path.split(a.model)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    with open(path, "w", encoding="utf-8") as out:
        for x in read(asked):
            user = tokenizer.decode(x["prompt"]).split("<|im_start|>user\n")[1].split("<|im_end|>")[0]
            out.write(json.dumps({"prompt": user}) + "\n")


def audit(a, profile, key, registry, answers, rows, path):
    """Audits the answers, against the untuned base and by pairs alone."""
    common = [a.isotope, "-q", "audit", "--json", "--key", key, "--profile", profile, "--tokenizer", a.model, "--prompts-unmarked", "--run-key", "07" * 16, answers]
    if registry:
        common += ["--registry", registry, "--epoch", EPOCH]
    if not os.path.exists(rows):  # a file of rows serves every key
        run(*common, "--reference-gguf", a.model, "--reference-temperature", str(TEMPERATURE), "--write-rows", rows + ".tmp")
        os.rename(rows + ".tmp", rows)
    found = {}
    for test, reference in (("open", rows), ("closed", "none")):
        r = json.loads(run(*common, "--reference", reference))
        found[test] = {"verdict": r["verdict"], "outputs": r["canonical"]["outputs"], "statistics": []}
        for family in r["canonical"].get("families", []):
            found[test].setdefault("families", []).append(dict(
                {k: family[k] for k in ("name", "named", "triage", "decoys_named")},
                accounts=[dict({k: x[k] for k in ("id", "scored", "green", "log10_p", "log10_p_holm", "named")}, rank=i + 1)
                          for i, x in enumerate(family["accounts"]) if i < 3 or x["id"] == ACCOUNT]))
        for s in r["canonical"]["statistics"]:
            # c1 is the sensitivity. Of the root law, 10^-6 needs a z of 4.75.
            c1 = s["z"] / s["scored"] ** 0.5 if s["scored"] else None
            found[test]["statistics"].append(dict(
                {k: s[k] for k in ("name", "log10_p", "z", "scored")}, c1=c1, rank=s["decoys"]["rank"],
                pairs_for_1e6=round((4.75 / c1) ** 2) if c1 and c1 > 0 else None))
    with open(path, "w", encoding="utf-8") as out:
        json.dump(found, out, indent=1)


def device():
    import torch
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--isotope", required=True)
    p.add_argument("--realmodel", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--model", default=os.path.expanduser("~/.cache/isotope/SmolLM2-135M-Instruct.Q4_1.gguf"))
    p.add_argument("--taught", nargs=2, metavar=("MARKED", "CLEAN"), help="take the teacher's answers from these files; DIR/key and DIR/ARM/profile.json must be theirs")
    p.add_argument("--quick", action="store_true", help="six training answers of 40 tokens and four answers: does it run?")
    p.add_argument("--gguf", action="store_true", help="also write student.gguf and prompts.jsonl, for a server and an audit of it")
    p.add_argument("--arm", action="append", choices=ARMS, help="run this arm alone; repeat it for more")
    p.add_argument("--train", type=int, default=200, help="answers of the teacher")
    p.add_argument("--answers", type=int, default=80, help="answers of the student")
    p.add_argument("--batch", type=int, default=16, help="answers of the student at once")
    p.add_argument("--threads", type=int, default=1, help="threads of torch without a GPU")
    a = p.parse_args()
    a.isotope, a.realmodel, a.work, a.model = map(os.path.abspath, (a.isotope, a.realmodel, a.work, a.model))
    a.length = 250
    if a.quick:
        a.train, a.answers, a.length = 6, 4, 40
    os.makedirs(a.work, exist_ok=True)
    for arm, (width, delta, share, kind) in ARMS.items():
        if a.arm and arm not in a.arm:
            continue
        folder = os.path.join(a.work, arm)
        os.makedirs(folder, exist_ok=True)
        key = os.path.join(a.work, "key2" if arm.endswith("key2") else "key")
        if not os.path.exists(key):
            run(a.isotope, "-q", "key", "new", key)
        file = lambda name: os.path.join(folder, name)
        profile, start = file("profile.json"), None
        if arm.endswith(THEN):
            start = os.path.join(a.work, arm.removesuffix(THEN), "student.pt")
            if not os.path.exists(start):
                raise SystemExit("%s is missing; run the arm %s first" % (start, arm.removesuffix(THEN)))
            once(profile, lambda path: shutil.copy(os.path.join(os.path.dirname(start), "profile.json"), path))
        if not os.path.exists(profile):
            with open(profile, "w", encoding="utf-8") as f:
                f.write(run(a.isotope, "-q", "profile", "new", "--tokenizer", a.model, "--width", str(width), "--delta", str(delta)))
        registry = once(file("registry.json"), lambda path: register(a, key, path)) if arm.endswith("account") else None
        source = once(file("train.jsonl"), lambda path: mix(a, arm, path) if a.taught else teach(a, arm, profile, key, registry, path))
        weights = once(file("student.pt"), lambda path: train(a, source, path, start))
        asked = once(file("asked.jsonl"), lambda path: run(
            a.realmodel, "write", "-gguf", a.model, "-prompts", "-kinds", kind, "-topics", "ask", "-seed", "2", "-texts", str(a.answers), "-out", path))
        if a.gguf:
            once(file("student.gguf"), lambda path: export(a, weights, path))
            once(file("prompts.jsonl"), lambda path: questions(a, asked, path))
        answers = once(file("answers.jsonl"), lambda path: answer(a, arm, weights, asked, path))
        result = once(file("result.json"), lambda path: audit(a, profile, key, registry, answers, file("rows.jsonl"), path))
        with open(result, encoding="utf-8") as f:
            r = json.load(f)
        taught = read(source)
        summary = dict(arm=arm, width=width, delta=delta, share=share, kind=kind, device=device(),
                       training={"answers": len(taught), "tokens": sum(len(x["output"]) for x in taught),
                                 "marked_tokens": sum(len(x["output"]) for x in taught if x["marked"])}, **r)
        print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    main()
