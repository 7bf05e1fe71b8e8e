#!/usr/bin/env python3
"""Trains the model on corpus.txt and writes text.onnx, vocab.json, held-out.txt and expected.json.

Needs Python 3.11 with torch 1.13 and onnx 1.12 (Debian 12: python3-torch python3-onnx).
No network. Takes a few minutes on one core.

    python3 recipe.py
"""
import json
import math
import random
from collections import Counter
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
SEED, STEPS, BATCH, RATE, DROP, OPSET = 11, 7000, 64, 3e-3, 0.1, 17
CONTEXT, STRIDE, WIDTH, LAYERS, HEADS = 32, 8, 64, 2, 4
PROMPTS = [
    "Twelve inches make", "Is gold soft?", "Is iron cheap?", "Does silver rust?", "What colour is copper?",
    "Which is heavier, tin or gold?", "Which melts first, iron or lead?", "Who weighs the bead on a balance?",
    "Never trust", "A just weight", "A seal is only", "A false weight",
]


# --- Text ------------------------------------------------------------------
# Each line stands alone, between two newlines. The model sees 32 characters of
# it from the start; when those are full, the window moves on by 8. Places that
# are not filled yet hold newlines, which the causal mask keeps out of sight.
def window(text):
    """The part of the text that the model sees when it chooses the next character."""
    start = -(-max(0, len(text) - CONTEXT) // STRIDE) * STRIDE
    return text[start:]


def rows_of(line, encode):
    """Inputs and targets for every window of one line; a target of -100 is not counted."""
    rows, text = {}, f"\n{line}\n"
    for end in range(1, len(text)):
        seen = window(text[:end])
        inputs, targets = rows.setdefault(end - len(seen), ([0] * CONTEXT, [-100] * CONTEXT))
        inputs[: len(seen)] = encode(seen)
        targets[len(seen) - 1] = encode(text[end])[0]
    return list(rows.values())


def split(lines):
    """Hold out one line in twenty, but never one that the corpus repeats."""
    count = Counter(lines)
    held_out = [line for index, line in enumerate(lines) if index % 20 == 0 and count[line] == 1]
    return [line for line in lines if line not in set(held_out)], held_out


# --- Model -----------------------------------------------------------------
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        future = torch.ones(CONTEXT, CONTEXT).triu(1).bool()
        self.register_buffer("future", future.view(1, 1, CONTEXT, CONTEXT), persistent=False)

    def forward(self, x):
        batch, depth = x.shape[0], WIDTH // HEADS
        q, k, v = (part.view(batch, CONTEXT, HEADS, depth).transpose(1, 2) for part in self.qkv(x).split(WIDTH, dim=2))
        scores = (q @ k.transpose(2, 3) / math.sqrt(depth)).masked_fill(self.future, float("-inf"))
        mixed = scores.softmax(dim=3) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, CONTEXT, WIDTH))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.drop = nn.Dropout(DROP)

    def forward(self, x):
        x = x + self.drop(self.attention(self.norm1(x)))
        return x + self.drop(self.mlp(self.norm2(x)))


class Transformer(nn.Module):
    def __init__(self, symbols):
        super().__init__()
        self.token = nn.Embedding(symbols, WIDTH)
        self.position = nn.Parameter(torch.randn(CONTEXT, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, symbols, bias=False)

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.token(tokens) + self.position)))


def train(model, inputs, targets):
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.1)
    for step in range(STEPS):
        pick = torch.randint(len(inputs), (BATCH,))
        loss = F.cross_entropy(model(inputs[pick]).flatten(0, 1), targets[pick].flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 500 == 0 or step == STEPS - 1:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return model.eval()


# --- Use -------------------------------------------------------------------
def complete(model, prompt, symbols, limit=80):
    """The likeliest next character, again and again, up to a newline. Also gives the narrowest choice."""
    text, lead = "\n" + prompt, math.inf
    while len(text) < 1 + len(prompt) + limit:
        seen = window(text)
        tokens = [symbols.index(c) for c in seen.ljust(CONTEXT, "\n")]
        logits = model(torch.tensor([tokens]))[0, len(seen) - 1]
        best, second = logits.topk(2).values.tolist()
        lead, symbol = min(lead, best - second), symbols[int(logits.argmax())]
        if symbol == "\n":
            break
        text += symbol
    return text[1 + len(prompt):], lead


def export(model, path):
    torch.onnx.export(model, torch.zeros(1, CONTEXT, dtype=torch.int64), str(path), opset_version=OPSET,
                      input_names=["tokens"], output_names=["logits"])
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    corpus = (HERE / "corpus.txt").read_text()
    symbols = sorted(set(corpus))  # newline comes first
    encode = lambda text: [symbols.index(c) for c in text]
    learn, held_out = split(corpus.splitlines())
    table = lambda lines: torch.tensor([row for line in lines for row in rows_of(line, encode)]).unbind(1)
    model = train(Transformer(len(symbols)), *table(learn))
    export(model, HERE / "text.onnx")

    with torch.no_grad():
        inputs, targets = table(held_out)
        logits, answers = model(inputs)[targets >= 0], targets[targets >= 0]
        bits = F.cross_entropy(logits, answers).item() / math.log(2)
        hits = int((logits.argmax(1) == answers).sum())
        print(f"held-out lines: {hits} of {len(answers)} next characters right ({100 * hits / len(answers):.2f} %), {bits:.3f} bits each")
        asked = [line.partition("?") for line in held_out if "?" in line]
        wrong = [(q + "?", a) for q, _, a in asked if complete(model, q + "?", symbols)[0] != a]
        print(f"held-out questions: {len(asked) - len(wrong)} of {len(asked)} answered right; wrong: {wrong}")
        expected = []
        for prompt in PROMPTS:
            continuation, lead = complete(model, prompt, symbols)
            print(f"{prompt}|{continuation}  (lead {lead:.2f})")
            expected.append({"prompt": prompt, "continuation": continuation, "narrowestLead": round(lead, 4),
                             "inCorpus": "training" if prompt + continuation in learn
                             else "held out" if prompt + continuation in held_out else "no"})
    (HERE / "held-out.txt").write_text("\n".join(held_out) + "\n")
    write_json("vocab.json", symbols)
    write_json("expected.json", expected)


if __name__ == "__main__":
    main()
