// The simulator gives the same trace natively and in wasm, byte for byte: every built-in scenario
// on every stack.
//
//     node parity.cjs ENGINE.js SHIMSCOPE TRACES
//
// ENGINE.js is the wasm engine bound for node, SHIMSCOPE the native program. Each pair of traces is
// left in the folder TRACES as NAME.STACK.{native,wasm}.json, so that two that differ can be looked
// at.

const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { mkdirSync, rmSync, writeFileSync } = require('node:fs');
const { join, resolve } = require('node:path');

const [engineFile, shimscope, folder] = process.argv.slice(2).map((path) => resolve(path));
const engine = require(engineFile);

const scenarios = JSON.parse(engine.scenarios());
const stacks = [...new Set(scenarios.flatMap((scenario) => scenario.stacks))].sort();

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

let same = 0;
let different = 0;
for (const { id, yaml } of scenarios) {
  for (const stack of stacks) {
    const native = execFileSync(shimscope, ['simulate', '--scenario', id, '--stack', stack, '--format', 'json'], {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
      stdio: ['ignore', 'pipe', 'inherit'],
    }).trimEnd();
    const wasm = engine.simulate(yaml, stack);
    writeFileSync(join(folder, `${id}.${stack}.native.json`), native);
    writeFileSync(join(folder, `${id}.${stack}.wasm.json`), wasm);
    if (native === wasm) {
      same += 1;
      const digest = createHash('sha256').update(native).digest('hex').slice(0, 12);
      console.log(`  same       ${id} on ${stack}: ${native.length} bytes, sha256 ${digest}…`);
    } else {
      different += 1;
      console.log(`  DIFFERENT  ${id} on ${stack}: ${firstDifference(native, wasm)}`);
    }
  }
}

console.log(`\n${same} traces are the same natively and in wasm, ${different} differ; they are in ${folder}`);
process.exitCode = different > 0 || same === 0 ? 1 : 0;

/** Where two texts part, with what surrounds the place in each. */
function firstDifference(native, wasm) {
  let at = 0;
  while (native[at] === wasm[at]) at += 1;
  const around = (text) => text.slice(Math.max(0, at - 60), at + 40);
  return `at byte ${at}\n    native …${around(native)}…\n    wasm   …${around(wasm)}…`;
}
