import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const here = fileURLToPath(new URL('.', import.meta.url))

/** GraphiQL brings fonts within its style sheet, 350 kB of them; the page's own do. */
const withoutFonts: Plugin = {
  name: 'without-fonts',
  enforce: 'pre',
  transform: (code, id) => (/\/graphiql\/.*\.css$/.test(id) ? code.replace(/@font-face\s*\{[^}]*\}/g, '') : null),
}

// Vite reads its configuration from the default export; nothing else in the project uses one.
export default defineConfig({
  root: here,
  base: '/ui/',
  plugins: [withoutFonts, react()],
  build: {
    outDir: fileURLToPath(new URL('../../dist/web', import.meta.url)),
    emptyOutDir: true,
    // The content security policy allows no data: scripts or fonts; every asset is a file of its own.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1024,
    rolldownOptions: {
      onwarn(warning, warn) {
        // GraphiQL's parts carry words for React's compiler, which bundling drops
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning)
      },
    },
  },
  server: {
    // `DROVER_MASTER_URL` names the master that a development server speaks to.
    proxy: Object.fromEntries(['/api', '/checkpoints', '/graphql', '/docs'].map((path) => [path, { target: process.env['DROVER_MASTER_URL'] ?? 'http://127.0.0.1:8080', ws: path === '/api' }])),
  },
})
