import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, so small that it can be filled. Mounting takes a privilege that not every machine gives. */
export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), 'promoledger-disk-'));

  constructor(mebibytes = 16) {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', this.path]);
    if (mounted.status === 0) return;
    rmSync(this.path, { recursive: true });
    throw new Error(`no file system could be mounted: ${mounted.stderr?.toString() ?? 'there is no mount'}`);
  }

  /** To the last block. */
  fill(): void {
    spawnSync('dd', ['if=/dev/zero', `of=${join(this.path, 'ballast')}`, 'bs=4k']);
  }

  free(): void {
    rmSync(join(this.path, 'ballast'));
  }

  /** Whatever is open on it stays so until it is closed. */
  remove(): void {
    spawnSync('umount', ['-l', this.path]);
    rmSync(this.path, { recursive: true });
  }
}

/** Whether there can be one on this machine. */
export const canMount = ((): boolean => {
  try {
    new SmallDisk(1).remove();
    return true;
  } catch {
    return false;
  }
})();
