import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the clone. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const modules = join(root, "node_modules");
const OLDEST_NODE = [22, 13];

/** A problem that the user can solve; printed without a stack. */
export class SetupError extends Error {}

/** Whether a version like `v20.1.0` is new enough for Hardhat 3. */
export const isRecentNode = (version) => {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
};

/**
 * The Node that runs everything after installation: the one that the lock file pins, or the current one where the
 * pinned one could not be installed. Undefined when neither is recent enough.
 */
export const projectNode = () => {
  for (const name of ["node", "node.exe"]) {
    const path = join(modules, "node", "bin", name);
    const run = existsSync(path) ? spawnSync(path, ["--version"], { encoding: "utf8" }) : undefined;
    if (run?.status === 0 && isRecentNode(run.stdout.trim())) return path;
  }
  return isRecentNode(process.version) ? process.execPath : undefined;
};

/** Environment of child processes: the project's binaries, and so its Node, come first. */
export const projectEnvironment = (extra = {}) => {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  const separator = process.platform === "win32" ? ";" : ":";
  return { ...process.env, [key]: `${join(modules, ".bin")}${separator}${process.env[key] ?? ""}`, ...extra };
};

/** Packages of a lock file by folder, without the project itself and its links. */
const locked = (path) => {
  const { packages } = JSON.parse(readFileSync(path, "utf8"));
  return Object.entries(packages).filter(([folder, entry]) => folder !== "" && entry.link !== true);
};

/** Hardhat's native part: npm leaves it out without a message when the Node that runs npm is too old for it. */
const hasNativeChain = () => {
  const scope = join(modules, "@nomicfoundation");
  return existsSync(scope) && readdirSync(scope).some((name) => name.startsWith(`edr-${process.platform}-`));
};

/**
 * Whether node_modules holds what the lock file says. npm writes node_modules/.package-lock.json as the last step of
 * an installation, so an interrupted one does not count; a package that is optional may be of another platform.
 */
export const isInstalled = () => {
  const record = join(modules, ".package-lock.json");
  if (!existsSync(record) || !hasNativeChain() || projectNode() === undefined) return false;
  const present = new Map(locked(record).map(([folder, entry]) => [folder, entry.version]));
  return locked(join(root, "package-lock.json")).every(
    ([folder, entry]) =>
      present.get(folder) === entry.version || (entry.optional === true && present.get(folder) === undefined),
  );
};

/** Runs npm, whichever npm started this process if one did. */
const npm = (args) => {
  const started = process.env.npm_execpath;
  const options = { cwd: root, stdio: "inherit", env: process.env };
  return started !== undefined && /npm-cli\.[cm]?js$/.test(started)
    ? spawnSync(process.execPath, [started, ...args], options)
    : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
};

/** What is missing after an installation that npm called a success, and what to do about it. */
const remedy = () => {
  const wanted = `Node ${OLDEST_NODE.join(".")} or newer`;
  const again = `install ${wanted} and try again, or allow npm to run install scripts (npm config get ignore-scripts)`;
  if (projectNode() === undefined) {
    return `npm did not install Node 24 for this project, and ${process.version} is too old: ${again}.`;
  }
  if (!hasNativeChain()) {
    return (
      `npm left out Hardhat's native package for ${process.platform}-${process.arch}: remove node_modules and ` +
      `${again}. If npm is configured to omit optional packages, do not.`
    );
  }
  return "node_modules does not match package-lock.json: remove node_modules and try again.";
};

/**
 * Installs what package-lock.json lists, once: a second call finds everything in place. Under an old Node the
 * installation itself runs on Node 24, fetched through npm.
 * @throws {SetupError} when npm fails or leaves something out.
 */
export const install = () => {
  if (isInstalled()) return;
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new SetupError("node_modules is a link and lacks what package-lock.json lists: install where it points to.");
  }
  const recent = isRecentNode(process.version);
  const how = recent ? "" : ` with Node 24 from npm (this is ${process.version})`;
  console.log(`Installing what package-lock.json lists${how}; only the first run does this.`);
  const ci = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund"];
  const result = npm(recent ? ci : ["exec", "--yes", "--package=node@24", "--", "npm", ...ci]);
  if (result.error !== undefined) throw new SetupError(`npm could not be started: ${result.error.message}`);
  if (result.signal !== null) throw new SetupError("The installation was interrupted.");
  if (result.status !== 0) throw new SetupError("npm could not install the dependencies; its message is above.");
  if (!isInstalled()) throw new SetupError(remedy());
};
