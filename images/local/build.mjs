// Builds the binaries to plain JavaScript: dist/<name>.mjs with a source map and chunks beside it.
// Run: node images/local/build.mjs [name...]
import { existsSync, globSync } from 'node:fs'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

const ENTRIES = [
  { name: 'drover', entry: 'master/cli/main.ts' },
  { name: 'drover-agent', entry: 'agent/main.ts' },
  { name: 'drover-master', entry: 'master/main.ts' },
]

// CommonJS packages inside an ES module bundle still call require for what Node brings.
const BANNER = [
  '#!/usr/bin/env node',
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __toPath } from 'node:url';",
  'const require = __createRequire(import.meta.url); const __filename = __toPath(import.meta.url); const __dirname = __toPath(new URL(".", import.meta.url));',
].join('\n')

/**
 * Builds the named binaries, all by default. An entry that does not exist is skipped with a printed reason.
 * Returns the programs written; each needs its chunks, dist/<name>-*.mjs (the command line's: drover-cli-*.mjs). `outDir` defaults to dist/ of the repository.
 */
export async function build({ names = ENTRIES.map(({ name }) => name), outDir = join(ROOT, 'dist'), print = console.log } = {}) {
  const unknown = names.filter((name) => !ENTRIES.some((one) => one.name === name))
  if (unknown.length > 0) throw new Error(`unknown binary ${unknown.join(', ')}; known: ${ENTRIES.map(({ name }) => name).join(', ')}`)
  const { build: bundle } = await import('esbuild')
  await mkdir(outDir, { recursive: true })
  const written = []
  for (const { name, entry } of ENTRIES.filter((one) => names.includes(one.name))) {
    if (!existsSync(join(ROOT, entry))) {
      print(`skipped ${name}: ${entry} does not exist`)
      continue
    }
    written.push(await bundleOne(bundle, entry, join(outDir, `${name}.mjs`)))
    print(`built ${written.at(-1)}`)
  }
  return written
}

// dockerode loads these at import, for Docker over SSH, for BuildKit sessions and for builds from a directory; nothing of
// ours calls them, and they cost an idle agent 12 MB.
const withoutUnused = {
  name: 'without-unused',
  setup(build) {
    build.onResolve({ filter: /^(ssh2|protobufjs|tar-fs|@grpc\/grpc-js|@grpc\/proto-loader)$/ }, ({ path }) => ({ path, namespace: 'unused' }))
    build.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {}' }))
  },
}

// What is loaded only where it is needed is a file of its own: an idle process that never uses it pays nothing for it. Of
// the EC2 client the ES modules are taken, from which esbuild leaves out the hundreds of commands that nobody calls (60 MB).
const CHUNKED = {
  splitting: true,
  // V8 keeps the text of what it has loaded; names stay, for stack traces
  minifyWhitespace: true,
  minifySyntax: true,
  // Grafast reads it at import, and complains on stderr where nobody set it
  define: { 'process.env.GRAPHILE_ENV': '"production"' },
  alias: { '@aws-sdk/client-ec2': join(ROOT, 'node_modules/@aws-sdk/client-ec2/dist-es/index.js') },
}

async function bundleOne(bundle, entry, outfile) {
  const name = basename(outfile, '.mjs')
  const outdir = dirname(outfile)
  // the command line's own name is how the others' begin
  const prefix = name === 'drover' ? 'drover-cli' : name
  for (const old of globSync(`${prefix}-*-*.mjs*`, { cwd: outdir })) await rm(join(outdir, old))
  await bundle({
    absWorkingDir: ROOT,
    entryPoints: [{ in: entry, out: name }],
    outdir,
    outExtension: { '.js': '.mjs' },
    chunkNames: `${prefix}-[name]-[hash]`,
    ...CHUNKED,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    sourcemap: 'linked',
    legalComments: 'linked',
    banner: { js: BANNER },
    plugins: [withoutUnused],
    // Native code: argon2 is installed beside the bundle; the others are optional and only make something faster.
    external: ['@node-rs/argon2', 'cpu-features', 'pg-native', 'bufferutil', 'utf-8-validate', 'snappy', '*.node'],
    logLevel: 'warning',
  })
  await chmod(outfile, 0o755)
  return outfile
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const names = process.argv.slice(2)
  await build(names.length > 0 ? { names } : {})
}
