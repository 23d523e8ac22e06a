import { describe, expect, it } from '@jest/globals';
import { MAX_DEPTH, parseJson, TooDeepError } from '../../src/kernel/json.js';

const parse = (text: string): unknown => parseJson(Buffer.from(text));
const lists = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('JSON from outside', () => {
  it('may be so deep and no deeper', () => {
    expect(parse(lists(MAX_DEPTH))).toEqual(JSON.parse(lists(MAX_DEPTH)));
    expect(() => parse(lists(MAX_DEPTH + 1))).toThrow(TooDeepError);
    expect(() => parse('{"a":'.repeat(MAX_DEPTH + 1))).toThrow(TooDeepError);
    expect(() => parse('['.repeat(4 * 1024 * 1024))).toThrow(TooDeepError);
  });

  it('is as deep as its brackets, not those within its texts, and not as long as its lists', () => {
    const flat = [`${'['.repeat(200)}`, '"[[[', '\\', '{'.repeat(200), { 'a"{': '}' }];
    expect(parse(JSON.stringify(flat))).toEqual(flat);
    expect(parse(`[${'[],'.repeat(500)}0]`)).toHaveLength(501);
  });

  it('makes no prototype of a key', () => {
    const value = parse('{"__proto__":{"polluted":true},"constructor":1}') as object;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value).not.toHaveProperty('polluted');
  });

  it('is UTF-8', () => {
    expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow('not valid for encoding');
    expect(() => parse('{"a":}')).toThrow(SyntaxError);
  });
});
