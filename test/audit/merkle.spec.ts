import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../src/kernel/canonical-json.js';
import {
  consistencyPath,
  EMPTY_ROOT,
  foldHashes,
  inclusionPath,
  leafHash,
  rootOf,
} from '../../src/audit/seals/merkle.js';
import canonicalize from 'canonicalize';
import { includes, isConsistent, leaf, treeHash } from '../support/verifier.js';

/** Subtrees of entries in memory, by their definition. */
function subtreesOf(entries: readonly Buffer[]) {
  const leaves = entries.map(leafHash);
  return (level: number, index: number) => {
    const part = leaves.slice(index * 2 ** level, (index + 1) * 2 ** level);
    if (part.length !== 2 ** level) throw new Error('no complete subtree');
    return foldHashes(Buffer.concat(part));
  };
}

const hex = (text: string) => Buffer.from(text, 'hex');

/** The leaves that the tests of Certificate Transparency logs have used since RFC 6962, and what comes of them. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  hex,
);
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const INCLUSION: readonly [index: number, size: number, path: readonly string[]][] = [
  [0, 1, []],
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
];
const CONSISTENCY: readonly [first: number, second: number, path: readonly string[]][] = [
  [1, 1, []],
  [
    1,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    6,
    8,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
];

describe('the tree', () => {
  it('is that of Certificate Transparency: its known answers', () => {
    expect(EMPTY_ROOT.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    ROOTS.forEach((root, at) => {
      expect(rootOf(at + 1, subtreesOf(LEAVES)).toString('hex')).toBe(root);
      expect(treeHash(LEAVES.slice(0, at + 1)).toString('hex')).toBe(root);
    });
    for (const [index, size, path] of INCLUSION) {
      expect(inclusionPath(index, size, subtreesOf(LEAVES)).map((each) => each.toString('hex'))).toEqual(path);
    }
    for (const [first, second, path] of CONSISTENCY) {
      expect(consistencyPath(first, second, subtreesOf(LEAVES)).map((each) => each.toString('hex'))).toEqual(path);
    }
  });

  it('proves what the other verifier believes, and nothing else, for every tree of up to 70 and pairs of up to 300', () => {
    const entries = Array.from({ length: 300 }, (_, index) => leaf(Buffer.from(`event ${index}`)));
    const subtree = subtreesOf(entries);
    const roots = Array.from({ length: 301 }, (_, size) => treeHash(entries.slice(0, size)));
    const check = (index: number, size: number) => {
      const proof = {
        hash: entries[index]!,
        leafIndex: index,
        treeSize: size,
        path: inclusionPath(index, size, subtree),
      };
      expect(includes({ ...proof, root: roots[size]! })).toBe(true);
      expect(includes({ ...proof, root: roots[size - 1]! })).toBe(false);
      expect(includes({ ...proof, hash: roots[size]!, root: roots[size]! })).toBe(false);
      expect(proof.path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)) || 0);
      const path = consistencyPath(index + 1, size, subtree);
      const first = { size: index + 1, root: roots[index + 1]! };
      expect(isConsistent({ first, second: { size, root: roots[size]! }, path })).toBe(true);
      expect(
        isConsistent({ first: { ...first, root: roots[index]! }, second: { size, root: roots[size]! }, path }),
      ).toBe(false);
    };
    for (let size = 1; size <= 300; size += 1) expect(rootOf(size, subtree)).toEqual(roots[size]);
    for (let size = 1; size <= 70; size += 1) for (let index = 0; index < size; index += 1) check(index, size);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat({ max: 299 }), (size, index) => {
        fc.pre(index < size);
        check(index, size);
      }),
      { numRuns: 300 },
    );
  });
});

describe('canonical JSON', () => {
  it('is what another implementation of RFC 8785 writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
    );
  });

  it('keeps its order for names that an object has an order, or a use, of its own for', () => {
    // As JSON.parse gives them: `__proto__` is a field then.
    const names = fc.constantFrom('b', 'a', '10', '9', '1', '-1', '01', '', '__proto__', 'toJSON', '4294967295');
    const objects = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, fc.nat(), fc.array(tie('value')), tie('object')),
      object: fc
        .uniqueArray(fc.tuple(names, tie('value')), { selector: ([name]) => name })
        .map((fields) => Object.fromEntries(fields)),
    })).object;
    fc.assert(
      fc.property(objects, (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
    );
  });

  it('is the example of RFC 8785, section 3.2.3, sorted by code units', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'CR',
      '\ufb33': 'Dalet',
      '1': 'One',
      '\ud83d\ude00': 'Smiley',
      '\u0080': 'C',
      '\u00f6': 'o',
    };
    expect(Object.values(JSON.parse(canonicalJson(value)) as object)).toEqual([
      'One',
      'CR',
      'C',
      'o',
      'Euro Sign',
      'Smiley',
      'Dalet',
    ]);
    expect(canonicalJson([Number('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27, -0])).toBe(
      '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
    );
  });

  it('has a spelling for text that is no Unicode, where a package would give up', () => {
    expect(canonicalJson({ reason: '\ud800' })).toBe('{"reason":"\\ud800"}');
    expect(() => canonicalize({ reason: '\ud800' })).toThrow('Lone surrogate');
  });
});
