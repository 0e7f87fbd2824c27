// Builds the binaries to plain JavaScript: dist/<name>.mjs and what it loads, dist/lib/<name>-*.mjs, with source maps.
// Run: node images/local/build.mjs [name...]
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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
 * Returns the programs written; each needs its files in lib/ beside it. `outDir` defaults to dist/ of the repository.
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
    written.push(await bundleOne(bundle, name, entry, outDir))
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

/**
 * In parts: what is loaded with its first use (the S3 client, systeminformation) is neither read nor kept by a process that
 * never uses it. Without white space, since V8 keeps the text of what it has loaded; names stay, for stack traces.
 */
async function bundleOne(bundle, name, entry, outDir) {
  for (const old of await readdir(join(outDir, 'lib')).catch(() => [])) if (isOf(name, old)) await rm(join(outDir, 'lib', old))
  await bundle({
    absWorkingDir: ROOT,
    entryPoints: { [name]: entry },
    outdir: outDir,
    outExtension: { '.js': '.mjs' },
    splitting: true,
    chunkNames: `lib/${name}-[hash]`,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    legalComments: 'linked',
    banner: { js: BANNER },
    plugins: [withoutUnused],
    // Native code: argon2 is installed beside the bundle; the others are optional and only make something faster.
    external: ['@node-rs/argon2', 'cpu-features', 'pg-native', 'bufferutil', 'utf-8-validate', 'snappy', '*.node'],
    logLevel: 'warning',
  })
  const program = join(outDir, `${name}.mjs`)
  await chmod(program, 0o755)
  return program
}

/** `drover-…` begins like `drover-agent-…`: what follows the program's name is esbuild's hash. */
function isOf(name, file) {
  return file.startsWith(`${name}-`) && /^[A-Z0-9]{8}\./.test(file.slice(name.length + 1))
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const names = process.argv.slice(2)
  await build(names.length > 0 ? { names } : {})
}
