import cliProgress from 'cli-progress';

/** Tells a waiting person how far long work is. */
export interface Progress {
  start(what: string, total: number): void;
  advance(count: number): void;
  stop(): void;
}

/** A bar where there is a terminal to draw it on; elsewhere, as in a log, a line for each quarter of the way. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bar(stream) : quarters((line) => stream.write(`${line}\n`));
}

function bar(stream: NodeJS.WriteStream): Progress {
  const format = '  {what} [{bar}] {percentage}%  {value}/{total}  {duration_formatted}';
  const options = { format, stream, hideCursor: true, clearOnComplete: true };
  const drawn = new cliProgress.SingleBar(options, cliProgress.Presets.rect);
  return {
    start: (what, total) => drawn.start(total, 0, { what }),
    advance: (count) => drawn.increment(count),
    stop: () => drawn.stop(),
  };
}

export function quarters(print: (line: string) => void): Progress {
  let [doing, whole, done] = ['', 0, 0];
  return {
    start(what, total) {
      [doing, whole, done] = [what, total, 0];
    },
    advance(count) {
      const before = Math.floor((done * 4) / whole);
      done += count;
      const after = Math.floor((done * 4) / whole);
      if (after > before) print(`  ${doing}: ${done} of ${whole}`);
    },
    stop: () => undefined,
  };
}
