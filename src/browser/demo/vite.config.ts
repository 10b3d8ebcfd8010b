import { defineConfig } from "vite";

// Relative addresses: the daemon serves the page under /play/. No inline scripts or data: addresses, so that its content
// security policy can forbid both.
export default defineConfig({
  base: "./",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: { proxy: { "/v1": { target: process.env["ZONED"] ?? "http://127.0.0.1:8080", ws: true, changeOrigin: false } } },
});
