// One digest of everything the bundle is built from, so that a test can tell whether the committed bundle is fresh
// without Node: tests/panels/test_bundle.py computes the same digest in Python.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Plugin } from "vite";

const OUTSIDE_SRC = ["package-lock.json", "package.json", "sources.ts", "tsconfig.json", "vite.config.ts"];

/** SHA-256 over path and content of each source file, in the order of their paths, line ends as "\n". */
export function digestOfSources(root: string, folders: string[] = ["src"]): string {
  const inside = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join("/")),
  );
  const hash = createHash("sha256");
  for (const path of [...inside, ...OUTSIDE_SRC].sort()) {
    const text = readFileSync(join(root, path), "utf8").replaceAll("\r\n", "\n");
    hash.update(`${path}\n${text}\n`);
  }
  return hash.digest("hex");
}

/** Names the sources in the first line of what is built; after minification, which would drop the comment. */
export const named = (root: string, folders: string[] = ["src"]): Plugin => ({
  name: "named",
  enforce: "post",
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === "chunk") {
        chunk.code = `/* Curator's panels, built from panels/web; sources sha256:${digestOfSources(root, folders)} */\n${chunk.code}`;
      }
    }
  },
});
