// Writes viewer.js to src/careloom/dashboard/static, or to the file that the first argument names:
// npm ci --ignore-scripts && npm run check && npm run build
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] || join(here, '../../src/careloom/dashboard/static/viewer.js');

// So that what is shipped can be held against its source where no node is.
const digest = createHash('sha256');
for (const name of readdirSync(join(here, 'src')).sort()) { digest.update(readFileSync(join(here, 'src', name))); }

await build({
  absWorkingDir: here, entryPoints: ['src/main.ts'], outfile: target, bundle: true, minify: true, format: 'iife', target: 'es2020',
  charset: 'utf8', legalComments: 'none', logLevel: 'warning',
  banner: { js: `/* the note viewer, of tools/viewer, source sha256 ${digest.digest('hex')} */` }
});
