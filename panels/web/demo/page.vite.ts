// Builds tests/browser/page.js, the test page for a browser that has the App's React and Material UI as globals.
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { named } from "../sources";

const GLOBALS = { react: "React", "react-dom": "ReactDOM", "@mui/material": "__mui__" };

export default defineConfig({
  root: __dirname,
  plugins: [named(resolve(__dirname, ".."), ["src", "demo"])],
  esbuild: { jsx: "transform" },
  resolve: { alias: { "@fiftyone/operators": resolve(__dirname, "app.ts"), "@fiftyone/plugins": resolve(__dirname, "app.ts") } },
  build: {
    target: "es2021",
    outDir: resolve(__dirname, "../../../tests/browser"),
    emptyOutDir: false,
    reportCompressedSize: false,
    lib: { entry: resolve(__dirname, "main.tsx"), name: "curatorPage", formats: ["iife"], fileName: () => "page.js" },
    rollupOptions: { external: Object.keys(GLOBALS), output: { globals: GLOBALS } },
  },
});
