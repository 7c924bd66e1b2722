import { describe, expect, it } from 'vitest';
import { circleOf } from '../../../../src/supervision/main/token-circle.js';

/** `a>b b>c` as what each refers to. */
const graph =
  (edges: string) =>
  (name: string): readonly string[] =>
    edges
      .split(' ')
      .map((edge) => edge.split('>'))
      .flatMap(([from, to]) => (from === name ? [to!] : []));

describe('circleOf', () => {
  it.each<[string, string, readonly string[] | undefined]>([
    ['nothing', 'b>c', undefined],
    ['a chain', 'a>b b>c c>d', undefined],
    ['itself', 'a>a', ['a', 'a']],
    ['one that refers back', 'a>b b>a', ['a', 'b', 'a']],
    ['three in a ring', 'a>b b>c c>a', ['a', 'b', 'c', 'a']],
    ['a ring that it is no part of', 'a>b b>c c>b', undefined],
    ['two ways to the same, and none back', 'a>b a>c b>d c>d', undefined],
    ['a way back by the second reference alone', 'a>b a>c c>a', ['a', 'c', 'a']],
    ['a way back behind a ring of others', 'a>b b>c c>b c>d d>a', ['a', 'b', 'c', 'd', 'a']],
    ['one that does not exist', 'a>nobody', undefined],
  ])('%s: %s', (_what, edges, circle) => {
    expect(circleOf('a', graph(edges))).toEqual(circle);
  });
});
