#!/usr/bin/env python3
"""Trains a decoder with cached keys and values on corpus.txt; writes decoder.onnx, tokenizer.json and answers.json.

Needs what recipe.py needs, and no network. Takes about ten minutes on one core.

    python3 decoder.py
"""
import json
import math
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn import functional as F

from recipe import split, write_json

HERE = Path(__file__).resolve().parent
SEED, STEPS, BATCH, RATE, DROP, OPSET = 7, 3000, 24, 3e-3, 0.05, 17
LONGEST, WIDTH, LAYERS, HEADS, GROUPS, HIDDEN = 72, 64, 2, 4, 2, 160
DEPTH = WIDTH // HEADS


# --- Model -----------------------------------------------------------------
# The parts of the Llama family: norms by the root of the mean square, rotated positions, keys and values shared by
# groups of heads, and a gated hidden layer. Past keys and values come in, those of all tokens so far go out.
class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


def rotate(x, cos, sin):
    first, second = x[..., : DEPTH // 2], x[..., DEPTH // 2 :]
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.out = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.k, self.v = nn.Linear(WIDTH, GROUPS * DEPTH, bias=False), nn.Linear(WIDTH, GROUPS * DEPTH, bias=False)

    def forward(self, x, bias, cos, sin, past):
        batch, length, _ = x.shape
        q = rotate(self.q(x).view(batch, length, HEADS, DEPTH).transpose(1, 2), cos, sin)
        k = rotate(self.k(x).view(batch, length, GROUPS, DEPTH).transpose(1, 2), cos, sin)
        v = self.v(x).view(batch, length, GROUPS, DEPTH).transpose(1, 2)
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        share = lambda y: y[:, :, None].expand(batch, GROUPS, HEADS // GROUPS, y.shape[2], DEPTH).reshape(
            batch, HEADS, y.shape[2], DEPTH)
        weights = (q @ share(k).transpose(2, 3) / math.sqrt(DEPTH) + bias).softmax(dim=3)
        return self.out((weights @ share(v)).transpose(1, 2).reshape(batch, length, WIDTH)), (k, v)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.attention, self.norm2 = Norm(), Attention(), Norm()
        self.gate, self.up = nn.Linear(WIDTH, HIDDEN, bias=False), nn.Linear(WIDTH, HIDDEN, bias=False)
        self.down, self.drop = nn.Linear(HIDDEN, WIDTH, bias=False), nn.Dropout(DROP)

    def forward(self, x, bias, cos, sin, past):
        mixed, present = self.attention(self.norm1(x), bias, cos, sin, past)
        x = x + self.drop(mixed)
        y = self.norm2(x)
        return x + self.drop(self.down(F.silu(self.gate(y)) * self.up(y))), present


class Decoder(nn.Module):
    def __init__(self, symbols):
        super().__init__()
        self.token = nn.Embedding(symbols, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.head = Norm(), nn.Linear(WIDTH, symbols, bias=False)
        rates = 10000 ** (-torch.arange(0, DEPTH, 2) / DEPTH)
        self.register_buffer("rates", torch.cat((rates, rates)), persistent=False)

    def forward(self, input_ids, attention_mask, position_ids, *past):
        """Past keys and values alternate, layer by layer; so do those that follow the scores in the result."""
        length, total = input_ids.shape[1], attention_mask.shape[1]
        places = torch.arange(total)
        seen = (places[None, :] <= places[total - length :, None]) & (attention_mask[:, None, None, :] > 0)
        bias = torch.where(seen, torch.tensor(0.0), torch.tensor(torch.finfo(torch.float32).min))
        angles = (position_ids[:, :, None] * self.rates)[:, None]
        cos, sin = angles.cos(), angles.sin()
        x, presents = self.token(input_ids), []
        for layer, block in enumerate(self.blocks):
            before = past[2 * layer : 2 * layer + 2] if past else None
            x, present = block(x, bias, cos, sin, before)
            presents += present
        return (self.head(self.norm(x)), *presents)


def whole(model, tokens):
    """Scores of whole lines, without a past; what follows a line is not seen by it."""
    places = torch.arange(tokens.shape[1]).expand_as(tokens)
    return model(tokens, torch.ones_like(tokens), places)[0]


def train(model, rows):
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.1)
    for step in range(STEPS):
        # Lines of about one length together, or most of the work would be filling.
        start = int(torch.randint(len(rows) - BATCH, (1,)))
        picked = rows[start : start + BATCH]
        length = max(len(row) for row in picked)
        batch = torch.tensor([row + [-100] * (length - len(row)) for row in picked])
        inputs, targets = batch[:, :-1].clamp(min=0), batch[:, 1:]
        loss = F.cross_entropy(whole(model, inputs).flatten(0, 1), targets.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 250 == 0 or step == STEPS - 1:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return model.eval()


# --- Use -------------------------------------------------------------------
def answer(model, question, symbols):
    """The likeliest continuation of a question, up to a newline; and the narrowest choice in it."""
    tokens, lead = [symbols.index(c) for c in "\n" + question], math.inf
    before = len(tokens)
    while len(tokens) < LONGEST:
        logits = whole(model, torch.tensor([tokens]))[0, -1]
        best, second = logits.topk(2).values.tolist()
        lead = min(lead, best - second)
        tokens.append(int(logits.argmax()))
        if tokens[-1] == 0:
            break
    return "".join(symbols[t] for t in tokens[before:]).rstrip("\n"), lead


def export(model, path):
    names = [f"{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
    ids, past = torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, GROUPS, 3, DEPTH)
    inputs = (ids, torch.ones(1, 5, dtype=torch.int64), ids + 3, *(past for _ in names))
    axes = {"input_ids": {0: "batch", 1: "length"}, "attention_mask": {0: "batch", 1: "total"},
            "position_ids": {0: "batch", 1: "length"}, "logits": {0: "batch", 1: "length"}}
    axes |= {f"past_key_values.{name}": {0: "batch", 2: "past"} for name in names}
    axes |= {f"present.{name}": {0: "batch", 2: "total"} for name in names}
    torch.onnx.export(model, inputs, str(path), opset_version=OPSET, dynamic_axes=axes,
                      input_names=["input_ids", "attention_mask", "position_ids"] + [f"past_key_values.{name}" for name in names],
                      output_names=["logits"] + [f"present.{name}" for name in names])
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)


def tokenizer(symbols):
    """One token a character, as Hugging Face's tokenizers read it; a line begins with a newline."""
    newline = {"id": "\n", "ids": [0], "tokens": ["\n"]}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "\n", "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"\n": newline}},
        "decoder": {"type": "Fuse"},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "vocab": {symbol: token for token, symbol in enumerate(symbols)}, "merges": []},
    }


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    corpus = (HERE / "corpus.txt").read_text()
    symbols = sorted(set(corpus))  # newline comes first
    learn, held_out = split(corpus.splitlines())
    encode = lambda line: [symbols.index(c) for c in f"\n{line}\n"]
    rows = sorted((encode(line) for line in learn), key=len)
    model = train(Decoder(len(symbols)), rows)
    export(model, HERE / "decoder.onnx")
    with torch.no_grad():
        hits = total = 0
        for line in held_out:
            tokens = torch.tensor([encode(line)])
            hits += int((whole(model, tokens[:, :-1]).argmax(2) == tokens[:, 1:]).sum())
            total += tokens.shape[1] - 1
        print(f"held-out lines: {hits} of {total} next characters right ({100 * hits / total:.2f} %)")
        for name, lines in (("training", learn), ("held-out", held_out)):
            asked = sorted({line.partition("?")[::2] for line in lines if "?" in line})
            right = sum(answer(model, q + "?", symbols)[0] == a for q, a in asked)
            print(f"{name} questions: {right} of {len(asked)} answered word for word")
        questions = ["Which is heavier, tin or gold?", "Is gold soft?", "Does silver rust?", "What colour is copper?"]
        answers = [(question, *answer(model, question, symbols)) for question in questions]
        for question, text, lead in answers:
            print(f"{question}|{text}  (lead {lead:.2f})")
    write_json("tokenizer.json", tokenizer(symbols))
    write_json("answers.json", [{"question": q, "answer": a, "narrowestLead": round(l, 4)} for q, a, l in answers])


if __name__ == "__main__":
    main()
