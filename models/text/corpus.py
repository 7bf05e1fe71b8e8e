#!/usr/bin/env python3
"""Writes corpus.txt: sayings written for this project, and lines made from tables of plain facts.

    python3 corpus.py
"""
import random
from itertools import combinations, permutations
from pathlib import Path

SAYINGS = """
A just weight has no master.
A scale does not ask who you are.
The coin is small, but the promise on it is large.
Trust the count, not the counter.
An honest machine shows its work.
What can be checked need not be believed.
A seal is only as good as the hand that made it.
Two rulers that disagree are worth more than one that is wrong.
The balance moves for a feather and for a king.
Gold that fears the fire is not gold.
Every measure began as a promise between two people.
A wheel turns the same way for every hand.
The touchstone keeps no secrets.
Write down the weight before you argue about it.
A small error, added a thousand times, is a large error.
The clock is wrong, but it is never in a hurry.
Ask the machine twice. If it is sound, it will say the same thing.
A proof is a road that anyone may walk.
Do not polish the scale. Level it.
The lightest grain can turn the heaviest beam.
Count slowly and you will count once.
A worn coin remembers every pocket.
The mint makes the coin, and the market makes the price.
Rust does not sleep, and neither should the oil can.
A good gauge has one job and does it all day.
There is no honest thumb on a scale.
Cut once, but measure twice.
The engine is patient, and the fuel is not.
A ledger with no errors has not been read.
The assay begins with a small piece and ends with the truth.
Fire tells the metal what it is.
A key that opens every lock guards nothing.
He who sells by the yard should not own a short one.
The weight of a word is known when it is kept.
If nobody can check the sum, it is only a number.
A gear with one broken tooth is a clock with one lost hour.
The standard is kept in a cool room and a steady hand.
You may doubt the assayer. You may not doubt the bead.
Balance is not stillness. It is two pulls that agree.
A bolt is a promise that a machine makes to itself.
The smallest unit is the one that starts the quarrel.
Heat the sample, weigh the bead, and write the figure.
A claim without a stake is only talk.
The wrong answer costs more than the slow one.
Let the scale settle before you read it.
The best tool is the one you put back.
A lens makes small things large, and large claims small.
No coin is worth more for being loud.
A model is a machine made of numbers.
The numbers do not change because you are watching.
Anyone may run the sum again.
One wrong digit is enough to lose the stake.
The judge does not need to trust the clerk. She has the record.
A mark on the bar says who will answer for it.
Keep the sample. The dispute will come later.
The beam is level when nothing more need be said.
""".strip().splitlines()

THINGS = {  # colour, hardness, price, weight
    "gold": ("yellow", "soft", "costly", "heavy"), "silver": ("white", "soft", "costly", "heavy"),
    "copper": ("red", "soft", "cheap", "heavy"), "iron": ("grey", "hard", "cheap", "heavy"),
    "steel": ("grey", "hard", "cheap", "heavy"), "brass": ("yellow", "hard", "cheap", "heavy"),
    "lead": ("grey", "soft", "cheap", "heavy"), "chalk": ("white", "soft", "cheap", "light"),
    "coal": ("black", "soft", "cheap", "light"), "jet": ("black", "soft", "costly", "light"),
    "ruby": ("red", "hard", "costly", "heavy"), "jade": ("green", "hard", "costly", "heavy"),
    "marble": ("white", "hard", "costly", "heavy"), "brick": ("red", "hard", "cheap", "heavy"),
    "straw": ("yellow", "soft", "cheap", "light"), "grass": ("green", "soft", "cheap", "light"),
    "cotton": ("white", "soft", "cheap", "light"), "amber": ("yellow", "soft", "costly", "light"),
    "slate": ("grey", "hard", "cheap", "heavy"), "ebony": ("black", "hard", "costly", "heavy"),
    "granite": ("grey", "hard", "cheap", "heavy"), "flint": ("grey", "hard", "cheap", "heavy"),
    "emerald": ("green", "hard", "costly", "heavy"), "topaz": ("yellow", "hard", "costly", "heavy"),
    "garnet": ("red", "hard", "costly", "heavy"), "basalt": ("black", "hard", "cheap", "heavy"),
    "pearl": ("white", "hard", "costly", "heavy"), "moss": ("green", "soft", "cheap", "light"),
    "silk": ("white", "soft", "costly", "light"), "lace": ("white", "soft", "costly", "light"),
    "butter": ("yellow", "soft", "cheap", "light"), "wax": ("yellow", "soft", "cheap", "light"),
    "snow": ("white", "soft", "cheap", "light"), "soot": ("black", "soft", "cheap", "light"),
}
COLOURS = ("yellow", "white", "red", "grey", "black", "green")
OPPOSITE = {"soft": "hard", "hard": "soft", "costly": "cheap", "cheap": "costly", "heavy": "light", "light": "heavy"}
METALS, RUSTS = ("gold", "silver", "copper", "iron", "steel", "brass", "lead"), ("iron", "steel")
BY_WEIGHT = ["gold", "lead", "silver", "copper", "iron", "tin"]  # heaviest first
BY_MELTING = ["tin", "lead", "silver", "gold", "copper", "iron"]  # lowest melting point first
UNITS = [  # how many of what make one of what
    ("twelve", "inches", "foot"), ("three", "feet", "yard"), ("eight", "furlongs", "mile"),
    ("two", "pints", "quart"), ("four", "quarts", "gallon"), ("four", "pecks", "bushel"),
    ("sixteen", "ounces", "pound"), ("fourteen", "pounds", "stone"), ("sixty", "seconds", "minute"),
    ("sixty", "minutes", "hour"), ("seven", "days", "week"), ("twelve", "months", "year"),
    ("twelve", "pence", "shilling"), ("ten", "years", "decade"), ("twelve", "eggs", "dozen"),
    ("six", "feet", "fathom"), ("ten", "decades", "century"), ("two", "cups", "pint"),
]
WORK = {  # who does what, with what
    "assayer": ["weighs the bead on a balance", "melts the ore in a furnace", "tests the coin with acid",
                "rubs the ring on a touchstone"],
    "clerk": ["writes the weight in a book", "counts the coins at a desk", "copies the figure with a pen"],
    "smith": ["beats the bar on an anvil", "heats the iron in a forge", "cools the blade in a bucket"],
    "miller": ["weighs the grain on a scale", "grinds the wheat with a stone", "fills the sack with flour"],
    "mason": ["measures the wall with a line", "checks the corner with a square", "cuts the stone with a chisel"],
    "merchant": ["weighs the spice on a scale", "measures the cloth with a rod", "buys the silver with a note"],
    "judge": ["reads the record at a desk", "hears the claim in a court", "asks the clerk for a proof"],
    "engineer": ["checks the gap with a gauge", "turns the wheel with a crank", "oils the gear with a can"],
    "watchmaker": ["winds the spring with a key", "sets the hands with a pin", "reads the dial with a lens"],
    "minter": ["stamps the coin with a die", "cuts the blank with a press", "melts the silver in a furnace"],
}
WHEN = ["at dawn", "at noon", "at dusk", "every day", "once a week", "with care", "in the morning", "in the evening"]
FAULTS = {  # a faulty thing, and what comes of it
    "bent ruler": "draws a wrong line", "slow clock": "tells a late hour", "false weight": "cheats a fair buyer",
    "blunt chisel": "spoils a good stone", "worn coin": "weighs less than it says", "short yard": "sells too little cloth",
    "loose bolt": "stops a large machine", "dirty lens": "hides a small crack", "wet ledger": "loses a year of work",
    "cold furnace": "melts nothing at all", "dry gear": "grinds itself to dust", "cracked bell": "rings for nobody",
}
REMEDY = {
    "bent ruler": "straighten", "slow clock": "wind", "false weight": "report", "blunt chisel": "sharpen",
    "worn coin": "melt", "short yard": "replace", "loose bolt": "tighten", "dirty lens": "clean",
    "wet ledger": "dry", "cold furnace": "light", "dry gear": "oil", "cracked bell": "recast",
}


