import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { once } from '../../kernel/once.js';
import { parseVerifierKey, signNote, verifierKey, type Verifier } from './notes.js';

/** The key's file is missing or has no Ed25519 key. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError';
}

export interface SigningKeyOptions {
  /** Of the ledger: what its checkpoints call it. */
  readonly name: string;
  /** Of the file; null keeps the key in memory. */
  readonly path: string | null;
  /** Whether a file that is missing is made. */
  readonly mayCreate: boolean;
  /** Told in a line when a key was made. */
  readonly report: (message: string) => void;
}

/** The ledger's Ed25519 key: a file in PKCS #8 (PEM), made when it is first to sign, readable by its owner alone. */
export class SigningKey {
  constructor(private readonly options: SigningKeyOptions) {}

  get name(): string {
    return this.options.name;
  }

  /** Read, or made, at first need. Throws SigningKeyError. */
  private readonly key = once(() => this.read() ?? this.create());

  /** What auditors verify with: `name+id+key`. */
  verifierKey(): string {
    return verifierKey(this.name, this.key());
  }

  /** The same; null where there is no key yet: to ask makes none. */
  knownVerifierKey(): string | null {
    return this.options.path === null || this.read() ? this.verifierKey() : null;
  }

  sign(text: string): string {
    return signNote(text, this.name, this.key());
  }

  /** Whom to believe, when there is a key: to verify none is made. */
  verifier(): Verifier | null {
    const key = this.read();
    return key && parseVerifierKey(verifierKey(this.name, key));
  }

  private read(): KeyObject | null {
    const { path } = this.options;
    if (path === null) return null;
    let key: KeyObject;
    try {
      key = createPrivateKey(readFileSync(path));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      throw new SigningKeyError(`the signing key ${path} cannot be read: ${message}`, { cause: error });
    }
    if (key.asymmetricKeyType === 'ed25519') return key;
    throw new SigningKeyError(`the signing key ${path} is no Ed25519 key`);
  }

  private create(): KeyObject {
    const { path, mayCreate, report } = this.options;
    const { privateKey } = generateKeyPairSync('ed25519');
    if (path === null) return privateKey;
    if (!mayCreate) throw new SigningKeyError(`there is no signing key ${path}`);
    mkdirSync(dirname(path), { recursive: true });
    try {
      writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      // Another instance has just made it.
      const made = (error as NodeJS.ErrnoException).code === 'EEXIST' ? this.read() : null;
      if (made) return made;
      throw new SigningKeyError(`the signing key ${path} cannot be written`, { cause: error });
    }
    report(`a signing key was made: ${path}; its verifier key, for auditors, is ${verifierKey(this.name, privateKey)}`);
    return privateKey;
  }
}
