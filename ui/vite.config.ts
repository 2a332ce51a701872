import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  // The gateway decides where the files live, so they may only refer to each other relatively.
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  // `npm run dev` shows the page beside a gateway that runs with its usual address.
  server: { proxy: { '/graphql': 'http://127.0.0.1:8000' } },
  build: {
    outDir: '../gateway/transport/static/graphiql',
    emptyOutDir: true,
    // Fonts and images stay files: the page's Content-Security-Policy then needs no `data:` for them.
    assetsInlineLimit: 0,
    // Monaco alone is 3 MB; it is loaded once and cached for a year.
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      onwarn(warning, warn) {
        // Dependencies carry "use no memo" for the React compiler, which nobody runs here.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
});