def an(word):
    return ("an " if word[0] in "aeio" or word == "hour" else "a ") + word


def made_lines():
    for thing, qualities in THINGS.items():
        colour, *rest = qualities
        yield f"What colour is {thing}? {thing.capitalize()} is {colour}."
        for quality in qualities:
            yield f"Is {thing} {quality}? {thing.capitalize()} is {quality}, so yes."
        for quality in rest:
            yield f"Is {thing} {OPPOSITE[quality]}? {thing.capitalize()} is {quality}, so no."
        for wrong in COLOURS:
            if wrong != colour:
                yield f"Is {thing} {wrong}? {thing.capitalize()} is {colour}, so no."
        for first, second in permutations(qualities, 2):
            yield f"{thing.capitalize()} is {first} and {second}."
    for metal in METALS:
        yield f"Does {metal} rust? {f'Yes, {metal} rusts' if metal in RUSTS else f'No, {metal} does not rust'}."
    for one, other in random.Random(2).sample(list(permutations(THINGS, 2)), 250):
        for mine, theirs in zip(THINGS[one], THINGS[other]):
            if OPPOSITE.get(mine) == theirs:
                yield f"{one.capitalize()} is {mine}, but {other} is {theirs}."
                break
    for order, relation, question in ((BY_WEIGHT, "is heavier than", "is heavier"), (BY_MELTING, "melts before", "melts first")):
        for one, other in permutations(order, 2):
            winner, loser = (one, other) if order.index(one) < order.index(other) else (other, one)
            yield f"Which {question}, {one} or {other}? {winner.capitalize()} {question}."
            yield f"{winner.capitalize()} {relation} {loser}."
    for number, small, big in UNITS:
        yield f"{number.capitalize()} {small} make {an(big)}."
        yield f"{an(big).capitalize()} is {number} {small}."
        yield f"How many {small} make {an(big)}? {number.capitalize()} {small}."
        yield f"There are {number} {small} in {an(big)}."
        yield f"How many {small} are in {an(big)}? {number.capitalize()} {small}."
    for worker, tasks in WORK.items():
        for task in tasks:
            yield f"The {worker} {task}."
            yield f"Who {task}? The {worker}."
            for when in WHEN[::2]:
                yield f"The {worker} {task} {when}."
            for when in WHEN[1::2]:
                yield f"{when.capitalize()} the {worker} {task}."
    for thing, harm in FAULTS.items():
        noun = thing.split()[1]
        yield f"{an(thing).capitalize()} {harm}."
        yield f"Never trust {an(thing)}."
        yield f"If the {noun} is {thing.split()[0]}, {REMEDY[thing]} it."
    for one, other in combinations(FAULTS, 2):
        yield f"{REMEDY[one].capitalize()} the {one} and {REMEDY[other]} the {other}."


def main():
    lines = sorted(set(made_lines())) + SAYINGS * 2
    random.Random(1).shuffle(lines)
    Path(__file__).resolve().with_name("corpus.txt").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} lines, {sum(map(len, lines)) + len(lines)} characters, {len(set(chr(10).join(lines)))} symbols")


if __name__ == "__main__":
    main()
