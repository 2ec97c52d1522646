// Builds dist/index.umd.js at the root of the plugin. React, Material UI and FiftyOne's own modules come from the App
// as globals, so the bundle holds only what lies in src/.
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { named } from "./sources";

const GLOBALS = {
  react: "React",
  "@mui/material": "__mui__",
  "@fiftyone/operators": "__foo__",
  "@fiftyone/plugins": "__fop__",
  "@fiftyone/state": "__fos__",
  recoil: "recoil",
};

export default defineConfig({
  plugins: [named(__dirname)],
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
