import { defineConfig } from "vite";

/** Builds src/console/dist, which is committed: the same source gives the same bytes. */
export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the page also works behind a proxy that gives it a path of its own.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2023",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
