/** How the console is built: modern browsers only, names that carry the hash of what is in them, nothing inlined (the policy of the page forbids it). */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Vite asks for a default export.
export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_500,
    emptyOutDir: true,
    rolldownOptions: {
      output: {
        // what changes seldom is kept by browsers over our releases
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules\/(react|react-dom|scheduler|@tanstack|i18next|react-i18next)\// },
          ],
        },
      },
    },
  },
  // `npx vite console`: pages that change as they are edited, in front of a server that runs
  server: { host: '127.0.0.1', proxy: { '/api': process.env.MORTISE_URL ?? 'http://127.0.0.1:7070' } },
})
