import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = fileURLToPath(new URL('.', import.meta.url))

// Vite reads its configuration from the default export; nothing else in the project uses one.
export default defineConfig({
  root: here,
  base: '/ui/',
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL('../../dist/web', import.meta.url)),
    emptyOutDir: true,
    // The content security policy allows no data: scripts or fonts; every asset is a file of its own.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1024,
  },
  server: {
    // `DROVER_MASTER_URL` names the master that a development server speaks to.
    proxy: Object.fromEntries(['/api', '/checkpoints'].map((path) => [path, { target: process.env['DROVER_MASTER_URL'] ?? 'http://127.0.0.1:8080', ws: path === '/api' }])),
  },
})
