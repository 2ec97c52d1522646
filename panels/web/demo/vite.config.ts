// The test page: every component with made-up data, without the App (`npm run demo`). Not part of the bundle.
import { resolve } from "node:path";
import { defineConfig } from "vite";

export default defineConfig({
  root: __dirname,
  esbuild: { jsx: "transform" },
  resolve: {
    alias: {
      "@fiftyone/operators": resolve(__dirname, "app.ts"),
      "@fiftyone/plugins": resolve(__dirname, "app.ts"),
    },
  },
  build: { outDir: resolve(__dirname, "../node_modules/.demo"), emptyOutDir: true },
});
