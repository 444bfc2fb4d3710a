// Notes which files this process loads: modules by a hook of Node, files that it reads by names in `node:fs`.
// `node --import tests/support/trace/trace.mjs`; the notes go to `ORRERY_TRACE/<pid>`, after a first line with the
// stage file.
import fs from 'node:fs';
import { registerHooks, syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';

const notes = fs.openSync(`${process.env.ORRERY_TRACE}/${process.pid}`, 'a');
fs.writeSync(notes, `${process.env.ORRERY_STAGE_FILE ?? ''}\n`);

function note(file) {
  const path = file instanceof URL ? fileURLToPath(file) : file;
  if (typeof path === 'string' && path.startsWith('/')) fs.writeSync(notes, `${path}\n`);
}

registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:')) note(new URL(url));
    return next(url, context);
  },
});

for (const [owner, names] of [
  [fs, ['readFileSync', 'openSync', 'readFile', 'open', 'createReadStream']],
  [fs.promises, ['readFile', 'open']],
]) {
  for (const name of names) {
    const original = owner[name];
    owner[name] = function traced(file, ...rest) {
      note(file);
      return original.call(this, file, ...rest);
    };
  }
}
syncBuiltinESMExports();
