import {defineConfig} from 'vite';

// Relative addresses: the daemon may serve the pages under any path. No inline scripts or data: addresses, so that the
// daemon's content security policy can forbid both.
export default defineConfig({
  base: './',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: {polyfill: false},
    target: 'es2022',
    chunkSizeWarningLimit: 300,
  },
  server: {proxy: {'/v1': {target: 'http://127.0.0.1:8080', ws: true, changeOrigin: false}}},
});
