#!/usr/bin/env node
// Which room of the house may import which: checks every import of the tree against the table below, and writes
// docs/rooms.md from it.
//
//   node tools/rooms.mjs            every import that the table does not allow, and every circle; exit code 1 if any
//   node tools/rooms.mjs --write    docs/rooms.md besides
//   node tools/rooms.mjs --sizes    files and lines of each room besides

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

import { format } from "prettier";
import ts from "typescript";

import { root } from "./install.mjs";
import { ROOMS } from "./rooms-table.mjs";

const OUTPUT = join(root, "docs", "rooms.md");

const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 });

/** Sources that git knows or would take, without the generated bindings. */
const sources = () =>
  git(
    "ls-files",
    "--cached",
    "--others",
    "--exclude-standard",
    "*.sol",
    "*.ts",
    "*.mjs",
    ":!typechain-types",
    ":!examples",
  )
    .split("\n")
    .filter((file) => file !== "" && existsSync(join(root, file)));

/** The files of this project that a file imports. */
const importsOf = (file, text) => {
  const names = file.endsWith(".sol")
    ? [...text.matchAll(/^import [^;]*"(\.[^"]+)";/gm)].map(([, name]) => name)
    : ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
  return names.filter((name) => name.startsWith(".")).map((name) => posix.join(posix.dirname(file), name));
};

/** The room of a file: the longest path of the table that it lies in. */
const roomOf = (file) => {
  const found = ROOMS.filter(({ path }) => file === path || file.startsWith(`${path}/`));
  return found.sort((left, right) => right.path.length - left.path.length)[0];
};

const allows = (room, target) =>
  room.imports.some((one) =>
    one.endsWith("/*") ? target === one.slice(0, -2) || target.startsWith(one.slice(0, -1)) : target === one,
  );

/** Files that import each other, directly or not: one list for each circle. */
const circlesIn = (graph) => {
  const [index, low, stack, circles] = [new Map(), new Map(), [], []];
  const visit = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== index.get(node)) return;
    const circle = stack.splice(stack.indexOf(node));
    if (circle.length > 1) circles.push(circle);
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return circles;
};

const problems = [];
const files = new Map();
const graph = new Map();
for (const file of sources()) {
  const text = readFileSync(join(root, file), "utf8");
  const room = roomOf(file);
  if (room === undefined) {
    if (file.includes("/")) problems.push(`${file}: its folder is no room of tools/rooms-table.mjs`);
    continue;
  }
  files.set(file, { room, lines: text.split("\n").length });
  graph.set(file, importsOf(file, text));
}
const arrows = new Set();
for (const [file, targets] of graph) {
  const { room } = files.get(file);
  for (const target of targets) {
    const other = roomOf(target);
    if (other === undefined || other === room) continue;
    arrows.add(`${room.path} ${other.path}`);
    if (!allows(room, other.path)) problems.push(`${file}: ${room.path} may not import ${other.path} (${target})`);
  }
}
// Helpers of tests may know each other; nobody else imports them.
const circles = circlesIn(new Map([...graph].filter(([file]) => !file.startsWith("test/"))));
for (const circle of circles) problems.push(`circle of imports: ${circle.join(", ")}`);
// The table runs from the ground up, so that the rooms cannot form a circle either.
for (const [place, { path, imports }] of ROOMS.entries()) {
  const above = ROOMS.slice(place + 1).filter((later) => allows({ imports }, later.path));
  for (const later of above.filter((one) => !one.path.startsWith(`${path}/`) && arrows.has(`${path} ${one.path}`))) {
    problems.push(`tools/rooms-table.mjs: ${path} imports ${later.path}, which stands after it`);
  }
}

for (const problem of problems) console.error(problem);
console.log(
  `${files.size} files in ${ROOMS.length} rooms, ${arrows.size} imports between rooms, ${circles.length} circles`,
);

if (process.argv.includes("--sizes")) {
  for (const room of ROOMS) {
    const inside = [...files].filter(([, file]) => file.room === room).sort(([, a], [, b]) => b.lines - a.lines);
    const lines = inside.reduce((sum, [, file]) => sum + file.lines, 0);
    const largest = inside.slice(0, 1).map(([path, file]) => `, largest ${posix.basename(path)} ${file.lines}`);
    console.log(`${room.path}: ${inside.length} files, ${lines} lines${largest.join("")}`);
  }
}

if (process.argv.includes("--write")) {
  const rows = ROOMS.map((room) => {
    const used = ROOMS.filter(({ path }) => arrows.has(`${room.path} ${path}`)).map(({ path }) => `\`${path}\``);
    return `| \`${room.path}\` | ${room.purpose} | ${used.join(", ")} |`;
  });
  const text = `<!-- Generated by \`npm run docs:rooms\` from the imports. -->

# Rooms

Every room, what it is for and what it imports; a folder without a row belongs to the one above it. \`tools/rooms-table.mjs\` says what each may import; \`npm run lint\` fails
when a file imports anything else, or when files import each other in a circle.

${arrows.size} imports between ${ROOMS.length} rooms, ${circles.length} circles.

| room | what it is for | imports |
| --- | --- | --- |
${rows.join("\n")}
`;
  writeFileSync(OUTPUT, await format(text, { parser: "markdown", printWidth: 120 }));
  console.log("docs/rooms.md written");
}
process.exitCode = problems.length === 0 ? 0 : 1;
