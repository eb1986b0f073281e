// Writes plotly.js, regenerator.js and plotly-LICENSE.txt to src/careloom/dashboard/static, or beside the file that the first
// argument names: npm ci --ignore-scripts && npm run build
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] || join(here, '../../src/careloom/dashboard/static/plotly.js');

const TEXT = String.raw`(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")`;
const DESCRIPTION = new RegExp(
  String.raw`^\s*description:\s*(?:\[(?:\s*${TEXT}\s*,?)*\s*\]\s*\.join\(\s*${TEXT}\s*\)|${TEXT}(?:\s*\+\s*${TEXT})*),?[ \t]*$`, 'gm'
);

// What the attributes of figures mean, for plotly's own reference.
const undescribed = {
  name: 'undescribed',
  setup(builder) {
    builder.onLoad({ filter: /plotly\.js[/\\]src[/\\].*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(DESCRIPTION, ''), loader: 'js'
    }));
  }
};

const replaced = {
  name: 'replaced',
  setup(builder) {
    builder.onResolve({ filter: /^culori$/ }, () => ({ path: join(here, 'colours.js') }));
    builder.onResolve({ filter: /\.css$/ }, () => ({ path: join(here, 'unused.js') })); // of maps
    builder.onResolve({ filter: /components\/selections$|^\.\/manage$/ }, () => ({ path: join(here, 'unused.js') }));
  }
};

// What scripts of Dash that were compiled for older browsers expect to be there.
await build({
  absWorkingDir: here, entryPoints: ['node_modules/regenerator-runtime/runtime.js'], bundle: true, minify: true, platform: 'browser',
  outfile: join(dirname(target), 'regenerator.js'), legalComments: 'none', banner: { js: '/* regenerator-runtime, MIT licence, (c) Facebook, Inc. and its affiliates */' }
});

const version = JSON.parse(readFileSync(join(here, 'node_modules/plotly.js/package.json'), 'utf8')).version;
const built = await build({
  absWorkingDir: here, entryPoints: ['figures.js'], outfile: target, bundle: true, minify: true, platform: 'browser',
  target: 'es2020', define: { global: 'window' }, legalComments: 'none', plugins: [undescribed, replaced], logLevel: 'warning', metafile: true,
  banner: { js: `/* parts of plotly.js v${version}, MIT licence, (c) Plotly, Inc.; d3, BSD; culori, MIT: plotly-LICENSE.txt */` }
});

// Whose work is in it, and under which licences.
const packages = new Set(['regenerator-runtime', ...Object.keys(built.metafile.inputs).map(path => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])]);
const licences = [...packages].filter(Boolean).sort().map(name => {
  const folder = join(here, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const text = readdirSync(folder).filter(file => /^licen[cs]e/i.test(file)).map(file => readFileSync(join(folder, file), 'utf8'));
  return [`${name} ${version}, ${license}`, ...text].map(part => part.trim()).join('\n\n');
});
writeFileSync(target.replace(/\.js$/, '-LICENSE.txt'), licences.join(`\n\n${'-'.repeat(72)}\n\n`) + '\n');
