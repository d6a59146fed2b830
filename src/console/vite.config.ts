import { defineConfig } from "vite";

/** Builds src/console/dist, which is committed; the build is reproducible. */
export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the page also works below a path prefix of a proxy.
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
