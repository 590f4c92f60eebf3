// Measures a function of the engine under node: bench.cjs ENGINE FUNCTION STACK PODS…
// Prints a JSON object from the number of pods to CPU seconds.
"use strict";

const path = require("node:path");

const [engineFile, measured, stack, ...counts] = process.argv.slice(2);
const engine = require(path.resolve(engineFile));

/** CPU seconds of this process so far. */
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

// Compiling the module and warming up its code are not what is measured.
engine.run_pods(50, stack);

const seconds = {};
for (const count of counts.map(Number)) {
  const before = cpuSeconds();
  const running = engine[measured](count, stack);
  seconds[count] = cpuSeconds() - before;
  if (running !== count) {
    throw new Error(`only ${running} of ${count} pods run`);
  }
}
console.log(JSON.stringify(seconds));
