// One digest of everything the bundle is built from, so that a test can tell whether the committed bundle is fresh
// without Node: tests/panels/test_bundle.py computes the same digest in Python.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

const OUTSIDE_SRC = ["package-lock.json", "package.json", "sources.ts", "tsconfig.json", "vite.config.ts"];

/** SHA-256 over path and content of each source file, in the order of their paths, line ends as "\n". */
export function digestOfSources(root: string): string {
  const inside = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join("/"));
  const hash = createHash("sha256");
  for (const path of [...inside, ...OUTSIDE_SRC].sort()) {
    const text = readFileSync(join(root, path), "utf8").replaceAll("\r\n", "\n");
    hash.update(`${path}\n${text}\n`);
  }
  return hash.digest("hex");
}
