// Builds dist/index.umd.js at the root of the plugin. React, Material UI and FiftyOne's own modules come from the App
// as globals, so the bundle holds only what lies in src/.
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { digestOfSources } from "./sources";

const GLOBALS = {
  react: "React",
  "@mui/material": "__mui__",
  "@fiftyone/operators": "__foo__",
  "@fiftyone/plugins": "__fop__",
};

/** Names the sources in the bundle's first line; after minification, which would drop the comment. */
const banner: Plugin = {
  name: "banner",
  enforce: "post",
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === "chunk") {
        chunk.code = `/* Curator's panels, built from panels/web; sources sha256:${digestOfSources(__dirname)} */\n${chunk.code}`;
      }
    }
  },
};

export default defineConfig({
  plugins: [banner],
  esbuild: { jsx: "transform" },
  build: {
    target: "es2021",
    outDir: resolve(__dirname, "../../dist"),
    emptyOutDir: true,
    reportCompressedSize: false,
    lib: { entry: resolve(__dirname, "src/index.tsx"), name: "curator", formats: ["umd"], fileName: () => "index.umd.js" },
    rollupOptions: {
      external: Object.keys(GLOBALS),
      output: { globals: GLOBALS, interop: "esModule" },
    },
  },
});
